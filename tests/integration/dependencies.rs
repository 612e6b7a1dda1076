//! `:dep` in a running notebook: the prelude stays as it is, or the cell is refused.

use crate::cells::{alone, shown};
use crate::client::{Client, Transcript};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// libtorchbook.so as the cell process has mapped it, and the file that is there now.
pub struct Prelude {
    path: PathBuf,
    pub inode: u64,
}

impl Prelude {
    pub fn of(client: &Client) -> Prelude {
        let kernel = client.process.id();
        let children =
            std::fs::read_to_string(format!("/proc/{kernel}/task/{kernel}/children")).unwrap();
        let threads = std::fs::read_dir(format!("/proc/{kernel}/task")).unwrap();
        let children = threads.fold(children, |all, thread| {
            let path = thread.unwrap().path().join("children");
            all + " " + &std::fs::read_to_string(path).unwrap_or_default()
        });
        children
            .split_whitespace()
            .filter_map(|child| mapped(Path::new("/proc").join(child).join("maps").as_path()))
            .next()
            .expect("a cell process with the prelude")
    }

    /// Nothing was written in its place.
    pub fn is_in_place(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|file| file.ino() == self.inode)
    }
}

fn mapped(maps: &Path) -> Option<Prelude> {
    let maps = std::fs::read_to_string(maps).ok()?;
    let line = maps.lines().find(|line| line.contains("libtorchbook.so"))?;
    let mut fields = line.split_whitespace().skip(4);
    Some(Prelude {
        inode: fields.next()?.parse().ok()?,
        path: fields.next()?.into(),
    })
}

fn text(transcript: &Transcript) -> String {
    shown(transcript).join("\n")
}

/// The cell ends well and shows this.
#[track_caller]
pub fn shows(client: &mut Client, code: &str, expected: &str) {
    let transcript = client.run(code);
    assert_eq!(
        transcript.reply["status"],
        "ok",
        "{code}: {}",
        text(&transcript)
    );
    assert!(
        text(&transcript).contains(expected),
        "{code} should show {expected}, showed {}",
        text(&transcript)
    );
}

#[test]
fn what_would_replace_the_loaded_prelude_is_refused_and_nothing_changes() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let kept = 41;");
    let prelude = Prelude::of(&client);
    let asked = ":dep libc = { version = \"0.2\", features = [\"extra_traits\"] }\nlet lost = 1;";
    // The second time, what the first attempt has left behind must not matter.
    for _ in 0..2 {
        let refused = client.run(asked);
        assert_eq!(refused.reply["ename"], "PreludeInUse", "{}", text(&refused));
        let evalue = refused.reply["evalue"].as_str().unwrap();
        assert!(
            evalue.contains("libc 0.2.") && evalue.ends_with("the feature `extra_traits`"),
            "{evalue}"
        );
        let traceback = refused.reply["traceback"].to_string();
        assert!(traceback.contains("before any other cell"), "{traceback}");
        assert!(prelude.is_in_place());
        shows(&mut client, "kept + 1", "\"42\"");
        assert!(!text(&client.run(":show_deps")).contains("libc"));
    }
    assert_eq!(client.run("lost").reply["status"], "error");
    // What needs no other prelude still comes.
    shows(
        &mut client,
        ":dep itertools\nitertools::join([1, 2], \"+\")",
        "1+2",
    );
    shows(&mut client, "Tensor::from_slice(&[kept]).size1()?", "\"1\"");
    assert_eq!(Prelude::of(&client).inode, prelude.inode);
    assert!(client.shut_down().success());
}

#[test]
fn cargos_steps_are_shown_while_it_works() {
    let _alone = alone();
    let mut client = Client::real();
    client.run("let a = 1;");
    // The build script waits until this test has seen that it is compiled.
    let folder = tempfile::tempdir().unwrap();
    let go = folder.path().join("go");
    std::fs::create_dir(folder.path().join("src")).unwrap();
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"slow\"\nversion = \"0.1.0\"\nedition = \"2024\"\nbuild = \"build.rs\"\n",
    )
    .unwrap();
    std::fs::write(
        folder.path().join("src/lib.rs"),
        "pub fn answer() -> i32 { 42 }\n",
    )
    .unwrap();
    let fifo = rustix::fs::FileType::Fifo;
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &go, fifo, mode, 0).unwrap();
    std::fs::write(
        folder.path().join("build.rs"),
        format!("fn main() {{ std::fs::read({go:?}).unwrap(); }}\n"),
    )
    .unwrap();
    let code = format!(
        ":dep slow = {{ path = {:?} }}\nslow::answer()",
        folder.path()
    );
    let id = client.send_shell(jupyter_protocol::ExecuteRequest::new(code));
    client.iopub_until(&id, |line| line.contains("Compiling slow v0.1.0"));
    std::fs::write(&go, "go").unwrap();
    let transcript = client.transcript(&id);
    assert_eq!(transcript.reply["status"], "ok", "{:?}", transcript.iopub);
    assert!(transcript.iopub.iter().any(|line| line.contains("\"42\"")));
    assert!(client.shut_down().success());
}
