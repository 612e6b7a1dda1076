//! What a full disk does to files: those that were whole stay whole, and cells go on.

use crate::client::Client;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use torchbook_kernel::notebook::Notebook;
use torchbook_kernel::setup::{Cache, SetupError, kernel_folder::KernelFolder};

/// A file system of its own, unmounted in the end.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// None, and the reason printed, where this process may not mount one.
    fn new() -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=512k", "tmpfs"])
            .arg(folder.path())
            .output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(folder)),
            reason => {
                println!(
                    "not tested: a small disk cannot be mounted here (needs root): {reason:?}"
                );
                None
            }
        }
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Leaves no byte.
    fn fill(&self) {
        let written = std::io::copy(
            &mut std::io::repeat(1),
            &mut fs::File::create(self.at("filler")).unwrap(),
        );
        assert!(written.is_err());
    }

    fn free(&self) {
        fs::remove_file(self.at("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Where it fails, the folder cannot be removed either, and says so.
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

fn cells_in(history: &Path) -> i64 {
    let database = rusqlite::Connection::open(history).unwrap();
    let check: String = database
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
    database
        .query_row("SELECT count(*) FROM cells", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn cells_run_and_the_history_stays_whole_on_a_full_disk() {
    let Some(disk) = SmallDisk::new() else { return };
    let history = disk.at("history.sqlite");
    let environment = [("TORCHBOOK_HISTORY", history.to_str().unwrap())];
    let mut before = Client::start(&["--scripted"], &environment);
    before.run("print before");
    assert!(before.shut_down().success());
    assert_eq!(cells_in(&history), 1);

    disk.fill();
    let mut full = Client::start(&["--scripted"], &environment);
    for n in 0..50 {
        let cell = format!("print full {n} {}", "x".repeat(1000));
        assert_eq!(full.run(&cell).reply["status"], "ok");
    }
    assert!(full.shut_down().success());
    disk.free();

    let mut after = Client::start(&["--scripted"], &environment);
    after.run("print after");
    assert!(after.shut_down().success());
    assert!(cells_in(&history) >= 2, "before and after are there");
}

#[test]
fn a_notebook_that_cannot_be_written_stays_as_it_was() {
    let Some(disk) = SmallDisk::new() else { return };
    let file = disk.at("notebook.ipynb");
    let cell = |text: &str| {
        format!(
            r#"{{"cells":[{{"cell_type":"markdown","id":"a","metadata":{{}},"source":"{text}"}}],"metadata":{{}},"nbformat":4,"nbformat_minor":5}}"#
        )
    };
    fs::write(&file, cell("short")).unwrap();
    let long = Notebook::parse(&file, &cell(&"long ".repeat(10_000))).unwrap();
    disk.fill();
    let error = long.write(&file).unwrap_err().to_string();
    assert!(error.contains("notebook.ipynb"), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), cell("short"));
    disk.free();
    long.write(&file).unwrap();
    let names: Vec<_> = fs::read_dir(disk.0.path()).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing half written is left: {names:?}");
}

#[test]
fn a_cache_on_a_full_disk_says_so_and_is_usable_once_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let cache = Cache::at(disk.at("cache"));
    let target = cache.data("set");
    let lock = torchbook_kernel::setup::cache::Lock::acquire(
        &target,
        "Test",
        &torchbook_kernel::setup::Reporter::silent(),
    )
    .unwrap();
    let staging = lock.stage().unwrap();
    fs::write(staging.path().join("part"), "1").unwrap();
    disk.fill();
    let marker = torchbook_kernel::setup::cache::Marker {
        what: "x".repeat(10_000),
        ..Default::default()
    };
    let error = staging.publish(&marker).unwrap_err();
    assert!(matches!(error, SetupError::DiskFull { .. }), "{error}");
    assert!(
        !target.exists(),
        "half a folder is not taken for a whole one"
    );

    disk.free();
    let staging = lock.stage().unwrap();
    staging.publish(&marker).unwrap();
    assert!(target.exists());
    let (folder, guard) = KernelFolder::create(&cache).unwrap();
    assert!(folder.path().exists());
    guard.remove();
    assert!(!folder.path().exists());
}
