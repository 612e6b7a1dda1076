//! What torchbook has put there: the cache with libtorch, the prelude and data, and kernelspecs.

use super::Finding;
use crate::setup::error::free_space;
use crate::setup::libtorch::{self, Choice};
use crate::setup::prepared::Prepared;
use crate::setup::progress::megabytes;
use crate::setup::{Cache, Environment, Toolchain, clean, kernelspec};
use std::path::Path;

/// The command that gets and builds whatever is missing.
const INSTALL: &str = "torchbook install";
/// Less than this does not hold libtorch and a prelude with a kernel's copy.
const LEAST_SPACE: u64 = 3_000_000_000;

/// The cache folder, and what has to be in it.
pub fn cache(environment: &Environment, toolchain: Option<&Toolchain>) -> Vec<Finding> {
    let cache = match Cache::of(environment) {
        Ok(cache) => cache,
        Err(error) => return vec![Finding::of_error("cache", &error)],
    };
    let mut findings = vec![folder(&cache)];
    let (libtorch, finding) = libtorch(&cache, environment);
    findings.push(finding);
    let prepared = toolchain
        .zip(libtorch.as_ref())
        .and_then(|(toolchain, libtorch)| Prepared::find(&cache, toolchain, libtorch));
    findings.push(match prepared {
        Some(prepared) => Finding::good("prelude", prepared.evcxr_folder().display().to_string()),
        None => Finding::warning(
            "prelude",
            "not built for this Rust, libtorch and version: the next kernel builds it, in some minutes",
            INSTALL,
        ),
    });
    findings.push(data(&cache));
    findings
}

fn folder(cache: &Cache) -> Finding {
    let root = cache.root();
    let free = free_space(root).unwrap_or(u64::MAX);
    let entries = clean::inventory(cache);
    let used: u64 = entries.iter().map(|entry| entry.bytes).sum();
    let going = clean::candidates(&entries, &clean::Keep::default(), false);
    let unused: u64 = going.iter().map(|entry| entry.bytes).sum();
    let found = format!(
        "{}: {} used, of them {} by nobody",
        root.display(),
        megabytes(used),
        megabytes(unused)
    );
    let nearest = root.ancestors().find(|folder| folder.exists());
    let is_writable = nearest
        .is_some_and(|folder| rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok());
    if !is_writable {
        return Finding::warning(
            "cache",
            format!(
                "{} cannot be written: nothing new can be built in it",
                root.display()
            ),
            "name another folder: torchbook --set cache=FOLDER install",
        );
    }
    if free < LEAST_SPACE {
        return Finding::warning(
            "cache",
            format!("{found}; only {} free", megabytes(free)),
            "torchbook clean",
        );
    }
    if unused > 1_000_000_000 {
        return Finding::warning("cache", found, "torchbook clean");
    }
    Finding::good("cache", found)
}

fn libtorch(cache: &Cache, environment: &Environment) -> (Option<libtorch::Libtorch>, Finding) {
    let looked = Choice::of(environment)
        .map(libtorch::Options::new)
        .and_then(|options| libtorch::find(cache, &options, environment));
    match looked {
        Ok(Some(libtorch)) => {
            let cuda = if libtorch.cuda { "with" } else { "without" };
            let found = format!(
                "{} {cuda} CUDA in {}",
                libtorch.version,
                libtorch.dir.display()
            );
            (Some(libtorch), Finding::good("libtorch", found))
        }
        Ok(None) => (
            None,
            Finding::warning(
                "libtorch",
                format!(
                    "{} is not there: the next kernel gets it",
                    libtorch::VERSION
                ),
                INSTALL,
            ),
        ),
        Err(error) => (None, Finding::of_error("libtorch", &error)),
    }
}

fn data(cache: &Cache) -> Finding {
    let there = |name: &str| cache.data(name).exists();
    match ["mnist", "fashion_mnist"].map(there) {
        [false, _] => Finding::warning(
            "data",
            "MNIST is not there: the first `mnist::load_data()` gets it",
            "torchbook data mnist",
        ),
        [true, false] => Finding::good("data", "MNIST"),
        [true, true] => Finding::good("data", "MNIST, Fashion-MNIST"),
    }
}

/// That a kernelspec starts this program, and that none starts one that is gone.
pub fn kernelspecs(environment: &Environment) -> Finding {
    let installed = kernelspec::installed(environment);
    let broken: Vec<String> = installed
        .iter()
        .filter(|folder| {
            let program = kernelspec::program_of(folder);
            program.is_some_and(|program| program.is_absolute() && !program.exists())
        })
        .map(|folder| folder.display().to_string())
        .collect();
    if !broken.is_empty() {
        return Finding::warning(
            "kernelspec",
            format!(
                "{} starts a program that is no longer there",
                broken.join(", ")
            ),
            INSTALL,
        );
    }
    let names: Vec<String> = installed
        .iter()
        .map(|folder: &std::path::PathBuf| Path::display(folder).to_string())
        .collect();
    match names.is_empty() {
        true => Finding::warning("kernelspec", "Jupyter does not know this kernel", INSTALL),
        false => Finding::good("kernelspec", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use crate::setup::kernelspec::Spec;

    #[test]
    fn a_kernelspec_whose_program_is_gone_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::empty().with("JUPYTER_DATA_DIR", folder.path());
        let mut spec = Spec::of_this_program("Rust").unwrap();
        spec.program = folder.path().join("torchbook");
        spec.write(&folder.path().join("kernels"), "torchbook")
            .unwrap();
        let finding = kernelspecs(&environment);
        assert_eq!(finding.status, Status::Warning);
        assert!(
            finding.found.contains("no longer there"),
            "{}",
            finding.found
        );
        std::fs::write(&spec.program, "").unwrap();
        assert_eq!(kernelspecs(&environment).status, Status::Good);
    }

    #[test]
    fn an_empty_cache_is_fit_for_use() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::empty()
            .with("TORCHBOOK_CACHE", folder.path())
            .with("PATH", folder.path());
        let findings = cache(&environment, None);
        assert!(
            findings.iter().all(|finding| finding.status != Status::Bad),
            "{findings:?}"
        );
        let libtorch = &findings[1];
        assert_eq!(
            (libtorch.check, libtorch.remedy.as_str()),
            ("libtorch", INSTALL)
        );
    }
}
