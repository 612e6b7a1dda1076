//! What cells show: values, displays, and types with displays of their own.

use crate::cells::{alone, shown};
use crate::client::Client;

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
