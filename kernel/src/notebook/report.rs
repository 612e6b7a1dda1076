//! The results as one HTML page: differences with colours, pictures side by side.
//!
//! The page needs no other file, so it can be kept as it is where tests were run.

use std::fmt::Write as _;

use super::progress::{counted, duration};
use super::terminal::without_escapes;
use super::tested::{PicturePair, Tested, escaped};

const STYLE: &str = "\
body { font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
h2 { font-size: 1.1rem; margin: 2rem 0 .3rem }
.ok { color: #1a7f37 } .failed { color: #c00 }
pre { background: #f6f8fa; padding: .7rem; overflow-x: auto; font-size: 13px; line-height: 1.4 }
pre del { background: #ffd7d5; text-decoration: none } pre ins { background: #ccffd8; text-decoration: none }
.pictures { display: flex; gap: 1rem; flex-wrap: wrap } figure { margin: 0; flex: 1 1 20rem }
figcaption { font-size: 13px; color: #666 } img { max-width: 100%; border: 1px solid #ddd }
";

/// The whole page.
pub(super) fn to_html(notebooks: &[Tested]) -> String {
    let failed = notebooks
        .iter()
        .filter(|notebook| !notebook.is_ok())
        .count();
    let (all, class) = (
        counted(notebooks.len(), "notebook"),
        if failed == 0 { "ok" } else { "failed" },
    );
    let mut html = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>torchbook test</title>\n\
         <style>\n{STYLE}</style>\n<h1>torchbook test</h1>\n\
         <p class=\"{class}\">{all}, {failed} failed</p>\n"
    );
    for notebook in notebooks {
        write_notebook(&mut html, notebook);
    }
    html.push_str("</html>\n");
    html
}

fn write_notebook(html: &mut String, notebook: &Tested) {
    let (class, mark) = if notebook.is_ok() {
        ("ok", "✓")
    } else {
        ("failed", "✗")
    };
    let _ = writeln!(
        html,
        "<h2 class=\"{class}\">{mark} {}</h2>\n<p>{} in {}</p>",
        escaped(&notebook.path.display().to_string()),
        counted(notebook.cells.len(), "cell"),
        duration(notebook.took),
    );
    for problem in &notebook.problems {
        html.push_str("<pre>");
        for line in without_escapes(problem.text.trim_end()).lines() {
            let tag = match line.get(..2) {
                Some("- ") => "del",
                Some("+ ") => "ins",
                _ => "span",
            };
            let _ = writeln!(html, "<{tag}>{}</{tag}>", escaped(line));
        }
        html.push_str("</pre>\n");
        for pair in &problem.pictures {
            write_pictures(html, pair);
        }
    }
}

fn write_pictures(html: &mut String, pair: &PicturePair) {
    html.push_str("<div class=\"pictures\">\n");
    for (caption, picture) in [("stored", &pair.stored), ("now", &pair.now)] {
        let picture = match picture {
            Some(address) => format!("<img alt=\"{caption}\" src=\"{}\">", escaped(address)),
            None => "no picture".to_owned(),
        };
        let _ = writeln!(
            html,
            "<figure><figcaption>{caption}</figcaption>{picture}</figure>"
        );
    }
    html.push_str("</div>\n");
}

#[cfg(test)]
mod tests {
    use super::super::tested::Problem;
    use super::*;

    #[test]
    fn differences_have_colours_and_pictures_stand_side_by_side() {
        let problem = Problem {
            cell: Some(1),
            text: "cell 1 differs: a < b\n- old\n+ new".to_owned(),
            pictures: vec![PicturePair {
                stored: Some("data:image/png;base64,AAAA".to_owned()),
                now: None,
            }],
        };
        let html = to_html(&[Tested {
            path: "<b>.ipynb".into(),
            problems: vec![problem],
            ..Tested::default()
        }]);
        for part in [
            "<p class=\"failed\">1 notebook, 1 failed</p>",
            "✗ &lt;b&gt;.ipynb</h2>",
            "<pre><span>cell 1 differs: a &lt; b</span>\n<del>- old</del>\n<ins>+ new</ins>\n</pre>",
            "<figcaption>stored</figcaption><img alt=\"stored\" src=\"data:image/png;base64,AAAA\">",
            "<figcaption>now</figcaption>no picture",
        ] {
            assert!(html.contains(part), "{part} is missing in\n{html}");
        }
    }

    #[test]
    fn a_good_run_is_green() {
        let html = to_html(&[Tested::default()]);
        assert!(
            html.contains("<p class=\"ok\">1 notebook, 0 failed</p>"),
            "{html}"
        );
    }
}
