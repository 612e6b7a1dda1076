//! How failing cells are told: where a panic came from, an error's causes, what killed a process.

use crate::cells::alone;
use crate::client::{Client, Transcript};

fn traceback(transcript: &Transcript) -> String {
    transcript.reply["traceback"].to_string()
}

#[test]
fn panics_and_errors_name_the_cells_line_and_their_causes() {
    let _alone = alone();
    let mut client = Client::real();
    let inside = client.run(
        "let options = (Kind::Float, Device::Cpu);\n\
         let (a, b) = (Tensor::ones([2], options), Tensor::ones([3], options));\n\
         let sum = &a + &b;",
    );
    assert_eq!(inside.reply["ename"], "Panic");
    let evalue = inside.reply["evalue"].as_str().unwrap();
    assert!(
        evalue.starts_with("libtorch: The size of tensor a (2) must match"),
        "{evalue}"
    );
    assert!(!evalue.contains("Exception raised"), "{evalue}");
    assert!(
        traceback(&inside).contains("cell [1], line 3"),
        "{inside:?}"
    );

    client.run(
        "#[derive(Debug)] struct Layered(&'static str, Option<Box<Layered>>);\n\
         impl std::fmt::Display for Layered {\n\
             fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.0) }\n\
         }\n\
         impl std::error::Error for Layered {\n\
             fn source(&self) -> Option<&(dyn std::error::Error + 'static)> { self.1.as_deref().map(|c| c as _) }\n\
         }\n\
         fn fails() -> std::result::Result<(), Layered> {\n\
             Err(Layered(\"no model\", Some(Box::new(Layered(\"no file\", None)))))\n\
         }",
    );
    let failed = client.run("let one = 1;\nfails()?;");
    assert_eq!(
        (&failed.reply["ename"], &failed.reply["evalue"]),
        (&"Layered".into(), &"no model".into())
    );
    let told = traceback(&failed);
    assert!(told.contains("no file"), "{told}");
    assert!(told.contains("cell [3], line 2"), "{told}");
    assert_eq!(
        failed.iopub.len(),
        4,
        "one error and nothing else: {failed:?}"
    );
    assert!(client.shut_down().success());
}

#[test]
fn what_ended_the_process_is_named_and_the_next_cell_runs() {
    let _alone = alone();
    let mut client = Client::real();
    client.run(
        "fn deep(n: u64) -> u64 {\n\
             let kept = std::hint::black_box([n; 64]);\n\
             if n == u64::MAX { 0 } else { deep(n + 1) + kept[3] }\n\
         }",
    );
    for (cell, how) in [
        (
            "unsafe { std::ptr::read_volatile(8 as *const u8) };",
            "segmentation fault",
        ),
        ("deep(0);", "stack overflow"),
        ("std::process::abort();", "aborted"),
        (
            "use std::os::fd::FromRawFd; println!(); drop(unsafe { std::fs::File::from_raw_fd(1) });",
            "closed its standard output",
        ),
    ] {
        let died = client.run(&format!("print!(\"last words\");\n{cell}"));
        assert_eq!(died.reply["ename"], "ProcessDied", "{cell}: {died:?}");
        let evalue = died.reply["evalue"].as_str().unwrap();
        assert!(evalue.contains(how), "{cell}: {evalue}");
        assert!(
            died.iopub
                .iter()
                .any(|line| line.starts_with("stdout: \"last words")),
            "{cell}: {died:?}"
        );
        assert_eq!(client.run("1 + 1").reply["status"], "ok", "after {cell}");
    }
    assert!(client.shut_down().success());
}
