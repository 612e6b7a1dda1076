use super::*;
use crate::notebook::scripted_kernel;
use serde_json::{Value, json};
use std::io;

/// A notebook with these code cells, each with tags.
fn notebook(cells: &[(&str, &[&str])]) -> Notebook {
    let cells: Vec<Value> = cells
        .iter()
        .map(|(source, tags)| {
            json!({"cell_type": "code", "source": source, "metadata": {"tags": tags}})
        })
        .collect();
    let root = json!({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5});
    Notebook::parse(Path::new("test.ipynb"), &root.to_string()).unwrap()
}

fn settings() -> Settings {
    Settings {
        launch: scripted_kernel::launch(),
        timeout: None,
        allow_errors: false,
        record_timing: false,
        patience: Patience::default(),
    }
}

fn silent() -> Progress {
    Progress::plain(io::sink(), io::sink(), false)
}

async fn execute_with(notebook: &mut Notebook, settings: &Settings) -> Ending {
    let (_sender, mut interrupts) = Interrupts::from_channel();
    let folder = std::env::temp_dir();
    execute(notebook, &folder, settings, &mut interrupts, &mut silent())
        .await
        .unwrap()
        .ending
}

/// All stored outputs as one compact line a cell.
fn stored(notebook: &Notebook) -> Vec<String> {
    notebook
        .code_cells()
        .map(|cell| {
            let outputs = cell
                .outputs
                .iter()
                .map(|output| match output["output_type"].as_str() {
                    Some("stream") => format!("{}", output["text"]),
                    Some("error") => format!("!{}", output["ename"]),
                    _ => format!("{}", output["data"]),
                });
            let count = cell
                .execution_count
                .map_or("-".to_owned(), |count| count.to_string());
            format!("[{count}] {}", outputs.collect::<Vec<_>>().join(" "))
        })
        .collect()
}

#[tokio::test]
async fn outputs_of_all_cells_are_stored() {
    let mut notebook = notebook(&[
        ("out 1%\\r\nout 100%\\n\ndisplay x training", &[]),
        ("  \n", &[]),
        ("out never", &["skip-execution"]),
        ("result 42\nupdate x trained", &[]),
    ]);
    let ending = execute_with(&mut notebook, &settings()).await;
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!(
        stored(&notebook),
        [
            r#"[1] ["100%\n"] {"text/plain":["trained"]}"#,
            "[-] ",
            "[-] ",
            r#"[2] {"text/plain":["42"]}"#,
        ]
    );
    assert!(notebook.to_text().contains("\"name\": \"scripted\""));
    assert!(notebook.to_text().contains("\"file_extension\": \".rs\""));
}

#[tokio::test]
async fn the_first_cell_that_raises_ends_the_run() {
    let mut notebook = notebook(&[
        ("fail Expected in the text", &["raises-exception"]),
        ("out before\nfail Panic index out of range\nout after", &[]),
        ("out never", &[]),
    ]);
    let ending = execute_with(&mut notebook, &settings()).await;
    let Ending::CellRaised {
        cell,
        ename,
        evalue,
        traceback,
    } = ending
    else {
        panic!("{ending:?}")
    };
    assert_eq!((cell.number, &*cell.first_line), (2, "out before"));
    assert_eq!((&*ename, &*evalue), ("Panic", "index out of range"));
    assert_eq!(traceback, ["\u{1b}[31mPanic\u{1b}[0m: index out of range"]);
    assert_eq!(
        stored(&notebook),
        ["[1] !\"Expected\"", "[2] [\"before\"] !\"Panic\"", "[-] "]
    );
}

#[tokio::test]
async fn errors_can_be_allowed() {
    let mut notebook = notebook(&[("fail A b", &[]), ("result 1", &[])]);
    let ending = execute_with(
        &mut notebook,
        &Settings {
            allow_errors: true,
            ..settings()
        },
    )
    .await;
    assert!(matches!(ending, Ending::Completed), "{ending:?}");
    assert_eq!(
        stored(&notebook),
        ["[1] !\"A\"", r#"[2] {"text/plain":["1"]}"#]
    );
}

#[tokio::test]
async fn a_cell_over_its_time_is_interrupted() {
    let mut notebook = notebook(&[("out started\nhang", &[]), ("out never", &[])]);
    let limit = Duration::from_millis(50);
    let ending = execute_with(
        &mut notebook,
        &Settings {
            timeout: Some(limit),
            ..settings()
        },
    )
    .await;
    assert!(
        matches!(
            ending,
            Ending::TimedOut {
                is_killed: false,
                ..
            }
        ),
        "{ending:?}"
    );
    assert_eq!(
        stored(&notebook),
        ["[1] [\"started\"] !\"Interrupted\"", "[-] "]
    );
}

#[tokio::test]
async fn a_cell_that_ignores_the_interrupt_is_killed() {
    let mut notebook = notebook(&[("out started\ndeaf", &[])]);
    let limit = Duration::from_millis(50);
    let patience = Patience {
        after_interrupt: limit,
        ..Patience::default()
    };
    let settings = Settings {
        timeout: Some(limit),
        patience,
        ..settings()
    };
    let ending = execute_with(&mut notebook, &settings).await;
    assert!(
        matches!(
            ending,
            Ending::TimedOut {
                is_killed: true,
                ..
            }
        ),
        "{ending:?}"
    );
    assert_eq!(stored(&notebook), ["[1] [\"started\"]"]);
}

#[tokio::test]
async fn what_a_dying_kernel_said_is_kept() {
    let mut notebook = notebook(&[("out last words\ndie", &[])]);
    let ending = execute_with(&mut notebook, &settings()).await;
    let Ending::KernelLost { cell, error } = ending else {
        panic!("{ending:?}")
    };
    assert_eq!(cell.number, 1);
    let message = error.to_string();
    assert!(message.starts_with("the kernel died (exit code 3) while the notebook ran; the end"));
    assert!(
        message.ends_with("scripted kernel: told to die"),
        "{message}"
    );
    assert_eq!(stored(&notebook), ["[1] [\"last words\"]"]);
}

#[tokio::test]
async fn a_kernel_that_never_says_idle_is_noticed() {
    let mut notebook = notebook(&[("mute", &[])]);
    let patience = Patience {
        idle_after_reply: Duration::from_millis(50),
        ..Patience::default()
    };
    let ending = execute_with(
        &mut notebook,
        &Settings {
            patience,
            ..settings()
        },
    )
    .await;
    let Ending::KernelLost { error, .. } = ending else {
        panic!("{ending:?}")
    };
    let message = error.to_string();
    assert!(
        message.starts_with("the kernel did not publish `idle` after its reply"),
        "{message}"
    );
}

#[tokio::test]
async fn nobody_is_there_to_answer_input() {
    let mut notebook = notebook(&[("input", &[])]);
    let ending = execute_with(&mut notebook, &settings()).await;
    let Ending::CellRaised { ename, .. } = ending else {
        panic!("{ending:?}")
    };
    assert_eq!(ename, "StdinNotAvailable");
}

/// Runs cells that hang, and stops them.
async fn interrupted(source: &str, stops: &[Stop]) -> (Ending, Vec<String>) {
    let mut notebook = notebook(&[(source, &[]), ("out never", &[])]);
    let (sender, mut interrupts) = Interrupts::from_channel();
    let (settings, mut progress) = (settings(), silent());
    let folder = std::env::temp_dir();
    // The stops wait in the channel while the kernel starts, so that start is given its own.
    let mut starting = Interrupts::from_channel().1;
    let client = start(&folder, &settings, &mut starting, &mut progress)
        .await
        .unwrap()
        .unwrap();
    let jobs: Vec<Job> = notebook
        .code_cells()
        .enumerate()
        .filter_map(Job::of)
        .collect();
    stops.iter().for_each(|stop| sender.send(*stop).unwrap());
    let mut run = Run {
        client,
        outputs: Outputs::default(),
        settings: &settings,
        interrupts: &mut interrupts,
        progress: &mut progress,
    };
    let ending = run
        .execute_cell(&jobs[0])
        .await
        .unwrap()
        .expect("the run should end");
    for cell in run.outputs.cells() {
        notebook.set_result(cell.position, cell.to_json(), cell.execution_count);
    }
    (ending, stored(&notebook))
}

#[tokio::test]
async fn ctrl_c_interrupts_the_cell() {
    let (ending, stored) = interrupted("hang", &[Stop::Interrupt]).await;
    assert!(
        matches!(ending, Ending::Interrupted { cell: Some(_) }),
        "{ending:?}"
    );
    assert_eq!(stored[0], "[1] !\"Interrupted\"");
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait_for_the_cell() {
    let (ending, _) = interrupted("deaf", &[Stop::Interrupt, Stop::Interrupt]).await;
    assert!(
        matches!(ending, Ending::Interrupted { cell: Some(_) }),
        "{ending:?}"
    );
}

#[tokio::test]
async fn ctrl_c_while_the_kernel_starts_ends_the_run() {
    let mut notebook = notebook(&[("out never", &[])]);
    let (sender, mut interrupts) = Interrupts::from_channel();
    sender.send(Stop::Interrupt).unwrap();
    let folder = std::env::temp_dir();
    let execution = execute(
        &mut notebook,
        &folder,
        &settings(),
        &mut interrupts,
        &mut silent(),
    )
    .await;
    let execution = execution.unwrap();
    assert!(matches!(
        execution.ending,
        Ending::Interrupted { cell: None }
    ));
    assert!(execution.executed.is_empty());
}

#[tokio::test]
async fn a_kernel_that_dies_at_once_is_reported_with_its_words() {
    let mut notebook = notebook(&[("out never", &[])]);
    let mut settings = settings();
    settings.launch.program = "/bin/sh".into();
    settings.launch.arguments = ["-c", "echo no libtorch here >&2; exit 7"]
        .map(Into::into)
        .into();
    let (_sender, mut interrupts) = Interrupts::from_channel();
    let folder = std::env::temp_dir();
    let error = execute(
        &mut notebook,
        &folder,
        &settings,
        &mut interrupts,
        &mut silent(),
    )
    .await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the kernel died (exit code 7) while it was starting; the end of its stderr:\nno libtorch here"
    );
}

#[tokio::test]
async fn timing_is_recorded_in_nbclients_keys() {
    let mut notebook = notebook(&[("out 1", &[])]);
    execute_with(
        &mut notebook,
        &Settings {
            record_timing: true,
            ..settings()
        },
    )
    .await;
    let cell = notebook.code_cells().next().unwrap();
    let timing = cell.metadata["execution"].as_object().unwrap();
    let mut keys: Vec<_> = timing.keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            "iopub.execute_input",
            "iopub.status.busy",
            "iopub.status.idle",
            "shell.execute_reply"
        ]
    );
}
