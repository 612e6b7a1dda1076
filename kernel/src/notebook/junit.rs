//! The results as JUnit XML, which CI services show: a suite for each notebook, a case for each cell.
//!
//! The format has no standard; this is the part that Jenkins, GitLab and pytest agree on.

use std::fmt::Write as _;

use super::terminal::without_escapes;
use super::tested::{Problem, Tested, escaped};

/// The whole file.
pub(super) fn to_xml(notebooks: &[Tested]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for notebook in notebooks {
        write_suite(&mut xml, notebook);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn write_suite(xml: &mut String, notebook: &Tested) {
    let name = escaped(&notebook.path.display().to_string());
    let cells: Vec<(String, Vec<&Problem>)> = notebook
        .cells
        .iter()
        .map(|cell| {
            let of_cell = |problem: &&Problem| problem.cell == Some(cell.number);
            let problems = notebook.problems.iter().filter(of_cell).collect();
            (
                format!("cell {}: {}", cell.number, cell.first_line),
                problems,
            )
        })
        .collect();
    let is_of_listed = |problem: &Problem| {
        let numbers = notebook.cells.iter().map(|cell| cell.number);
        numbers.map(Some).any(|number| number == problem.cell)
    };
    let others: Vec<&Problem> = notebook
        .problems
        .iter()
        .filter(|problem| !is_of_listed(problem))
        .collect();
    let mut cases = cells;
    // A notebook without a case would look as if it had not been there.
    if !others.is_empty() || cases.is_empty() {
        cases.push(("notebook".to_owned(), others));
    }
    let failures = cases.iter().filter(|(_, problems)| !problems.is_empty());
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">",
        cases.len(),
        failures.count(),
        notebook.took.as_secs_f64()
    );
    for (case, problems) in &cases {
        let case = escaped(case);
        let _ = write!(xml, "    <testcase classname=\"{name}\" name=\"{case}\"");
        if problems.is_empty() {
            xml.push_str("/>\n");
            continue;
        }
        let texts: Vec<String> = problems
            .iter()
            .map(|problem| without_escapes(&problem.text))
            .collect();
        let text = texts.join("\n");
        let message = escaped(text.lines().next().unwrap_or_default());
        let _ = write!(
            xml,
            ">\n      <failure message=\"{message}\">{}</failure>\n    </testcase>\n",
            escaped(&text)
        );
    }
    xml.push_str("  </testsuite>\n");
}

#[cfg(test)]
mod tests {
    use super::super::ending::CellLabel;
    use super::*;
    use std::time::Duration;

    fn label(number: usize, first_line: &str) -> CellLabel {
        CellLabel {
            number,
            position: number,
            first_line: first_line.to_owned(),
        }
    }

    #[test]
    fn each_cell_is_a_case_and_what_is_no_cells_is_the_notebooks() {
        let differs = Problem {
            cell: Some(2),
            text: "cell 2 differs: a < b\n\u{1b}[31m- old\u{1b}[0m".to_owned(),
            pictures: Vec::new(),
        };
        let notebooks = [
            Tested {
                path: "a.ipynb".into(),
                took: Duration::from_millis(1500),
                cells: vec![label(1, "let a = 1;"), label(2, "a < b")],
                problems: vec![differs],
                ..Tested::default()
            },
            Tested {
                path: "b.ipynb".into(),
                problems: vec![Problem::of_notebook("not a notebook")],
                ..Tested::default()
            },
        ];
        let expected = "\
<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites>
  <testsuite name=\"a.ipynb\" tests=\"2\" failures=\"1\" time=\"1.500\">
    <testcase classname=\"a.ipynb\" name=\"cell 1: let a = 1;\"/>
    <testcase classname=\"a.ipynb\" name=\"cell 2: a &lt; b\">
      <failure message=\"cell 2 differs: a &lt; b\">cell 2 differs: a &lt; b
- old</failure>
    </testcase>
  </testsuite>
  <testsuite name=\"b.ipynb\" tests=\"1\" failures=\"1\" time=\"0.000\">
    <testcase classname=\"b.ipynb\" name=\"notebook\">
      <failure message=\"not a notebook\">not a notebook</failure>
    </testcase>
  </testsuite>
</testsuites>
";
        assert_eq!(to_xml(&notebooks), expected);
    }
}
