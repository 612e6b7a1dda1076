//! `cargo metadata`, from a cache and without the crates that no cell can see.
//!
//! rust-analyzer parses every crate that is named there. The prelude has some 160 dependencies;
//! types of only a few of them appear in its public surface. What the user adds with `:dep` stays,
//! with what it depends on. Of the prelude and its crates, the rust-analyzer inside evcxr is shown
//! signatures ([`crate_signatures`]).

use super::answers::{self, Answer};
use super::crate_signatures;
use super::guard::GoodVersions;
use super::progress;
use super::real_command;
use super::tools::{Settings, Tools};
use crate::setup::kernel_folder::ANALYSIS;
use crate::setup::std_sources;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::process::ExitCode;

/// The prelude's package.
pub(super) const PRELUDE: &str = "torchbook-prelude";
/// What the prelude shows to cells of its dependencies.
pub(super) const PUBLIC_DEPENDENCIES: [&str; 5] =
    ["tch", "torch-sys", "plotters", "plotters-backend", "mnist"];
/// What std is made of, as far as types in cells go. The last two are how hashbrown calls `core` and
/// `alloc`: without them the fields of maps are unknown, and with those what a map's methods return.
const STANDARD_LIBRARY: [&str; 8] = [
    "core",
    "alloc",
    "std",
    "proc_macro",
    "hashbrown",
    "cfg-if",
    "rustc-std-workspace-core",
    "rustc-std-workspace-alloc",
];
/// evcxr's crate of cells, and the one it tries a dependency with.
const CELL_CRATES: [&str; 2] = ["ctx", VALIDATION];
/// The crate by which evcxr finds out whether a dependency exists.
const VALIDATION: &str = "evcxr_dummy_validate_dep";

/// Answers for the crate of cells and for std.
pub fn answer(tools: &Tools, settings: &Settings, words: &[&str]) -> Option<ExitCode> {
    let named = words
        .iter()
        .position(|word| *word == "--manifest-path")
        .and_then(|at| words.get(at + 1))
        .map(Path::new);
    let folder = match named {
        Some(manifest) => manifest.parent()?.to_path_buf(),
        None => std::env::current_dir().ok()?,
    };
    let is_cells = folder == settings.evcxr;
    // The same crates once more, for questions. Asked once for each set of dependencies, by a path
    // that no other kernel has: not worth keeping.
    let is_analysis = folder == settings.evcxr.with_file_name(ANALYSIS);
    if !is_cells && !is_analysis && !settings.is_of_std(&folder) {
        return None;
    }
    let manifest = std::fs::read(folder.join("Cargo.toml")).ok()?;
    if is_cells && !String::from_utf8_lossy(&manifest).contains(VALIDATION) {
        GoodVersions::new(tools, &settings.evcxr).restore().ok()?;
    }
    // rust-analyzer names its own copy of the lock file, which is as good as the original here.
    let lock = std::fs::read(folder.join("Cargo.lock")).unwrap_or_default();
    let filter = [&PUBLIC_DEPENDENCIES[..], &STANDARD_LIBRARY[..]]
        .concat()
        .join(" ");
    let shows_signatures = is_cells && !String::from_utf8_lossy(&manifest).contains(VALIDATION);
    let form = match shows_signatures {
        true => std_sources::CRATE_SIGNATURES,
        false => "",
    };
    let contents = [&manifest, &lock, filter.as_bytes(), form.as_bytes()];
    let key = answers::key(settings, words, &contents);
    let own = tools.answers();
    if !is_analysis
        && let Some(answer) = answers::recall(settings, &[&own, &settings.shared_answers], &key)
        // Of this kernel's own, they may have been deleted with the prepared folder.
        && (!shows_signatures || settings.signatures(PRELUDE).exists())
    {
        return Some(answer.print());
    }
    let mut command = real_command(tools, Some(settings), "cargo");
    command.args(words);
    let mut answer = if is_analysis {
        Answer::of(&mut command).ok()?
    } else {
        Answer::from(&progress::output(tools, &mut command).ok()?)
    };
    if is_cells && String::from_utf8_lossy(&manifest).contains(VALIDATION) {
        // It has one dependency, so cargo forgot all other versions in the lock file, and would
        // build the prelude with newer ones.
        let file = folder.join("Cargo.lock");
        if let Err(error) = super::recording::write_whole(&file, &String::from_utf8_lossy(&lock)) {
            eprintln!("torchbook: {}: {error}", file.display());
        }
    }
    if answer.code == 0
        && let Ok(mut metadata) = serde_json::from_str::<Value>(&answer.stdout)
    {
        keep_visible(&mut metadata);
        if shows_signatures && let Err(error) = crate_signatures::show(&mut metadata, settings) {
            eprintln!("torchbook: no signatures, so the next cell takes longer: {error}");
        }
        answer.stdout = metadata.to_string();
        let reach = if is_analysis {
            Reach::Once
        } else {
            reach(&metadata)
        };
        match reach {
            Reach::Shared => answers::keep(settings, &settings.shared_answers, &key, &answer),
            Reach::OwnKernel => answers::keep(settings, &own, &key, &answer),
            Reach::Once => {}
        }
    }
    Some(answer.print())
}

/// How long an answer holds.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    /// Nothing but the toolchain and the prelude is in it.
    Shared,
    /// Crates of the user's are in it.
    OwnKernel,
    /// It depends on manifests that change without the lock file telling.
    Once,
}

fn reach(metadata: &Value) -> Reach {
    let packages = || metadata["packages"].as_array().into_iter().flatten();
    let is_of_sysroot = packages().any(|package| package["name"] == "core");
    if is_of_sysroot {
        return Reach::Shared;
    }
    let name = |package: &Value| package["name"].as_str().unwrap_or_default().to_owned();
    let is_users_folder = |package: &Value| {
        package["source"].is_null()
            && name(package) != PRELUDE
            && !CELL_CRATES.contains(&name(package).as_str())
    };
    if packages().any(is_users_folder) {
        return Reach::Once;
    }
    let roots = packages().filter(|package| CELL_CRATES.contains(&name(package).as_str()));
    let has_users_dependency = roots
        .flat_map(|root| root["dependencies"].as_array().into_iter().flatten())
        .any(|dependency| name(dependency) != PRELUDE);
    if has_users_dependency {
        Reach::OwnKernel
    } else {
        Reach::Shared
    }
}

/// Removes the packages that cells never see from what `cargo metadata` said.
///
/// Kept are the cells' crate, the prelude with its public dependencies, the parts of std that
/// matter for types, and all crates of the user's with what they depend on.
pub fn keep_visible(metadata: &mut Value) {
    let names = names_by_id(metadata);
    let is_std = names.values().any(|name| name == "core");
    let mut kept: HashSet<String> = names
        .iter()
        .filter(|(_, name)| {
            let name = name.as_str();
            name == PRELUDE
                || CELL_CRATES.contains(&name)
                || PUBLIC_DEPENDENCIES.contains(&name)
                || (is_std && STANDARD_LIBRARY.contains(&name))
        })
        .map(|(id, _)| id.clone())
        .collect();
    let links = links(metadata);
    let mut to_visit: Vec<&str> = names
        .iter()
        .filter(|(_, name)| CELL_CRATES.contains(&name.as_str()))
        .flat_map(|(id, _)| links.get(id).into_iter().flatten())
        .map(String::as_str)
        .collect();
    let mut visited = HashSet::new();
    while let Some(id) = to_visit.pop() {
        let is_prelude = names.get(id).is_some_and(|name| name == PRELUDE);
        if is_prelude || !visited.insert(id) {
            continue;
        }
        kept.insert(id.to_owned());
        to_visit.extend(links.get(id).into_iter().flatten().map(String::as_str));
    }
    let is_kept = |id: &Value| id.as_str().is_some_and(|id| kept.contains(id));
    retain(&mut metadata["packages"], |package| is_kept(&package["id"]));
    retain(&mut metadata["workspace_members"], is_kept);
    retain(&mut metadata["workspace_default_members"], is_kept);
    retain(&mut metadata["resolve"]["nodes"], |node| {
        is_kept(&node["id"])
    });
    for node in metadata["resolve"]["nodes"]
        .as_array_mut()
        .into_iter()
        .flatten()
    {
        retain(&mut node["dependencies"], is_kept);
        retain(&mut node["deps"], |dependency| is_kept(&dependency["pkg"]));
    }
}

fn names_by_id(metadata: &Value) -> HashMap<String, String> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    packages
        .filter_map(|package| {
            let id = package["id"].as_str()?.to_owned();
            Some((id, package["name"].as_str()?.to_owned()))
        })
        .collect()
}

/// Which package leads to which: code of macros and build scripts is run, not seen.
fn links(metadata: &Value) -> HashMap<String, Vec<String>> {
    let macros: HashSet<&str> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|package| package.to_string().contains("\"proc-macro\""))
        .filter_map(|package| package["id"].as_str())
        .collect();
    let nodes = metadata["resolve"]["nodes"]
        .as_array()
        .into_iter()
        .flatten();
    nodes
        .filter_map(|node| {
            let id = node["id"].as_str()?;
            let seen = node["deps"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|dependency| {
                    let kinds = dependency["dep_kinds"].as_array();
                    kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
                })
                .filter_map(|dependency| dependency["pkg"].as_str())
                .map(str::to_owned)
                .collect();
            let seen = if macros.contains(id) {
                Vec::new()
            } else {
                seen
            };
            Some((id.to_owned(), seen))
        })
        .collect()
}

pub(super) fn retain(array: &mut Value, keep: impl Fn(&Value) -> bool) {
    if let Some(array) = array.as_array_mut() {
        array.retain(|value| keep(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A workspace as cargo describes it: who depends on whom, with the kind of dependency.
    fn metadata(edges: &[(&str, &str, Option<&str>)]) -> Value {
        let mut names: Vec<&str> = edges
            .iter()
            .flat_map(|(from, to, _)| [*from, *to])
            .collect();
        names.sort_unstable();
        names.dedup();
        let packages: Vec<Value> = names
            .iter()
            .map(|name| {
                let kind = if name.ends_with("_derive") { "proc-macro" } else { "lib" };
                let depends_on: Vec<Value> = edges
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, _)| json!({ "name": to }))
                    .collect();
                let source = if ["ctx", PRELUDE, "local"].contains(name) { Value::Null } else { "registry".into() };
                json!({ "name": name, "id": name, "source": source, "targets": [{ "kind": [kind] }], "dependencies": depends_on })
            })
            .collect();
        let nodes: Vec<Value> = names
            .iter()
            .map(|name| {
                let deps: Vec<Value> = edges
                    .iter()
                    .filter(|(from, _, _)| from == name)
                    .map(|(_, to, kind)| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] }))
                    .collect();
                let ids: Vec<&Value> = deps.iter().map(|dep| &dep["pkg"]).collect();
                json!({ "id": name, "dependencies": ids, "deps": deps })
            })
            .collect();
        json!({ "packages": packages, "workspace_members": ["ctx"], "resolve": { "nodes": nodes } })
    }

    fn kept(metadata: &Value) -> Vec<&str> {
        let packages = metadata["packages"].as_array().into_iter().flatten();
        packages
            .filter_map(|package| package["name"].as_str())
            .collect()
    }

    #[test]
    fn what_only_the_prelude_uses_is_left_out_and_no_edge_leads_there() {
        let mut workspace = metadata(&[
            ("ctx", PRELUDE, None),
            (PRELUDE, "tch", None),
            (PRELUDE, "zip", None),
            ("tch", "zip", None),
        ]);
        keep_visible(&mut workspace);
        assert_eq!(kept(&workspace), ["ctx", "tch", PRELUDE]);
        assert!(
            !workspace["resolve"].to_string().contains("zip"),
            "{workspace}"
        );
        assert_eq!(workspace["resolve"]["nodes"][1]["deps"], json!([]));
    }

    #[test]
    fn the_users_crates_stay_with_what_they_use_but_not_with_what_builds_them() {
        let mut workspace = metadata(&[
            ("ctx", PRELUDE, None),
            ("ctx", "image", None),
            (PRELUDE, "zip", None),
            ("image", "zip", None),
            ("image", "cc", Some("build")),
            ("image", "image_derive", None),
            ("image_derive", "syn", None),
        ]);
        keep_visible(&mut workspace);
        assert_eq!(
            kept(&workspace),
            ["ctx", "image", "image_derive", PRELUDE, "zip"]
        );
    }

    #[test]
    fn an_answer_holds_as_long_as_its_manifests() {
        let alone = metadata(&[("ctx", PRELUDE, None)]);
        let with_rand = metadata(&[("ctx", PRELUDE, None), ("ctx", "rand", None)]);
        let with_folder = metadata(&[("ctx", PRELUDE, None), ("ctx", "local", None)]);
        assert_eq!(reach(&alone), Reach::Shared);
        assert_eq!(reach(&with_rand), Reach::OwnKernel);
        assert_eq!(reach(&with_folder), Reach::Once);
    }
}
