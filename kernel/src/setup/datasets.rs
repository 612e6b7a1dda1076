//! MNIST and Fashion-MNIST: that their four files are there and are the right ones.
//!
//! In this order: the folder that the user has named, the cache, public [`mirrors`], a [`packages`]
//! registry. Every file counts on its own: it is verified by size and MD5 wherever it comes from,
//! and only those that are missing or damaged are fetched. Reading images out of them is the
//! prelude's business.

mod catalogue;
mod mirrors;
mod packages;
mod verify;

use std::fs;
use std::path::{Path, PathBuf};

use catalogue::{FileSpec, Spec};
use mirrors::{Client, Limits};

use super::cache::{Cache, Lock};
use super::error::{Attempt, quoted};
use super::{Environment, Reporter, Result, SetupError};

/// A dataset that set-up can provide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dataset {
    /// Handwritten digits.
    Mnist,
    /// Articles of clothing, in the same format.
    FashionMnist,
}

impl Dataset {
    /// The name on the command line and in the cache.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::FashionMnist => "fashion_mnist",
        }
    }

    /// The folder of the dataset in the cache, or the user's own, with all files in it verified.
    ///
    /// # Errors
    /// [`SetupError::BadDataFile`] for the user's folder, which is never changed;
    /// [`SetupError::DataUnavailable`] if no source has what is missing.
    pub fn ensure(
        self,
        cache: &Cache,
        environment: &Environment,
        reporter: &Reporter,
    ) -> Result<PathBuf> {
        let spec = match self {
            Self::Mnist => catalogue::mnist(),
            Self::FashionMnist => catalogue::fashion_mnist(),
        };
        ensure(
            &spec,
            &cache.data(self.name()),
            environment,
            Limits::default(),
            reporter,
        )
    }
}

impl std::str::FromStr for Dataset {
    type Err = SetupError;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Mnist, Self::FashionMnist]
            .into_iter()
            .find(|dataset| dataset.name() == name)
            .ok_or_else(|| SetupError::InvalidSetting {
                name: "the dataset".into(),
                value: name.into(),
                expected: "mnist or fashion_mnist".into(),
            })
    }
}

fn ensure(
    spec: &Spec,
    folder: &Path,
    environment: &Environment,
    limits: Limits,
    reporter: &Reporter,
) -> Result<PathBuf> {
    if let Some(named) = environment.path(spec.folder_variable) {
        return users_folder(spec, &named);
    }
    if missing(spec, folder, &Reporter::silent())?.is_empty() {
        return Ok(folder.to_path_buf());
    }
    let remedy = format!(
        "Run `torchbook data` once with the network, or name a folder with the files with {}.",
        spec.folder_variable
    );
    SetupError::unless_online(environment, spec.title, &remedy)?;
    let lock = Lock::acquire(folder, spec.title, reporter)?;
    fs::create_dir_all(folder).map_err(|source| SetupError::io("create", folder, source))?;
    // Another process may have fetched them meanwhile.
    let missing = missing(spec, folder, reporter)?;
    let staging = lock.stage()?;
    let mut fetch = Fetch {
        folder,
        work: staging.path(),
        missing,
        attempts: Vec::new(),
    };
    fetch.ask_mirrors(spec, &Client::new(limits), reporter)?;
    fetch.ask_package(spec, environment, reporter)?;
    if fetch.missing.is_empty() {
        return Ok(folder.to_path_buf());
    }
    Err(SetupError::DataUnavailable {
        dataset: spec.title.to_owned(),
        missing: names(&fetch.missing),
        attempts: fetch.attempts,
        remedy: format!(
            "Check the network, or put the four files ({}, as they are or as .gz) into a folder and name it \
             with {}.",
            names(&spec.files.iter().collect::<Vec<_>>()),
            spec.folder_variable
        ),
    })
}

/// Checks the user's folder, which is read and never written.
fn users_folder(spec: &Spec, folder: &Path) -> Result<PathBuf> {
    let folder =
        std::path::absolute(folder).map_err(|source| SetupError::io("find", folder, source))?;
    for file in &spec.files {
        let path = verify::find(&folder, file);
        verify::file(&path, file)?.map_err(|fault| SetupError::BadDataFile {
            dataset: spec.title.to_owned(),
            path,
            fault: Box::new(fault),
            remedy: format!(
                "Put the right file there, or unset {} to have {} downloaded.",
                spec.folder_variable, spec.title
            ),
        })?;
    }
    Ok(folder)
}

/// The files that are not in the cache as they should be. Damaged ones are named.
fn missing<'a>(spec: &'a Spec, folder: &Path, reporter: &Reporter) -> Result<Vec<&'a FileSpec>> {
    let mut missing = Vec::new();
    for file in &spec.files {
        let path = folder.join(&file.name);
        let Err(fault) = verify::file(&path, file)? else {
            continue;
        };
        if path.exists() {
            let (title, path) = (spec.title, path.display());
            reporter.note(&format!("{title}: {path} {fault}; it is fetched again"));
        }
        missing.push(file);
    }
    Ok(missing)
}

fn names(files: &[&FileSpec]) -> String {
    files
        .iter()
        .map(|file| file.name.as_str())
        .collect::<Vec<_>>()
        .join(", ")
}

/// The search for the missing files of a dataset, from source to source.
struct Fetch<'a> {
    folder: &'a Path,
    /// Where files are made before they get their names in `folder`.
    work: &'a Path,
    missing: Vec<&'a FileSpec>,
    attempts: Vec<Attempt>,
}

impl Fetch<'_> {
    fn ask_mirrors(&mut self, spec: &Spec, client: &Client, reporter: &Reporter) -> Result<()> {
        for mirror in &spec.mirrors {
            while let Some(&file) = self.missing.first() {
                let step = reporter.step(format!("{}: {}", spec.title, file.name));
                match client.fetch(mirror, file, &step) {
                    Ok(bytes) => {
                        self.keep(file, &bytes)?;
                        step.succeed();
                    }
                    Err(reason) => {
                        // Whatever it was, the next mirror is more likely to help than this one.
                        self.attempts.push(Attempt {
                            source: mirror.clone(),
                            reason,
                        });
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn ask_package(
        &mut self,
        spec: &Spec,
        environment: &Environment,
        reporter: &Reporter,
    ) -> Result<()> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let source = spec.package.to_string();
        let unpacked = self.work.join("package");
        match packages::unpack(
            &spec.package,
            &self.missing,
            &unpacked,
            environment,
            reporter,
        ) {
            Ok(()) => {}
            Err(full @ SetupError::DiskFull { .. }) => return Err(full),
            Err(error) => {
                let reason = match error {
                    SetupError::CommandFailed {
                        command,
                        status,
                        output,
                        ..
                    } => format!("`{command}` ended with {status}{}", quoted(&output)),
                    other => other.to_string(),
                };
                self.attempts.push(Attempt { source, reason });
                return Ok(());
            }
        }
        for file in self.missing.clone() {
            let path = verify::find(&unpacked, file);
            match verify::file(&path, file)? {
                Ok(bytes) => self.keep(file, &bytes)?,
                Err(fault) => {
                    let reason = format!("{} {fault}", file.name);
                    self.attempts.push(Attempt {
                        source: source.clone(),
                        reason,
                    });
                }
            }
        }
        Ok(())
    }

    /// Gives verified bytes their place in the cache, at once or not at all.
    fn keep(&mut self, file: &FileSpec, bytes: &[u8]) -> Result<()> {
        let (part, path) = (self.work.join(&file.name), self.folder.join(&file.name));
        fs::write(&part, bytes).map_err(|source| SetupError::io("write", &part, source))?;
        fs::rename(&part, &path).map_err(|source| SetupError::io("rename", &part, source))?;
        self.missing.retain(|missing| missing.name != file.name);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
