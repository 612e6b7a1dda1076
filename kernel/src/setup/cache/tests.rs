use super::*;

fn lock(target: &Path) -> Lock {
    Lock::acquire(target, "Test", &Reporter::silent()).unwrap()
}

#[test]
fn the_root_follows_the_setting_then_xdg_then_home() {
    let root = |environment: &Environment| Cache::of(environment).unwrap().root;
    let home = Environment::empty().with("HOME", "/home/me");
    assert_eq!(root(&home), Path::new("/home/me/.cache/torchbook"));
    let xdg = home.with("XDG_CACHE_HOME", "/var/cache");
    assert_eq!(root(&xdg), Path::new("/var/cache/torchbook"));
    let named = xdg.with("TORCHBOOK_CACHE", "/big/disk");
    assert_eq!(root(&named), Path::new("/big/disk"));
}

#[test]
fn nothing_has_the_final_name_until_it_is_published() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("deep/thing");
    let lock = lock(&target);
    let staging = lock.stage().unwrap();
    fs::write(staging.path().join("a"), "12345").unwrap();
    assert!(!target.exists());
    let marker = Marker::of(staging.path(), "thing", &["a"]).unwrap();
    staging.publish(&marker).unwrap();
    assert_eq!(Marker::of_intact(&target), Some(marker));
}

#[test]
fn a_dropped_staging_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("thing");
    let lock = lock(&target);
    let path = lock.stage().unwrap().path().to_path_buf();
    assert!(!path.exists() && !target.exists());
}

#[test]
fn leftovers_of_dead_processes_are_removed_and_neighbours_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("thing");
    let leftover = folder.path().join("thing.partial-1");
    let neighbour = folder.path().join("thing-2.partial-1");
    fs::create_dir_all(leftover.join("torch")).unwrap();
    fs::create_dir(&neighbour).unwrap();
    let _staging = lock(&target).stage().unwrap();
    assert!(!leftover.exists() && neighbour.exists());
}

#[test]
fn publishing_again_replaces_the_old_folder() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("thing");
    let lock = lock(&target);
    for name in ["old", "new"] {
        let staging = lock.stage().unwrap();
        fs::write(staging.path().join(name), "").unwrap();
        staging.publish(&Marker::default()).unwrap();
    }
    assert!(target.join("new").exists() && !target.join("old").exists());
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names.len(), 2, "only the folder and its lock: {names:?}");
}

#[test]
fn a_folder_whose_file_lost_bytes_is_not_intact() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a"), "12345").unwrap();
    Marker::of(folder.path(), "thing", &["a"])
        .unwrap()
        .write(folder.path())
        .unwrap();
    assert!(Marker::of_intact(folder.path()).is_some());
    fs::write(folder.path().join("a"), "").unwrap();
    assert_eq!(Marker::of_intact(folder.path()), None);
}

#[test]
fn a_second_lock_waits_and_names_the_holder() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("thing");
    let first = lock(&target);
    let mut file = File::open(folder.path().join("thing.lock")).unwrap();
    assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
    assert_eq!(holder(&mut file), Some(process::id()));
    let waiting = std::thread::spawn({
        let target = target.clone();
        move || lock(&target)
    });
    drop(first);
    waiting.join().unwrap();
}

#[test]
fn whoever_waits_for_a_lock_can_be_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("thing");
    let _first = lock(&target);
    let stopped = Reporter::silent().stopped_by(|| true);
    let error = Lock::acquire(&target, "The thing", &stopped).unwrap_err();
    assert!(matches!(error, SetupError::Interrupted { .. }), "{error}");
}
