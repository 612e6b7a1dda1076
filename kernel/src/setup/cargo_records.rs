//! What only cargo reads of a target folder (fingerprints, dependency lists, what build scripts said),
//! packed into one file.
//!
//! Most kernels never start cargo: the stand-ins answer for it. A thousand small files, made for each
//! kernel and removed with it, take longer than everything else of its start where the disk's inodes
//! were freed a moment before (ext4). [`super::kernel_folder`] shares the packed file like a finished
//! artefact; whoever is about to start cargo unpacks it ([`unpack_once`]).

use super::kernel_folder::{INCREMENTAL, is_finished_artefact, is_of_the_cells};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The packed file's name, in the prepared folder and in a kernel's.
pub const NAME: &str = "cargo-records";

/// One file: where it was below the target folder, when it was written, how long it is.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    path: PathBuf,
    modified: SystemTime,
    length: usize,
}

/// Packs what is below `target` into `file`, which appears whole or not at all.
///
/// # Errors
/// When something cannot be read or written.
pub fn pack(target: &Path, file: &Path) -> io::Result<()> {
    let (mut records, mut contents) = (Vec::new(), Vec::new());
    collect(target, target, &mut records, &mut contents)?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut partial = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(&mut partial, &records)?;
    partial.write_all(b"\n")?;
    partial.write_all(&contents)?;
    partial.persist(file)?;
    Ok(())
}

fn collect(
    target: &Path,
    folder: &Path,
    records: &mut Vec<Record>,
    contents: &mut Vec<u8>,
) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let kind = entry.file_type()?;
        if is_of_the_cells(&path) || entry.file_name() == INCREMENTAL {
            continue;
        }
        if kind.is_dir() {
            collect(target, &path, records, contents)?;
        } else if kind.is_file() && !is_finished_artefact(&path) {
            let content = fs::read(&path)?;
            records.push(Record {
                modified: entry.metadata()?.modified()?,
                length: content.len(),
                path: path.strip_prefix(target).unwrap_or(&path).to_path_buf(),
            });
            contents.extend(content);
        }
    }
    Ok(())
}

/// Unpacks a kernel's records into its target folder, unless that was done before.
///
/// # Errors
/// When something cannot be read or written; it is tried again the next time.
pub fn unpack_once(kernel: &Path, target: &Path) -> io::Result<()> {
    let file = kernel.join(NAME);
    let packed = match fs::read(&file) {
        Ok(packed) => packed,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let damaged = || io::Error::other(format!("{} is damaged: restart the kernel", file.display()));
    let end = packed.iter().position(|&byte| byte == b'\n');
    let (header, mut contents) = packed.split_at(end.ok_or_else(damaged)?);
    contents = &contents[1..];
    let records: Vec<Record> = serde_json::from_slice(header)?;
    for record in records {
        let (content, rest) = contents
            .split_at_checked(record.length)
            .ok_or_else(damaged)?;
        contents = rest;
        let path = target.join(&record.path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = File::create(&path)?;
        file.write_all(content)?;
        // Cargo compares times to find out what is fresh.
        file.set_modified(record.modified)?;
    }
    fs::remove_file(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_has_the_contents_and_times_of_what_was_packed() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        for name in [
            "debug/.fingerprint/tch-1/lib-tch",
            "debug/deps/tch-1.d",
            "debug/deps/libtch-1.rlib",
            "debug/deps/libctx.so",
            "debug/.fingerprint/ctx-1/lib-ctx",
            "debug/incremental/ctx/graph.bin",
        ] {
            fs::create_dir_all(from.join(name).parent().unwrap()).unwrap();
            fs::write(from.join(name), name).unwrap();
        }
        let long_ago = SystemTime::UNIX_EPOCH + std::time::Duration::new(1, 234_567_891);
        let dependencies = from.join("debug/deps/tch-1.d");
        File::options()
            .write(true)
            .open(&dependencies)
            .and_then(|file| file.set_modified(long_ago))
            .unwrap();
        let kernel = folder.path().join("kernel");
        fs::create_dir(&kernel).unwrap();
        pack(&from, &kernel.join(NAME)).unwrap();
        unpack_once(&kernel, &to).unwrap();

        let text = |name: &str| fs::read_to_string(to.join(name)).ok();
        let fingerprint = "debug/.fingerprint/tch-1/lib-tch";
        assert_eq!(text(fingerprint).as_deref(), Some(fingerprint));
        let time = fs::metadata(to.join("debug/deps/tch-1.d")).unwrap();
        assert_eq!(time.modified().unwrap(), long_ago);
        for left_out in [
            "debug/deps/libtch-1.rlib",
            "debug/deps/libctx.so",
            "debug/.fingerprint/ctx-1/lib-ctx",
            "debug/incremental/ctx/graph.bin",
        ] {
            assert_eq!(text(left_out), None);
        }

        // The second time there is nothing to do.
        fs::write(to.join(fingerprint), "newer").unwrap();
        unpack_once(&kernel, &to).unwrap();
        assert_eq!(text(fingerprint).as_deref(), Some("newer"));
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("a.d"), "dependencies").unwrap();
        let file = folder.path().join(NAME);
        pack(&target, &file).unwrap();
        let whole = fs::read(&file).unwrap();
        fs::write(&file, &whole[..whole.len() - 1]).unwrap();
        let error = unpack_once(folder.path(), &folder.path().join("other")).unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
    }
}
