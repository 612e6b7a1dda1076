use super::*;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

#[test]
fn output_of_both_streams_is_kept_without_escapes_and_redrawn_lines() {
    let mut command = shell(r"printf '10%%\r100%%\n\033[31mred\033[0m\n'; echo oops >&2; exit 3");
    let finished = run_with_progress(&mut command, "Test", &Reporter::silent()).unwrap();
    assert_eq!(finished.status.code(), Some(3));
    let mut lines: Vec<_> = finished.output.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["10%", "100%", "oops", "red"]);
    let message = finished.or_fail("Do this.").unwrap_err().to_string();
    assert!(
        message.starts_with("Test failed: `/bin/sh -c "),
        "{message}"
    );
    assert!(message.contains("exit status: 3. Do this."), "{message}");
}

#[test]
fn only_the_end_of_long_output_is_kept() {
    let mut command = shell("i=0; while [ $i -lt 100 ]; do echo $i; i=$((i+1)); done");
    let output = run_with_progress(&mut command, "Test", &Reporter::silent())
        .unwrap()
        .output;
    assert_eq!(output.lines().count(), TAIL_LINES);
    assert_eq!(output.lines().last(), Some("99"));
}

#[test]
fn a_killed_program_is_not_told_to_be_installed_again() {
    // cargo's own words about rustc, at the end of a long line.
    let cargos = format!(
        "printf '  process did not exit successfully: `rustc {} (signal: 9, SIGKILL: kill)\n' >&2; exit 101",
        "--extern x ".repeat(200)
    );
    for script in [
        cargos.as_str(),
        "echo 'g++: fatal error: Killed signal terminated program cc1plus'; exit 1",
        "kill -KILL $$",
    ] {
        let finished =
            run_with_progress(&mut shell(script), "Building", &Reporter::silent()).unwrap();
        let ran = finished.or_fail("Install Rust again.").unwrap_err();
        let message = ran.to_string();
        assert!(
            message.contains("because memory ran out") && message.contains("CARGO_BUILD_JOBS=1"),
            "{message}"
        );
        assert!(!message.contains("Install Rust"), "{message}");
    }
    let asked = ask(&mut shell("kill -KILL $$"), "Asking", "Install Rust again.");
    let message = asked.unwrap_err().to_string();
    assert!(message.contains("because memory ran out"), "{message}");
    assert!(!message.contains("Install Rust"), "{message}");
    let failed = ask(&mut shell("exit 1"), "Asking", "Install Rust again.");
    assert!(failed.unwrap_err().to_string().contains("Install Rust"));
}

#[test]
fn stopped_work_ends_its_program_and_starts_no_other() {
    let stopped = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stopped);
    let reporter = Reporter::silent().stopped_by(move || asked.load(Ordering::SeqCst));
    // It would read for ever; the measure stops it once it runs.
    let amount = Amount {
        measure: Box::new(|| {
            stopped.store(true, Ordering::SeqCst);
            1
        }),
        total: 2,
    };
    let mut endless = shell("cat /dev/zero > /dev/null");
    let error = run_measured(&mut endless, "Download", &reporter, Some(amount)).unwrap_err();
    assert!(matches!(error, SetupError::Interrupted { .. }), "{error}");
    let folder = tempfile::tempdir().unwrap();
    let started = folder.path().join("started");
    let mut next = shell(&format!("touch '{}'", started.display()));
    assert!(run_with_progress(&mut next, "Next", &reporter).is_err());
    assert!(!started.exists());
}

#[test]
fn a_program_that_does_not_exist_is_named() {
    let error = run_with_progress(
        &mut Command::new("/made-up/tool"),
        "Test",
        &Reporter::silent(),
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.starts_with("/made-up/tool was not found"),
        "{message}"
    );
}

#[test]
fn the_amount_is_measured_while_the_process_is_silent() {
    // The process ends when the measure has been taken: no sleep, no clock.
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let measured = Cell::new(0);
    let measure = || {
        if measured.replace(measured.get() + 1) == 0 {
            std::fs::write(&fifo, "go\n").unwrap();
        }
        1
    };
    let amount = Amount {
        measure: Box::new(measure),
        total: 2,
    };
    let mut command = shell(&format!("read word < '{}'; echo $word", fifo.display()));
    let finished = run_measured(&mut command, "Test", &Reporter::silent(), Some(amount)).unwrap();
    assert_eq!(finished.output, "go");
    assert!(measured.get() >= 1);
}

#[test]
fn an_answer_is_trimmed_and_a_refusal_is_an_error() {
    assert_eq!(
        ask(&mut shell("echo ' 1.2.3 '"), "Test", "").unwrap(),
        "1.2.3"
    );
    let error = ask(&mut shell("echo why >&2; exit 1"), "Test", "Mend it.")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Mend it.") && error.contains("| why"),
        "{error}"
    );
}
