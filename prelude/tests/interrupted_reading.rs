//! The stop button while data is read: images of a folder, lines of a file, a dataset that is fetched.
//!
//! The button is one for the whole process, so this is one test in a process of its own.

#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use torchbook::{Error, ImageFolder, Kind, Result, Tensor, interrupt, mnist, read_csv, tch};

fn is_interrupted<T>(result: Result<T>) -> bool {
    matches!(result, Err(Error::Interrupted))
}

/// Three pictures of two classes.
fn pictures(folder: &Path) {
    let image = Tensor::full([3, 4, 4], 9, (Kind::Uint8, tch::Device::Cpu));
    for name in ["rose/a.png", "rose/b.png", "tulip/c.png"] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("disk space");
        tch::vision::image::save(&image, path).expect("disk space");
    }
}

#[test]
fn reading_stops_between_images_lines_batches_and_while_a_dataset_is_fetched() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);

    pictures(&path("flowers"));
    let images = ImageFolder::new(path("flowers")).expect("a folder of images");
    interrupt::simulate_after(2);
    assert!(is_interrupted(images.load()), "between the images");
    assert_eq!(images.load().expect("once more").0.size()[0], 3);

    let dataset = images.dataset().batch(1);
    interrupt::simulate_after(1);
    let batches: Result<Vec<_>> = dataset.epoch(0).expect("an epoch").collect();
    assert!(is_interrupted(batches), "between the batches");
    let batches: Result<Vec<_>> = dataset.epoch(0).expect("an epoch").collect();
    assert_eq!(batches.expect("once more").len(), 3);

    fs::write(path("table.csv"), "a,b\n1,2\n3,4\n5,6\n").expect("disk space");
    interrupt::simulate_after(1);
    assert!(
        is_interrupted(read_csv(path("table.csv"))),
        "between the lines"
    );
    assert!(read_csv(path("table.csv")).is_ok());

    // Stands for `torchbook data mnist`, and waits as that does for a server.
    let fifo = path("fifo");
    let made = Command::new("mkfifo").arg(&fifo).status();
    assert!(made.expect("mkfifo").success());
    let program = path("fetches");
    fs::write(&program, format!("#!/bin/sh\nexec cat {fifo:?}\n")).expect("disk space");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("our own file");
    // SAFETY: no other thread of this process is running.
    unsafe {
        std::env::remove_var("TORCHBOOK_MNIST_DIR");
        std::env::set_var("TORCHBOOK_CACHE", path("cache"));
        std::env::set_var("TORCHBOOK_EXE", &program);
    }
    let user = std::thread::spawn(move || {
        // Opens when the program reads.
        let server = File::options().write(true).open(fifo);
        interrupt::simulate_after(0);
        server.expect("the program's other end")
    });
    assert!(is_interrupted(mnist::load_data()), "while it is fetched");
    let mut server = user.join().expect("it only opens a file");
    let answer = server.write(b"too late");
    assert!(answer.is_err(), "the program goes on: {answer:?}");
}
