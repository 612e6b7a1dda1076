//! What a panic leaves behind for later cells: nothing.

use crate::cells::{alone, shown};
use crate::client::Client;

const HAS_GRADIENTS: &str = "(&w * 2.0).requires_grad()";

#[test]
fn libtorchs_settings_and_locks_are_as_before_a_panic() {
    let _alone = alone();
    let mut client = Client::real();
    client.run(
        "let w = Tensor::from_slice(&[1.0f32]).set_requires_grad(true);\n\
         let counter = std::sync::Arc::new(std::sync::Mutex::new(0));",
    );
    let ok = |client: &mut Client, cell: &str, value: &str| {
        let transcript = client.run(cell);
        assert!(
            shown(&transcript)
                .iter()
                .any(|line| line.contains(&format!("\"text/plain\":\"{value}\""))),
            "{cell}: {transcript:?}"
        );
    };
    ok(&mut client, HAS_GRADIENTS, "true");
    for panics in [
        // tch sets the mode back after the closure, which is not reached.
        "tch::no_grad(|| { let inner = &w * 2.0; assert!(inner.requires_grad()); });",
        "tch::no_grad(|| panic!(\"without variables\"));",
        "tch::autocast(true, || tch::autocast(true, || panic!(\"in half precision\")));",
        "let _guard = no_grad_guard(); panic!(\"with a guard\");",
        "let held = counter.lock().unwrap(); panic!(\"with a lock, {held}\");",
        "let out = std::io::stdout().lock(); let _ = &out; panic!(\"with the output locked\");",
        "let mut model = Sequential::new([Input::new(2).into(), Dense::new(2).into()])?;\n\
         model.compile(\"mse\", \"sgd\", [\"mae\"])?;\n\
         let x = Tensor::ones([4, 2], (Kind::Float, Device::Cpu));\n\
         let stop = LambdaCallback::new().on_epoch_end(|_, _, _| { if true { panic!(\"in a callback\") } });\n\
         model.fit(&x, &x).verbose(0).callback(stop).run()?;",
    ] {
        let panicked = client.run(panics);
        assert_eq!(panicked.reply["ename"], "Panic", "{panics}: {panicked:?}");
        ok(&mut client, HAS_GRADIENTS, "true");
        let printed = client.run("print!(\"printed\");");
        assert_eq!(shown(&printed), ["stdout: \"printed\""], "after {panics}");
    }
    ok(&mut client, "counter.is_poisoned()", "true");
    ok(
        &mut client,
        "*counter.lock().unwrap_or_else(|poisoned| poisoned.into_inner())",
        "0",
    );
    // What an earlier cell has chosen stays, whatever panics later.
    client.run("let off = no_grad_guard();");
    client.run("tch::with_grad(|| panic!(\"with gradients\"));");
    ok(&mut client, HAS_GRADIENTS, "false");
    client.run("drop(off);");
    ok(&mut client, HAS_GRADIENTS, "true");
    assert!(client.shut_down().success());
}

#[test]
fn a_panic_in_a_function_of_an_earlier_cell_shows_its_line_and_the_call() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("fn third(values: &[i32]) -> i32 {\n    let at = 2;\n    values[at]\n}");
    client.run("let few = vec![1, 2];");
    let panicked = client.run("println!(\"before\");\nthird(&few);");
    let traceback = panicked.reply["traceback"].to_string();
    let inner = traceback.find("cell [1], line 3").expect(&traceback);
    assert!(
        traceback[inner..].contains("cell [3], line 2"),
        "{traceback}"
    );
    assert!(!traceback.contains("src/lib.rs"), "{traceback}");
    assert!(client.shut_down().success());
}
