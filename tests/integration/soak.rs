//! Long days in short: several kernels at once, many cells, restarts; what grows and what stays behind.
//!
//! The test is a short day: what it measures is printed by `--nocapture`. The long one is the benchmark
//! in `tests/soak`.

use crate::client::Client;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a day is.
#[derive(Clone, Copy)]
pub struct Day {
    /// Kernels that run at once.
    pub kernels: usize,
    /// Cells of each between two restarts.
    pub cells: usize,
    /// Starts of each.
    pub starts: usize,
}

/// What a kernel and its cell process hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Holdings {
    pub megabytes: u64,
    pub open_files: usize,
    pub threads: usize,
}

/// One start of one kernel.
#[derive(Debug)]
pub struct Stay {
    /// From the kernel's start until its first cell is answered.
    pub start: Duration,
    /// The mean of the cells after it.
    pub cell: Duration,
    pub early: Holdings,
    pub late: Holdings,
    /// Processes that were still there after the kernel's end, and folders.
    pub left_behind: Vec<String>,
}

/// What a notebook's cells do, in turn; `{n}` is the number of the cell.
const CELLS: [(&str, &str); 8] = [
    ("let value_{n} = {n};", "ok"),
    ("Tensor::ones([2], (Kind::Float, Device::Cpu))", "ok"),
    ("for i in 0..100 { println!(\"line {i}\"); }", "ok"),
    ("let wrong: i32 = \"text\";", "error"),
    ("panic!(\"on purpose\")", "error"),
    ("display(&Rich::text(\"shown\"));", "ok"),
    ("fn f_{n}() -> usize { {n} }", "ok"),
    ("let number: i32 = \"x\".parse()?;", "error"),
];
/// Cells before the first measurement: each kind has run once.
const EARLY: usize = CELLS.len();

/// Lives a day in all kernels at once.
pub fn live_at_once(day: Day) -> Vec<Stay> {
    std::thread::scope(|scope| {
        let kernels: Vec<_> = (0..day.kernels)
            .map(|_| scope.spawn(move || live(day)))
            .collect();
        kernels
            .into_iter()
            .flat_map(|kernel| kernel.join().unwrap())
            .collect()
    })
}

/// Lives one kernel's day.
fn live(day: Day) -> Vec<Stay> {
    (0..day.starts).map(|_| stay(day.cells)).collect()
}

fn stay(cells: usize) -> Stay {
    let begun = Instant::now();
    let mut client = Client::real();
    let kernel = client.process.id();
    let mut start = Duration::ZERO;
    let mut early = Holdings::default();
    for n in 0..cells {
        let (cell, status) = CELLS[n % CELLS.len()];
        let transcript = client.run(&cell.replace("{n}", &n.to_string()));
        assert_eq!(transcript.reply["status"], status, "{cell}: {transcript:?}");
        if n == 0 {
            start = begun.elapsed();
        }
        if n + 1 == EARLY {
            early = held_by(kernel);
        }
    }
    let later_cells = u32::try_from(cells.saturating_sub(1).max(1)).unwrap();
    let cell = begun.elapsed().saturating_sub(start) / later_cells;
    let late = held_by(kernel);
    let family = family_of(kernel);
    assert!(family.len() > 1, "the kernel has no cell process");
    let folders = folders_of(&family);
    assert!(!folders.is_empty(), "the kernel has no folder");
    let processes: Vec<(u32, OwnedFd)> = family
        .iter()
        .filter_map(|&pid| {
            let id = Pid::from_raw(pid.try_into().ok()?)?;
            Some((pid, pidfd_open(id, PidfdFlags::empty()).ok()?))
        })
        .collect();
    assert!(client.shut_down().success());
    let processes = processes
        .into_iter()
        .filter(|(_, process)| !has_ended(process))
        .map(|(pid, _)| format!("process {pid}"));
    let folders = folders
        .iter()
        .filter(|folder| Path::new(folder).exists())
        .map(|folder| format!("folder {folder}"));
    Stay {
        start,
        cell,
        early,
        late,
        left_behind: processes.chain(folders).collect(),
    }
}

/// A process that is killed needs a moment to go; only one that stays waits that long.
fn has_ended(process: &OwnedFd) -> bool {
    let mut events = [PollFd::new(process, PollFlags::IN)];
    let patience = Timespec {
        tv_sec: 60,
        tv_nsec: 0,
    };
    poll(&mut events, Some(&patience)).unwrap() > 0
}

/// A kernel's process and what it has started, as far as it lives.
fn family_of(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        let children = std::fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace() {
            family.extend(family_of(child.parse().unwrap()));
        }
    }
    family
}

fn held_by(kernel: u32) -> Holdings {
    let mut held = Holdings::default();
    for pid in family_of(kernel) {
        let entries = |name: &str| {
            std::fs::read_dir(format!("/proc/{pid}/{name}")).map_or(0, Iterator::count)
        };
        held.open_files += entries("fd");
        held.threads += entries("task");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let kilobytes: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
        held.megabytes += kilobytes / 1024;
    }
    held
}

/// The folders below the cache that the processes have mapped files from: those of one
/// kernel alone.
fn folders_of(family: &[u32]) -> Vec<String> {
    let mut folders: Vec<String> = family
        .iter()
        .flat_map(|pid| {
            let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap_or_default();
            let folders: Vec<String> = maps
                .lines()
                .filter_map(|line| line.split_once('/'))
                .map(|(_, path)| format!("/{path}"))
                .filter_map(|path| {
                    let (root, rest) = path.split_once("/kernels/")?;
                    Some(format!("{root}/kernels/{}", rest.split('/').next()?))
                })
                .collect();
            folders
        })
        .collect();
    folders.sort();
    folders.dedup();
    folders
}

#[test]
fn a_short_day_leaves_nothing_behind_and_nothing_grows_with_the_cells() {
    let _alone = crate::cells::alone();
    let day = Day {
        kernels: 2,
        cells: 3 * CELLS.len(),
        starts: 2,
    };
    let stays = live_at_once(day);
    for stay in &stays {
        println!(
            "first cell after {:?}, then {:?} each",
            stay.start, stay.cell
        );
        println!("{stay:?}");
        assert_eq!(stay.left_behind, [""; 0]);
        // Pools of threads may still fill up; something kept per cell would be twice as much.
        let cells = day.cells - EARLY;
        let grown = |early: usize, late: usize| late.saturating_sub(early) >= cells / 2;
        assert!(
            !grown(stay.early.open_files, stay.late.open_files),
            "{stay:?}"
        );
        assert!(!grown(stay.early.threads, stay.late.threads), "{stay:?}");
    }
}
