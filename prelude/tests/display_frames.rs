//! The frames that a kernel would read: the test runs itself again as the child process and takes
//! its stdout apart.

use std::process::Command;

use serde_json::Value;
use torchbook::cell_support::*;
use torchbook::*;

/// Set for the process that plays the child.
const CHILD: &str = "TORCHBOOK_TEST_CHILD";

/// What the child's stdout holds: text, and frames in between.
fn run_child(part: &str) -> (String, Vec<Value>) {
    let program = std::env::current_exe().expect("the test's own path");
    let output = Command::new(program)
        .args(["--exact", part, "--nocapture"])
        .env(CHILD, "1")
        .env("TORCHBOOK_FRAMES", "1")
        .output()
        .expect("the test can run itself");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stdout =
        String::from_utf8(output.stdout).expect("frames are ASCII, the rest is our own text");
    let mut pieces = stdout.split("\x1eTORCHBOOK ");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut frames = Vec::new();
    for piece in pieces {
        let (line, rest) = piece.split_once('\n').expect("a frame ends with a newline");
        frames.push(serde_json::from_str(line).expect("a frame is one line of JSON"));
        text.push_str(rest);
    }
    (text, frames)
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

#[test]
fn a_fit_is_one_display_that_is_updated() -> Result<()> {
    if is_child() {
        let x = Tensor::rand([64, 4], (Kind::Float, Device::Cpu));
        let y = x.argmax(1, false);
        let mut model = Sequential::new([Dense::new(4).into(), Activation::softmax().into()])?;
        model.compile("sparse_categorical_crossentropy", "adam", ["acc"])?;
        model.fit(&x, &y).validation_data(&x, &y).epochs(2).run()?;
        return Ok(());
    }
    let (_, frames) = run_child("a_fit_is_one_display_that_is_updated");
    assert_eq!(frames[0]["frame"], "display_data");
    let id = &frames[0]["display_id"];
    assert!(id.is_string());
    for frame in &frames[1..] {
        assert_eq!(
            (&frame["frame"], &frame["display_id"]),
            (&"update_display_data".into(), id)
        );
    }
    let last = frames
        .last()
        .map(|frame| frame["data"]["text/plain"].as_str())
        .expect("there are frames");
    let lines: Vec<&str> = last.expect("text").lines().collect();
    assert_eq!(
        (lines.len(), lines[0], lines[2]),
        (4, "Epoch 1/2", "Epoch 2/2")
    );
    for line in [lines[1], lines[3]] {
        assert!(line.starts_with("2/2 ━━━━━━━━━━━━━━━━━━━━ 0s "), "{line}");
        let keys: Vec<&str> = line
            .split(" - ")
            .skip(1)
            .filter_map(|part| part.split(':').next())
            .collect();
        assert_eq!(keys, ["acc", "loss", "val_acc", "val_loss"]);
    }
    Ok(())
}

#[test]
fn values_figures_and_summaries_are_frames_in_their_order() -> Result<()> {
    if is_child() {
        print!("no newline");
        (1, 2.5).last_expression().show();
        ().last_expression().show();
        let images = Tensor::rand([4, 28, 28], (Kind::Float, Device::Cpu));
        show_grid(&images, &Tensor::zeros([4], (Kind::Int64, Device::Cpu)), 2)?;
        Sequential::new([Input::new(3).into(), Dense::new(2).into()])?.summary();
        clear_output(true);
        println!("the end");
        return Ok(());
    }
    let (text, frames) = run_child("values_figures_and_summaries_are_frames_in_their_order");
    assert!(text.contains("no newlinethe end\n"), "{text}");
    let kinds: Vec<&str> = frames
        .iter()
        .filter_map(|frame| frame["frame"].as_str())
        .collect();
    assert_eq!(
        kinds,
        [
            "execute_result",
            "display_data",
            "display_data",
            "clear_output"
        ]
    );
    assert_eq!(frames[0]["data"]["text/plain"], "(1, 2.5)");
    assert!(
        frames[1]["data"]["image/png"]
            .as_str()
            .is_some_and(|png| png.starts_with("iVBORw0KGgo"))
    );
    assert!(frames[1]["metadata"]["image/png"]["width"].is_u64());
    assert!(
        frames[2]["data"]["text/html"]
            .as_str()
            .is_some_and(|html| html.contains("Param #"))
    );
    assert_eq!(frames[3]["wait"], true);
    Ok(())
}
