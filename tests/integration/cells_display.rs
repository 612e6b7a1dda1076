//! What cells show: values, displays, and types with displays of their own.

use crate::cells::{alone, shown};
use crate::client::{Client, content_of};
use serde_json::Value;

#[test]
fn a_value_is_shown_by_its_own_display_or_else_by_debug() {
    let _alone = alone();
    let mut client = Client::real();
    client.run(
        "#[derive(Debug)] struct Plain { a: i32 }\n\
         #[derive(Debug)] struct Both;\n\
         impl RichDisplay for Both {\n\
             fn rich(&self) -> Rich { Rich::text(\"both\").with_html(\"<b>both</b>\") }\n\
         }\n\
         struct Neither;\n\
         let plain = Plain { a: 1 };\n\
         let both = Both;",
    );
    // `result` says that the first compilation succeeded: evcxr's second choice is a display.
    assert_eq!(
        shown(&client.run("plain")),
        [r#"result [2] {"text/plain":"Plain { a: 1 }"}"#]
    );
    assert_eq!(
        shown(&client.run("both")),
        [r#"result [3] {"text/plain":"both","text/html":"<b>both</b>"}"#]
    );
    let two = client.run("display(&both); &plain");
    let [displayed, result] = shown(&two) else {
        panic!("{two:?}")
    };
    assert!(displayed.starts_with("display #torchbook-"), "{displayed}");
    assert!(
        displayed.ends_with(r#" {"text/plain":"both","text/html":"<b>both</b>"}"#),
        "{displayed}"
    );
    assert_eq!(result, r#"result [4] {"text/plain":"Plain { a: 1 }"}"#);
    let neither = client.run("Neither");
    assert_eq!(
        neither.reply["evalue"],
        "error[E0277]: `Neither` doesn't implement `Debug`"
    );
    assert!(client.shut_down().success());
}

/// What evcxr compiles again is shown as what it compiles once.
#[test]
fn the_first_question_mark_and_moved_variables_are_results_too() {
    let _alone = alone();
    let mut client = Client::real();
    let cells = [
        (
            r#"Rich::text("7").with_html(format!("<b>{}</b>", "7".parse::<i32>()?))"#,
            r#""text/html":"<b>7</b>""#,
        ),
        (
            "let a = vec![1]; let b = vec![2]; (a, b)",
            r#""text/plain":"([1], [2])""#,
        ),
    ];
    for (code, expected) in cells {
        let transcript = client.run(code);
        let [result] = shown(&transcript) else {
            panic!("{code}: {transcript:?}")
        };
        assert!(
            result.starts_with("result ") && result.contains(expected),
            "{code}: {result}"
        );
    }
    assert!(client.shut_down().success());
}

#[test]
fn cleared_output_stays_in_order_with_text() {
    let _alone = alone();
    let mut client = Client::real();
    let cell = client.run(
        "println!(\"a\"); clear_output(true); println!(\"b\"); clear_output(false); println!(\"c\");",
    );
    assert_eq!(
        cell.iopub[2..7],
        [
            r#"stdout: "a\n""#,
            "clear wait=true",
            r#"stdout: "b\n""#,
            "clear wait=false",
            r#"stdout: "c\n""#,
        ]
    );
    assert!(client.shut_down().success());
}

/// A `fit` is one display: shown once, then replaced, never as often as ten times a second, and
/// what stays of it is small.
#[test]
fn a_fit_is_one_display_that_is_replaced() {
    const EPOCHS: usize = 3;
    let _alone = alone();
    let mut client = Client::real();
    client.run(
        "let x = Tensor::rand([6400, 8], (Kind::Float, Device::Cpu));\n\
         let y = x.argmax(1, false);\n\
         let mut model = Sequential::new([Input::new(8).into(), Dense::new(8).into(), Activation::softmax().into()])?;\n\
         model.compile(\"sparse_categorical_crossentropy\", \"adam\", [\"acc\"])?;",
    );
    let fit = client.run(&format!(
        "let history = model.fit(&x, &y).validation_split(0.1).epochs({EPOCHS}).run()?;"
    ));
    assert_eq!(fit.reply["status"], "ok", "{fit:?}");

    // Order: between input and idle there is the display, and what replaces it.
    let kinds = fit.messages.iter().map(|message| message.message_type());
    let kinds: Vec<&str> = kinds.collect();
    let [first, updates @ ..] = &kinds[2..kinds.len() - 1] else {
        panic!("{kinds:?}")
    };
    assert_eq!(*first, "display_data");
    assert!(!updates.is_empty());
    assert!(
        updates.iter().all(|kind| *kind == "update_display_data"),
        "{kinds:?}"
    );

    // All of them have one id, and none goes back behind another.
    let contents: Vec<Value> = fit.messages[2..kinds.len() - 1]
        .iter()
        .map(content_of)
        .collect();
    let id = &contents[0]["transient"]["display_id"];
    assert!(id.is_string(), "{id}");
    let form = |content: &Value, mime: &str| content["data"][mime].as_str().unwrap().to_owned();
    let epochs_begun = |content: &Value| form(content, "text/plain").matches("Epoch ").count();
    for content in &contents {
        assert_eq!(&content["transient"]["display_id"], id);
    }
    let epochs: Vec<usize> = contents.iter().map(epochs_begun).collect();
    assert!(
        epochs.is_sorted() && epochs.last() == Some(&EPOCHS),
        "{epochs:?}"
    );

    // Count: by the training's own clock, which it tells in whole seconds, rounded down.
    let last = contents.last().unwrap();
    let html = form(last, "text/html");
    let (_, took) = html.split_once(&format!("{EPOCHS} epochs in ")).unwrap();
    let seconds: usize = took.split_once("s ").unwrap().0.parse().unwrap();
    let most = 2 + 10 * (seconds + 1);
    assert!(contents.len() <= most, "{} in {seconds} s", contents.len());

    // Size.
    assert!(last.to_string().len() < 100_000);
    assert_eq!(html.matches("<tr>").count(), 1 + EPOCHS);
    assert_eq!(form(last, "text/plain").lines().count(), 2 * EPOCHS);
    assert!(client.shut_down().success());
}
