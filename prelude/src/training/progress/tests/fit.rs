//! What a `fit` shows, by a clock that goes on by ten milliseconds with each batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::{all_frames, form, frames, is_child, run_child};
use crate::training::clock::Clock;
use crate::training::trainer::Trainer;
use crate::*;

/// Squares, and a clock: each batch takes ten milliseconds.
struct Ticking(Arc<AtomicU64>);

impl Loss for Ticking {
    fn name(&self) -> &'static str {
        "ticking"
    }

    fn values(&self, y: &Tensor, output: &ModelOutput) -> Result<Tensor> {
        self.0.fetch_add(10, Ordering::Relaxed);
        MeanSquaredError::new().values(y, output)
    }

    fn check_targets(&self, _: &Tensor, _: &Shape, _: &str) -> Result<()> {
        Ok(())
    }
}

/// A fit of so many epochs of `batches` batches of four samples.
fn fit(epochs: usize, batches: i64, verbose: u8) -> Result<()> {
    let time = Arc::new(AtomicU64::new(0));
    let x = Tensor::ones([4 * batches, 1], (Kind::Float, Device::Cpu));
    let mut model = Sequential::new([Input::new(1).into(), Dense::new(1).into()])?;
    model.compile(Ticking(time.clone()), SGD::new(), ["acc"])?;
    let clock = Clock::scripted(move || Duration::from_millis(time.load(Ordering::Relaxed)));
    let fit = model.fit(&x, &x).batch_size(4).epochs(epochs);
    let message = LambdaCallback::new().on_epoch_end(|epoch, _, training| {
        if epoch == 1 {
            training.message("half way");
        }
    });
    fit.clock(clock).verbose(verbose).callback(message).run()?;
    Ok(())
}

/// The number of the running epoch and of the last batch, as the text shows them.
fn position(frame: &Value) -> (usize, usize) {
    let text = form(frame, "text/plain");
    let epoch = text.matches("Epoch ").count();
    let last = text.lines().last().unwrap_or_default();
    let batch = last.trim_start().split_once('/');
    (
        epoch,
        batch.and_then(|(batch, _)| batch.parse().ok()).unwrap_or(0),
    )
}

#[test]
fn a_fit_paints_one_display_at_eight_hertz() -> Result<()> {
    if is_child() {
        return fit(3, 100, 1);
    }
    let frames = frames("fit::a_fit_paints_one_display_at_eight_hertz");
    // Three seconds by the clock: at 0, 130, 260 and so on, and the end.
    assert_eq!(frames.len(), 1 + 3000 / 130 + 1);
    let positions: Vec<(usize, usize)> = frames.iter().map(position).collect();
    assert!(positions.is_sorted(), "{positions:?}");
    assert_eq!(positions[..3], [(1, 0), (1, 13), (1, 26)]);
    let html = form(&frames[1], "text/html");
    for shown in [
        ">1/3</span> · ",
        ">13/100</span> · 400 samples/s · ETA 2s (epoch 0s)",
    ] {
        assert!(html.contains(shown), "{html}");
    }
    for frame in &frames[..frames.len() - 1] {
        assert!(frame.to_string().len() < 10_000, "{frame}");
    }
    // What is below the display moves only when an epoch begins.
    let rows = |frame: &Value| form(frame, "text/html").matches("<tr>").count();
    let rows: Vec<usize> = frames.iter().map(rows).collect();
    assert!(rows.is_sorted(), "{rows:?}");
    Ok(())
}

#[test]
fn what_stays_is_kerass_text_and_a_table() -> Result<()> {
    if is_child() {
        return fit(3, 100, 1);
    }
    let frames = frames("fit::what_stays_is_kerass_text_and_a_table");
    let last = frames.last().expect("there are frames");
    let text = form(last, "text/plain");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        (lines[0], lines[2], lines[5]),
        ("Epoch 1/3", "Epoch 2/3", "Epoch 3/3")
    );
    assert_eq!(lines[4], "half way");
    for i in [1, 3, 6] {
        let start = "100/100 ━━━━━━━━━━━━━━━━━━━━ 1s 10ms/step - acc: ";
        assert!(lines[i].starts_with(start), "{text}");
        assert!(lines[i].contains(" - loss: "), "{text}");
    }
    let html = form(last, "text/html");
    assert!(
        html.contains("3 epochs in 3s · 1,200 samples, 400 samples/s"),
        "{html}"
    );
    assert_eq!(html.matches("<tr>").count(), 4, "{html}");
    assert!(
        html.contains("<th>loss</th>") && !html.contains("progressbar"),
        "{html}"
    );
    Ok(())
}

#[test]
fn a_thousand_short_epochs_stay_small() -> Result<()> {
    if is_child() {
        return fit(1000, 1, 1);
    }
    let frames = frames("fit::a_thousand_short_epochs_stay_small");
    // Ten seconds by the clock.
    assert!(
        (10_000 / 135..10_000 / 125).contains(&frames.len()),
        "{}",
        frames.len()
    );
    for frame in &frames {
        assert!(frame.to_string().len() < 100_000);
    }
    let last = frames.last().expect("there are frames");
    assert!(form(last, "text/plain").contains("more lines"));
    assert!(form(last, "text/html").contains("960 more"));
    Ok(())
}

#[test]
fn verbose_2_is_a_line_per_epoch() -> Result<()> {
    if is_child() {
        return fit(2, 100, 2);
    }
    let frames = frames("fit::verbose_2_is_a_line_per_epoch");
    let last = frames.last().expect("there are frames");
    let text = form(last, "text/plain");
    assert!(
        text.starts_with("Epoch 1/2\n100/100 - 1s - 10ms/step - acc: "),
        "{text}"
    );
    assert_eq!(last["data"].get("text/html"), None);
    Ok(())
}

#[test]
fn verbose_0_shows_nothing_but_what_callbacks_say() -> Result<()> {
    if is_child() {
        return fit(3, 10, 0);
    }
    let stdout = run_child("fit::verbose_0_shows_nothing_but_what_callbacks_say", true);
    assert!(!stdout.contains("TORCHBOOK"), "{stdout}");
    assert!(stdout.contains("half way\n"), "{stdout}");
    Ok(())
}

#[test]
fn without_a_kernel_only_finished_lines_are_printed() -> Result<()> {
    if is_child() {
        return fit(2, 100, 1);
    }
    let stdout = run_child(
        "fit::without_a_kernel_only_finished_lines_are_printed",
        false,
    );
    let lines: Vec<&str> = stdout.lines().collect();
    let start = lines.iter().position(|line| line.ends_with("Epoch 1/2"));
    let start = start.unwrap_or_else(|| panic!("{stdout}"));
    assert!(
        lines[start + 1].starts_with("100/100 ━━━━━━━━━━━━━━━━━━━━ 1s"),
        "{stdout}"
    );
    assert_eq!(lines[start + 2], "Epoch 2/2");
    assert!(lines[start + 3].starts_with("100/100 ━"), "{stdout}");
    assert_eq!(lines[start + 4], "half way");
    assert!(
        !stdout.contains('\r') && !stdout.contains('\x1b'),
        "{stdout}"
    );
    Ok(())
}

#[test]
fn what_a_callback_draws_stands_below_and_the_fit_goes_on_above() -> Result<()> {
    const TEST: &str = "fit::what_a_callback_draws_stands_below_and_the_fit_goes_on_above";
    if is_child() {
        let x = Tensor::ones([4, 1], (Kind::Float, Device::Cpu));
        let mut model = Sequential::new([Input::new(1).into(), Dense::new(1).into()])?;
        model.compile("mse", "sgd", ())?;
        let mut drawing = None;
        let draw = LambdaCallback::new().on_epoch_end(move |epoch, _, _| {
            let text = Html(format!("<b>after epoch {epoch}</b>"));
            match &drawing {
                None => drawing = Some(display(&text)),
                Some(drawing) => drawing.update(&text),
            }
        });
        model.fit(&x, &x).epochs(2).callback(draw).run()?;
        return Ok(());
    }
    let frames = all_frames(TEST);
    let id = |frame: &Value| frame["display_id"].clone();
    let drawn: Vec<&Value> = frames
        .iter()
        .filter(|frame| id(frame) != id(&frames[0]))
        .collect();
    assert_eq!(drawn.len(), 2, "{frames:?}");
    assert_eq!(id(drawn[0]), id(drawn[1]));
    assert_eq!(form(drawn[1], "text/html"), "<b>after epoch 1</b>");
    // The first and the last frame are the fit's.
    let last = frames.last().expect("there are frames");
    assert_eq!(
        (&last["frame"], id(last)),
        (&"update_display_data".into(), id(&frames[0]))
    );
    assert!(form(last, "text/html").contains("2 epochs in "));
    Ok(())
}
