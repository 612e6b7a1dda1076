//! What goes and what stays, on caches made of empty folders.

use super::*;
use crate::setup::in_use::InUse;
use crate::setup::prepared_contents::COMPLETE;
use tempfile::TempDir;

/// A cache with prepared folders that were built some days ago.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn cache(&self) -> Cache {
        Cache::at(self.folder.path())
    }

    fn prepared(&self, name: &str, days_ago: u32) -> PathBuf {
        let folder = self.cache().prepared(name);
        fs::create_dir_all(&folder).unwrap();
        let complete = File::create(folder.join(COMPLETE)).unwrap();
        complete
            .set_modified(SystemTime::now() - DAY * days_ago)
            .unwrap();
        folder
    }

    fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = folders(&self.folder.path().join("prepared"))
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn folders_beyond_the_number_go_by_age_and_those_of_today_stay() {
    let fixture = Fixture::new();
    for (name, days_ago) in [("a", 5), ("b", 2), ("c", 1), ("d", 0), ("e", 0), ("f", 0)] {
        fixture.prepared(name, days_ago);
    }
    let removed = remove_unused(&fixture.cache(), &Keep::default());
    let names: Vec<&str> = removed
        .iter()
        .map(|entry| entry.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(fixture.left(), ["d", "e", "f"]);
}

#[test]
fn a_folder_not_used_for_long_goes_even_if_it_is_the_only_one() {
    let fixture = Fixture::new();
    fixture.prepared("a", 31);
    remove_unused(&fixture.cache(), &Keep::default());
    assert!(fixture.left().is_empty());
}

#[test]
fn a_folder_that_is_used_or_being_built_stays() {
    let fixture = Fixture::new();
    let used = fixture.prepared("used", 60);
    let claim = InUse::claim(&used).unwrap();
    File::open(used.join("used"))
        .unwrap()
        .set_modified(SystemTime::now() - DAY * 60)
        .unwrap();
    let built = fixture.prepared("built", 60);
    let _building = exclusive(&lock_file(&built)).unwrap();
    remove_unused(&fixture.cache(), &Keep::default());
    assert_eq!(fixture.left(), ["built", "used"]);
    drop(claim);
    remove_unused(&fixture.cache(), &Keep::default());
    assert_eq!(fixture.left(), ["built"]);
}

#[test]
fn the_oldest_go_until_the_rest_is_small_enough() {
    let fixture = Fixture::new();
    for (name, days_ago) in [("old", 3), ("new", 0)] {
        let folder = fixture.prepared(name, days_ago);
        fs::write(folder.join("file"), vec![1; 100_000]).unwrap();
    }
    let keep = Keep {
        bytes: Some(150_000),
        ..Keep::default()
    };
    remove_unused(&fixture.cache(), &keep);
    assert_eq!(fixture.left(), ["new"]);
}

#[test]
fn shared_files_count_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a", "b"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    fs::write(folder.path().join("a/file"), vec![1; 65536]).unwrap();
    fs::hard_link(folder.path().join("a/file"), folder.path().join("b/file")).unwrap();
    assert_eq!(disk_use(&folder.path().join("a")), 32768);
}

#[test]
fn a_person_can_have_everything_removed_that_nothing_uses() {
    let fixture = Fixture::new();
    let prepared = fixture.prepared("a", 0);
    fs::create_dir_all(fixture.cache().libtorch("2.11.0-cpu")).unwrap();
    fs::create_dir_all(fixture.cache().libtorch("2.11.0-cpu.partial-1")).unwrap();
    let kinds = |everything| {
        let entries = inventory(&fixture.cache());
        let mut kinds: Vec<&str> = candidates(&entries, &Keep::default(), everything)
            .iter()
            .map(|entry| entry.kind.name())
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(kinds(false), ["leftover"]);
    assert_eq!(kinds(true), ["leftover", "libtorch", "prelude"]);
    let _claim = InUse::claim(&prepared).unwrap();
    assert_eq!(kinds(true), ["leftover"]);
}
