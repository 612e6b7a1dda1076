//! What a cell may do to the prelude's own build: the words for what was refused.
//!
//! [`crate::stand_in::guard`] finds out; [`super::evcxr`] decides when a rebuild is allowed.

use super::CellError;
use crate::stand_in::guard::Refusal;

/// The error of a cell whose dependencies would have the prelude built again.
pub fn refused(refusal: &Refusal) -> CellError {
    let Refusal {
        package, version, ..
    } = refusal;
    let why = if !refusal.new_features.is_empty() {
        let features: Vec<String> = refusal
            .new_features
            .iter()
            .map(|name| format!("`{name}`"))
            .collect();
        let noun = if features.len() == 1 {
            "the feature"
        } else {
            "the features"
        };
        format!(
            "{package} {version} would get {noun} {}",
            features.join(", ")
        )
    } else if !refusal.other_versions.is_empty() {
        let versions: Vec<String> = refusal
            .other_versions
            .iter()
            .map(|(name, version)| format!("{name} {version}"))
            .collect();
        format!(
            "{package} {version} would be built with other versions than those in use ({})",
            versions.join(", ")
        )
    } else {
        format!("{package} {version} would be built with other settings")
    };
    CellError::new(
        "PreludeInUse",
        format!("cargo would build the prelude again, which the running cell process has loaded: {why}"),
    )
    .with_line("Nothing was built and no dependency was added. Variables and definitions are as before.")
    .with_line(
        "Perhaps the new crate does without: ask for fewer of its features \
         (`default-features = false, features = [...]`).",
    )
    .with_line(
        "If you need it: restart the kernel (or run `:restart` in a cell of its own, which only loses \
         the variables) and run this `:dep` before any other cell. The prelude is then built again for \
         this kernel, which takes minutes.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(features: &[&str], versions: &[(&str, &str)]) -> Refusal {
        Refusal {
            package: "libc".into(),
            version: "0.2.1".into(),
            new_features: features.iter().map(|&name| name.into()).collect(),
            other_versions: versions
                .iter()
                .map(|&(name, version)| (name.into(), version.into()))
                .collect(),
        }
    }

    #[test]
    fn it_says_which_package_and_why() {
        let told = |features: &[&str], versions: &[(&str, &str)]| {
            refused(&refusal(features, versions)).evalue
        };
        assert!(told(&["a"], &[]).ends_with("libc 0.2.1 would get the feature `a`"));
        assert!(told(&["a", "b"], &[("x", "1")]).ends_with("the features `a`, `b`"));
        assert!(told(&[], &[("x", "1")]).ends_with("those in use (x 1)"));
        assert!(told(&[], &[]).ends_with("libc 0.2.1 would be built with other settings"));
        let error = refused(&refusal(&[], &[]));
        assert_eq!(error.traceback.len(), 4);
    }
}
