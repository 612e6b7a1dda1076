//! What a cell is told whose process has died: how, and what is gone with it.

use super::CellError;
use crate::child::death::{Cause, Death, out_of_memory_kills};
use crate::child::hub::CellRecord;

/// The cell's process is gone, and these variables with it.
pub fn process_died(record: &CellRecord, variables: &[String]) -> CellError {
    let ename = if record.interrupts > 1 {
        "Interrupted"
    } else {
        "ProcessDied"
    };
    let lost = if variables.is_empty() {
        "There were no variables to lose.".to_owned()
    } else {
        format!("Variables that are gone: {}.", variables.join(", "))
    };
    CellError::new(ename, cause(record)).with_line(lost).with_line(
        "Functions, types and dependencies of earlier cells are still there; the next cell runs.",
    )
}

fn cause(record: &CellRecord) -> String {
    if record.stack_overflow {
        return "stack overflow in the cell process: a function calls itself too often, or keeps too much on the stack"
            .to_owned();
    }
    if record.closed_stdout {
        return "the cell closed its standard output, without which cells cannot run; its process was ended"
            .to_owned();
    }
    let Some(death) = record.death else {
        return "the cell process ended".to_owned();
    };
    match death.cause {
        Cause::Exited(code) => format!("the cell process ended with exit status {code}"),
        Cause::Killed(libc::SIGKILL) if record.interrupts > 1 => {
            "the cell did not react to the interrupt and was stopped".to_owned()
        }
        Cause::Killed(libc::SIGKILL) if record.out_of_memory => format!(
            "out of memory: the system killed the cell process{}",
            held(&death)
        ),
        Cause::Killed(libc::SIGKILL) => format!(
            "the cell process was killed (signal 9) by another program{}{}",
            held(&death),
            if out_of_memory_kills().is_none() {
                "; or for want of memory, which this system does not tell"
            } else {
                ""
            }
        ),
        Cause::Killed(libc::SIGSEGV) => "segmentation fault in the cell process".to_owned(),
        Cause::Killed(libc::SIGABRT) => "the cell process aborted (signal 6)".to_owned(),
        Cause::Killed(signal) => format!("the cell process was killed by signal {signal}"),
    }
}

fn held(death: &Death) -> String {
    let Some(bytes) = death.peak_memory else {
        return String::new();
    };
    // One decimal is enough for people.
    format!(", which held up to {:.1} GB of memory", bytes as f64 / 1e9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(cause: Cause, change: impl FnOnce(&mut CellRecord)) -> String {
        let mut record = CellRecord {
            death: Some(Death {
                cause,
                peak_memory: Some(2_340_000_000),
            }),
            ..CellRecord::default()
        };
        change(&mut record);
        process_died(&record, &["a".into(), "b".into()]).evalue
    }

    #[test]
    fn a_kill_says_by_whom_and_what_memory_was_held() {
        let kill = Cause::Killed(libc::SIGKILL);
        assert_eq!(
            told(kill, |record| record.out_of_memory = true),
            "out of memory: the system killed the cell process, which held up to 2.3 GB of memory"
        );
        assert!(told(kill, |_| ()).contains("(signal 9) by another program"));
        assert!(told(kill, |record| record.interrupts = 2).contains("did not react"));
        assert!(told(Cause::Killed(libc::SIGSEGV), |_| ()).contains("segmentation fault"));
        assert!(told(Cause::Exited(3), |_| ()).contains("exit status 3"));
    }
}
