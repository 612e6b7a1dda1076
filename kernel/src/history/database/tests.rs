use super::*;

/// Sources of what a query finds, with session and line.
fn found(database: &mut Database, query: &Query) -> Vec<(i64, i64, String)> {
    database
        .find(query)
        .into_iter()
        .map(|entry| (entry.session, entry.line, entry.source))
        .collect()
}

fn lines(database: &mut Database, session: i64, start: i64, stop: Option<i64>) -> Vec<(i64, i64)> {
    let query = Query::Range {
        session,
        start,
        stop,
    };
    found(database, &query)
        .into_iter()
        .map(|(session, line, _)| (session, line))
        .collect()
}

fn search(database: &mut Database, pattern: &str, n: Option<i64>, unique: bool) -> Vec<(i64, i64)> {
    let query = Query::Search {
        pattern: pattern.into(),
        n,
        unique,
    };
    found(database, &query)
        .into_iter()
        .map(|(session, line, _)| (session, line))
        .collect()
}

/// Two sessions in one file: three cells, then two.
fn two_sessions(file: &Path) -> Database {
    let mut first = Database::open(Some(file));
    first.insert(1, "let a = 1;");
    first.insert(2, "a + 1");
    first.set_output(2, "2");
    first.insert(3, "let b = 2;");
    let mut second = Database::open(Some(file));
    second.insert(1, "a + 1");
    second.insert(2, "b");
    second
}

#[test]
fn the_tail_goes_across_sessions_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = two_sessions(&folder.path().join("data/history.sqlite"));
    let tail = found(&mut database, &Query::Tail { n: 3 });
    assert_eq!(
        tail,
        [
            (1, 3, "let b = 2;".into()),
            (2, 1, "a + 1".into()),
            (2, 2, "b".into())
        ]
    );
    assert_eq!(
        database.find(&Query::Tail { n: 5 })[1].output.as_deref(),
        Some("2")
    );
    assert_eq!(database.find(&Query::Tail { n: -1 }), []);
}

#[test]
fn a_range_counts_sessions_and_lines_as_ipython_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = two_sessions(&folder.path().join("history.sqlite"));
    assert_eq!(
        lines(&mut database, 0, 0, None),
        [(2, 1), (2, 2)],
        "this one"
    );
    assert_eq!(
        lines(&mut database, -1, 2, None),
        [(1, 2), (1, 3)],
        "the one before"
    );
    assert_eq!(
        lines(&mut database, 1, 1, Some(2)),
        [(1, 1)],
        "stop is excluded"
    );
    assert_eq!(lines(&mut database, 1, -1, None), [(1, 3)], "from the end");
    assert_eq!(lines(&mut database, 1, 1, Some(-1)), [(1, 1), (1, 2)]);
    assert_eq!(lines(&mut database, 7, 0, None), []);
    assert_eq!(lines(&mut database, -9, 0, None), []);
    assert_eq!(lines(&mut database, i64::MIN, i64::MIN, Some(i64::MIN)), []);
}

#[test]
fn before_its_first_cell_a_kernel_is_the_session_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    two_sessions(&file);
    let mut third = Database::open(Some(&file));
    assert_eq!(lines(&mut third, 0, 0, None), []);
    assert_eq!(lines(&mut third, -1, 0, None), [(2, 1), (2, 2)]);
}

#[test]
fn a_search_knows_globs_limits_and_uniqueness() {
    let folder = tempfile::tempdir().unwrap();
    let mut database = two_sessions(&folder.path().join("history.sqlite"));
    assert_eq!(search(&mut database, "let*", None, false), [(1, 1), (1, 3)]);
    assert_eq!(
        search(&mut database, "? + 1", None, false),
        [(1, 2), (2, 1)]
    );
    assert_eq!(
        search(&mut database, "? + 1", None, true),
        [(2, 1)],
        "the newest stays"
    );
    assert_eq!(search(&mut database, "*", Some(2), false), [(2, 1), (2, 2)]);
    assert_eq!(search(&mut database, "' OR 1; --", None, false), []);
}

#[test]
fn a_damaged_file_is_set_aside_and_rebuilt() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    for (number, garbage) in [
        &b"not a database, but long enough to have a header "[..],
        b"\0\0",
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&file, garbage.repeat(100)).unwrap();
        let mut database = Database::open(Some(&file));
        database.insert(1, "x");
        assert_eq!(search(&mut database, "x", None, false), [(1, 1)]);
        drop(database);
        let aside = with_suffix(&file, &format!(".damaged-{}", number + 1));
        assert_eq!(fs::read(aside).unwrap(), garbage.repeat(100));
        let mut again = Database::open(Some(&file));
        assert_eq!(
            search(&mut again, "x", None, false),
            [(1, 1)],
            "on disk again"
        );
    }
}

#[test]
fn damage_that_shows_later_is_mended_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let mut database = two_sessions(&file);
    // What another program may do to the file while it is open.
    let other = Connection::open(&file).unwrap();
    other
        .execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")
        .unwrap();
    drop(other);
    let size = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
    fs::write(&file, vec![0xaa; size]).unwrap();
    database.insert(9, "after");
    assert_eq!(search(&mut database, "after", None, false).len(), 1);
}

#[test]
fn tables_of_another_program_are_set_aside() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let other = Connection::open(&file).unwrap();
    other
        .execute_batch("CREATE TABLE cells (something TEXT)")
        .unwrap();
    drop(other);
    let mut database = Database::open(Some(&file));
    database.insert(1, "x");
    assert_eq!(search(&mut database, "x", None, false), [(1, 1)]);
    assert!(with_suffix(&file, ".damaged-1").exists());
}

#[test]
fn where_nothing_can_be_written_the_kernel_goes_on_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let no_folder = folder.path().join("file");
    fs::write(&no_folder, "").unwrap();
    let mut database = Database::open(Some(&no_folder.join("history.sqlite")));
    database.insert(1, "x");
    assert_eq!(search(&mut database, "x", None, false), [(1, 1)]);
}

#[test]
fn a_full_disk_moves_the_kernel_into_memory() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let mut database = two_sessions(&file);
    let pages = "PRAGMA max_page_count = 1";
    database
        .connection
        .as_ref()
        .unwrap()
        .query_row(pages, [], |_| Ok(()))
        .unwrap();
    database.insert(3, &"long ".repeat(100_000));
    database.insert(4, "after");
    assert_eq!(search(&mut database, "after", None, false).len(), 1);
    assert_eq!(database.file, None);
    let mut others = Database::open(Some(&file));
    assert_eq!(
        search(&mut others, "*", None, false).len(),
        5,
        "the file is as it was"
    );
}

#[test]
fn kernels_that_write_at_once_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let kernels: Vec<_> = (0..4)
        .map(|_| {
            let file = file.clone();
            std::thread::spawn(move || {
                let mut database = Database::open(Some(&file));
                for line in 1..=25 {
                    database.insert(line, "x");
                    database.set_output(line, "y");
                }
                assert!(database.file.is_some(), "went to memory");
                database.session.unwrap()
            })
        })
        .collect();
    let mut sessions: Vec<i64> = kernels.into_iter().map(|k| k.join().unwrap()).collect();
    sessions.sort_unstable();
    assert_eq!(sessions, [1, 2, 3, 4]);
    let mut database = Database::open(Some(&file));
    let all = database.find(&Query::Tail { n: 1000 });
    assert_eq!(all.len(), 100);
    assert!(all.iter().all(|entry| entry.output.as_deref() == Some("y")));
}
