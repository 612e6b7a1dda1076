//! What `progress` shows, by a clock that goes on by twenty milliseconds with each turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{form, frames, is_child, run_child};
use crate::training::clock::Clock;
use crate::*;

/// Two loops, one inside the other: three times ten turns. With `stop`, the inner one is left at
/// the fifth turn of the last round.
fn nested(stop: bool) {
    let time = Arc::new(AtomicU64::new(0));
    let read = time.clone();
    let clock = Clock::scripted(move || Duration::from_millis(read.load(Ordering::Relaxed)));
    for epoch in progress(0..3).label("epoch").clock(clock.clone()) {
        let mut bar = progress((0..10).filter(|_| true))
            .total(10)
            .clock(clock.clone());
        while let Some(turn) = bar.next() {
            time.fetch_add(20, Ordering::Relaxed);
            bar.note(format!("turn <{turn}>"));
            if stop && epoch == 2 && turn == 4 {
                break;
            }
        }
    }
}

#[test]
fn loops_inside_loops_share_one_display() {
    if is_child() {
        return nested(false);
    }
    let frames = frames("loops::loops_inside_loops_share_one_display");
    // 600 ms, a paint every 140, one at the beginning and one at the end.
    assert_eq!(frames.len(), 1 + 600 / 140 + 1);
    let running = form(&frames[1], "text/plain");
    assert!(
        running.starts_with("epoch: 0/3 ──") && running.contains(" │  7/10 ━━"),
        "{running}"
    );
    assert!(running.ends_with(" - turn <6>"), "{running}");
    let last = frames.last().expect("there are frames");
    let text: Vec<&str> = form(last, "text/plain").lines().collect();
    assert_eq!(
        text,
        [
            "epoch: 3/3 ━━━━━━━━━━━━━━━━━━━━ 0s 200ms/step",
            "10/10 ━━━━━━━━━━━━━━━━━━━━ 0s 20ms/step - turn <9>"
        ]
    );
    assert_eq!(
        form(last, "text/html"),
        "<div><div>epoch: 3/3 in 0s · 5.00/s</div><div>10/10 in 0s · 50.0/s · turn &lt;9&gt;</div></div>"
    );
}

#[test]
fn a_loop_that_is_left_keeps_its_bar_where_it_was() {
    if is_child() {
        return nested(true);
    }
    let stdout = run_child(
        "loops::a_loop_that_is_left_keeps_its_bar_where_it_was",
        false,
    );
    assert!(
        stdout.contains(
            "epoch: 3/3 ━━━━━━━━━━━━━━━━━━━━ 0s 166ms/step\n 4/10 ━━━━━━━━──────────── 0s 25ms/step - turn <4>\n"
        ),
        "{stdout}"
    );
}

#[test]
fn the_length_is_taken_from_the_iterator_if_it_knows_it() {
    assert_eq!(format!("{:?}", progress([1, 2])), "Progress(0/2)");
    assert_eq!(
        format!("{:?}", progress((0..9).filter(|n| n % 2 == 0))),
        "Progress(0)"
    );
    assert_eq!(progress(0..5).len(), 5);
}
