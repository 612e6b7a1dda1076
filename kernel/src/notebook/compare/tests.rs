use super::super::image::test_png;
use super::*;
use serde_json::json;

fn text(text: &str) -> Value {
    json!({"output_type": "stream", "name": "stdout", "text": text})
}

fn picture(width: u32, height: u32, colour: [u8; 3]) -> Value {
    let data = json!({"image/png": test_png(width, height, colour)});
    json!({"output_type": "display_data", "data": data, "metadata": {}})
}

fn exact() -> Checks {
    Checks {
        exact: true,
        ..Checks::default()
    }
}

fn number(range: Value) -> Checks {
    Checks {
        numbers: vec![serde_json::from_value(range).unwrap()],
        ..Checks::default()
    }
}

fn image(bounds: Value) -> Checks {
    Checks {
        image: Some(serde_json::from_value(bounds).unwrap()),
        ..Checks::default()
    }
}

#[track_caller]
fn check(checks: &Checks, stored: &[Value], new: &[Value], problem: &str) {
    assert_eq!(compare(checks, Some(stored), new).join("\n"), problem);
}

#[test]
fn equal_text_passes_whatever_its_colours() {
    check(
        &exact(),
        &[text("a\nb\n")],
        &[text("a\n\u{1b}[1mb\u{1b}[0m\n")],
        "",
    );
}

#[test]
fn a_difference_is_shown_with_what_is_around_it() {
    let stored: String = (1..=20).map(|line| format!("line {line}\n")).collect();
    let new = stored.replace("line 10\n", "line ten\n");
    check(
        &exact(),
        &[text(&stored)],
        &[text(&new)],
        "- stored\n+ now\n  line 7\n  line 8\n  line 9\n- line 10\n+ line ten\n  line 11\n  line 12\n  line 13",
    );
}

#[test]
fn a_missing_output_is_a_difference() {
    check(
        &exact(),
        &[text("a\n")],
        &[],
        "- stored\n+ now\n- [stdout]\n- a",
    );
    let stored = [text("a"), picture(2, 2, [0; 3])];
    check(&exact(), &stored, &[text("a")], {
        "- stored\n+ now\n  [stdout]\n  a\n- [display_data: image/png]"
    });
}

#[test]
fn long_differences_are_cut() {
    let new: String = (0..100).map(|line| format!("{line}\n")).collect();
    let problem = compare(&exact(), Some(&[]), &[text(&new)]).join("");
    assert!(
        problem.ends_with("\n+ 56\n  … and 43 more lines"),
        "{problem}"
    );
}

#[test]
fn contains_names_the_missing_words() {
    let checks = Checks {
        contains: vec!["ab".into(), "yz".into()],
        ..Checks::default()
    };
    check(
        &checks,
        &[],
        &[text("xaby\n")],
        "expected to find `yz` in\n  xaby",
    );
    check(&checks, &[], &[text("abyz")], "");
}

#[test]
fn the_last_number_must_lie_in_its_range() {
    let checks = number(json!({"min": 0.98, "max": 1.0}));
    check(&checks, &[], &[text("epoch 5: 0.991\n")], "");
    check(
        &checks,
        &[],
        &[text("0.99 then 0.97\n")],
        "expected the last number to be from 0.98 to 1, found 0.97",
    );
    check(
        &checks,
        &[],
        &[text("none")],
        "expected the last number, found none in\n  none",
    );
    check(
        &checks,
        &[],
        &[text("accuracy 0.99, loss NaN")],
        "expected the last number to be from 0.98 to 1, found NaN",
    );
}

#[test]
fn numbers_are_recognised_as_programs_print_them() {
    for (printed, value) in [
        ("total 1,183,498", 1_183_498.0),
        ("conv2d_1: -0.5 (relu2)", -0.5),
        ("[1.5e-3]", 0.0015),
        ("98.9%", 98.9),
        ("took 5s", 5.0),
        ("(10000, 10)", 10.0),
        ("x=.25", 0.25),
        ("the end: 3.", 3.0),
    ] {
        let checks = number(json!({"min": value, "max": value}));
        check(&checks, &[], &[text(printed)], "");
    }
}

#[test]
fn a_pattern_says_where_the_number_stands() {
    let checks = number(json!({"max": 0.2, "pattern": "loss: ([0-9.]+)"}));
    check(
        &checks,
        &[],
        &[text("loss: 0.9\nloss: 0.1 acc: 0.97\n")],
        "",
    );
    check(
        &checks,
        &[],
        &[text("loss: 0.9")],
        "expected the number found by `loss: ([0-9.]+)` to be at most 0.2, found 0.9",
    );
    check(
        &number(json!({"max": 1, "pattern": "(loss)"})),
        &[],
        &[text("loss")],
        "expected the number found by `(loss)` to be a number, found `loss`",
    );
}

#[test]
fn a_picture_is_compared_with_the_stored_one() {
    let stored = [picture(20, 10, [100; 3])];
    check(&image(json!({})), &stored, &[picture(20, 10, [108; 3])], "");
    check(
        &image(json!({})),
        &stored,
        &[picture(20, 10, [130, 100, 100])],
        "expected picture 1 to have a mean colour within 10 of [100, 100, 100], \
         found 20x10, mean colour [129, 100, 100]",
    );
    check(
        &image(json!({})),
        &stored,
        &[picture(21, 10, [100; 3])],
        "expected picture 1 to have a width from 20 to 20, \
         found 21x10, mean colour [100, 100, 100]",
    );
    check(
        &image(json!({})),
        &stored,
        &[],
        "expected 1 PNG pictures, found 0",
    );
}

#[test]
fn bounds_in_the_metadata_come_first() {
    let checks = image(json!({"width": [15, 25], "mean": [200, 0, 0], "tolerance": 5}));
    check(
        &checks,
        &[picture(20, 10, [0; 3])],
        &[picture(24, 10, [202, 0, 0])],
        "",
    );
}

#[test]
fn damaged_and_blank_pictures_are_noticed() {
    let stored = [picture(20, 10, [100; 3])];
    check(
        &image(json!({})),
        &stored,
        &[picture(20, 10, [0; 3])],
        "expected picture 1 to show something, found 20x10, mean colour [0, 0, 0], blank",
    );
    let damaged = json!({"output_type": "display_data", "data": {"image/png": "AAAA"}});
    let problem = compare(&image(json!({})), Some(&stored), &[damaged]).join("");
    assert!(problem.starts_with("picture 1 is not a PNG: "), "{problem}");
}

#[test]
fn without_stored_outputs_the_other_checks_remain() {
    assert!(compare(&exact(), None, &[text("a")]).is_empty());
    assert_eq!(
        compare(&number(json!({"min": 2})), None, &[text("1")]).len(),
        1
    );
    assert_eq!(
        compare(&image(json!({})), None, &[]),
        ["expected 1 PNG pictures, found 0"]
    );
}

#[test]
fn an_expected_error_must_come() {
    let checks = Checks {
        raises: true,
        ..Checks::default()
    };
    let error = json!({"output_type": "error", "ename": "E", "evalue": "v", "traceback": []});
    check(&checks, &[], &[error], "");
    check(
        &checks,
        &[],
        &[],
        "expected an error (tag `raises-exception`), but the cell succeeded",
    );
}
