//! From which source each file is taken, and what is said when none has it.

use super::catalogue::Package;
use super::verify::tests::{gzip, labels, spec};
use super::*;
use crate::setup::fakes::{self, Notes};
use std::collections::BTreeMap;
use tempfile::TempDir;

/// Two small files stand for the dataset.
struct World {
    folder: TempDir,
    spec: Spec,
    notes: Notes,
    environment: Environment,
}

fn other_labels() -> Vec<u8> {
    [0, 0, 8, 1, 0, 0, 0, 2, 5, 5].to_vec()
}

impl World {
    fn new(mirrors: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("bin")).unwrap();
        let spec = Spec {
            title: "Small",
            folder_variable: "SMALL_DIR",
            files: vec![spec("train", &labels()), spec("test", &other_labels())],
            mirrors: mirrors.iter().map(|mirror| (*mirror).to_owned()).collect(),
            package: Package::Debian("small"),
        };
        let environment = Environment::empty().with("PATH", folder.path().join("bin"));
        Self {
            folder,
            spec,
            notes: Notes::default(),
            environment,
        }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache/data/small")
    }

    fn ensure(&self) -> Result<PathBuf> {
        let limits = Limits {
            proxy: false,
            ..Limits::default()
        };
        ensure(
            &self.spec,
            &self.cache(),
            &self.environment,
            limits,
            &self.notes.reporter(),
        )
    }

    #[track_caller]
    fn check_complete(&self) {
        assert_eq!(self.ensure().unwrap(), self.cache());
        assert_eq!(fs::read(self.cache().join("train")).unwrap(), labels());
        assert_eq!(fs::read(self.cache().join("test")).unwrap(), other_labels());
        let left: Vec<_> = fs::read_dir(self.cache().parent().unwrap())
            .unwrap()
            .flatten()
            .collect();
        assert_eq!(left.len(), 2, "only the folder and its lock: {left:?}");
    }

    /// Fake clients of a package that holds both files.
    fn with_package(self) -> Self {
        let bin = self.folder.path().join("bin");
        fakes::program(&bin, "apt-get", "PATH=/usr/bin:/bin\ntouch small_1_all.deb");
        let script = "PATH=/usr/bin:/bin\nmkdir -p $3; cd $3
            printf '\\000\\000\\010\\001\\000\\000\\000\\003\\007\\002\\001' > train
            printf '\\000\\000\\010\\001\\000\\000\\000\\002\\005\\005' > test";
        fakes::program(&bin, "dpkg-deb", script);
        self
    }
}

fn mirror_of(files: &[(&str, Vec<u8>)]) -> String {
    fakes::web_server(
        files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), gzip(bytes)))
            .collect::<BTreeMap<_, _>>(),
    )
}

#[test]
fn a_mirror_that_has_everything_is_enough() {
    World::new(&[&mirror_of(&[
        ("train.gz", labels()),
        ("test.gz", other_labels()),
    ])])
    .check_complete();
}

#[test]
fn empty_wrong_and_incomplete_mirrors_are_passed_over_file_by_file() {
    let empty = mirror_of(&[]);
    let wrong = mirror_of(&[("train.gz", other_labels()), ("test.gz", labels())]);
    let first_only = mirror_of(&[("train.gz", labels())]);
    let second_only = mirror_of(&[("test.gz", other_labels())]);
    World::new(&[&empty, &wrong, &first_only, &second_only]).check_complete();
}

#[test]
fn the_package_is_asked_last() {
    let empty = mirror_of(&[]);
    World::new(&[&empty]).with_package().check_complete();
}

#[test]
fn what_is_complete_needs_nothing_any_more() {
    let world = World::new(&[]).with_package();
    world.check_complete();
    fs::remove_dir_all(world.folder.path().join("bin")).unwrap();
    world.check_complete();
    assert_eq!(world.notes.all(), Vec::<String>::new());
}

#[test]
fn a_damaged_file_is_named_and_fetched_again_alone() {
    let only_train = mirror_of(&[("train.gz", labels())]);
    let world = World::new(&[&only_train]);
    fs::create_dir_all(world.cache()).unwrap();
    fs::write(world.cache().join("train"), &labels()[..9]).unwrap();
    fs::write(world.cache().join("test"), other_labels()).unwrap();
    world.check_complete();
    let [note] = &world.notes.all()[..] else {
        panic!("one note")
    };
    assert!(
        note.contains("/data/small/train is no complete IDX file"),
        "{note}"
    );
    assert!(note.ends_with("it is fetched again"), "{note}");
}

#[test]
fn when_nothing_helps_every_source_is_listed_with_its_reason() {
    let empty = mirror_of(&[]);
    let world = World::new(&[&empty, &mirror_of(&[("train.gz", labels())])]);
    let message = world.ensure().unwrap_err().to_string();
    for part in [
        "Small could not be fetched: test missing",
        &format!("- {empty}: train: HTTP status 404"),
        "/: test: HTTP status 404",
        "- Debian package small: apt-get was not found",
        "name it with SMALL_DIR",
    ] {
        assert!(message.contains(part), "{part:?} is not in {message:?}");
    }
    // What was fetched is kept for the next time.
    assert!(world.cache().join("train").exists());
}

#[test]
fn the_users_folder_is_used_as_it_is() {
    let mut world = World::new(&[]);
    let mine = world.folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("train.gz"), gzip(&labels())).unwrap();
    fs::write(mine.join("test"), other_labels()).unwrap();
    world.environment = world.environment.with("SMALL_DIR", &mine);
    assert_eq!(world.ensure().unwrap(), mine);
    assert!(!world.cache().exists());
}

#[test]
fn a_bad_file_in_the_users_folder_is_named_and_not_touched() {
    let mut world = World::new(&[&mirror_of(&[
        ("train.gz", labels()),
        ("test.gz", other_labels()),
    ])]);
    let mine = world.folder.path().join("mine");
    fs::create_dir(&mine).unwrap();
    fs::write(mine.join("train"), &labels()[..10]).unwrap();
    world.environment = world.environment.with("SMALL_DIR", &mine);
    let check = |parts: &[&str]| {
        let message = world.ensure().unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    };
    let train = mine.join("train").display().to_string();
    check(&[
        &train,
        "promises 11 bytes, it has 10",
        "expected 11 bytes with MD5",
        "unset SMALL_DIR",
    ]);
    assert_eq!(fs::read(mine.join("train")).unwrap(), labels()[..10]);
    fs::write(mine.join("train"), labels()).unwrap();
    check(&[
        "/mine/test is missing",
        "expected 10 bytes with MD5",
        "neither that nor a .gz",
    ]);
}

#[test]
fn the_catalogue_is_consistent() {
    for (spec, name) in [
        (catalogue::mnist(), "MNIST"),
        (catalogue::fashion_mnist(), "Fashion-MNIST"),
    ] {
        assert_eq!(spec.title, name);
        assert_eq!(
            spec.files.iter().map(|file| file.bytes).sum::<u64>(),
            54_950_048
        );
        assert!(spec.files.iter().all(|file| file.md5.len() == 32));
        assert!(spec.mirrors.iter().all(|mirror| mirror.ends_with('/')));
    }
}

#[test]
fn datasets_are_named_as_on_the_command_line() {
    assert_eq!(
        "fashion_mnist".parse::<Dataset>().unwrap(),
        Dataset::FashionMnist
    );
    let message = "cifar".parse::<Dataset>().unwrap_err().to_string();
    assert_eq!(
        message,
        r#"the dataset is "cifar", expected mnist or fashion_mnist"#
    );
}
