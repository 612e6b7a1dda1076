//! A Cargo project loaded into rust-analyzer: the cells' dependencies and std.
//!
//! Only the file with the cell changes from question to question. Everything else is
//! declared a library, which spares rust-analyzer looking at it again.

use anyhow::{Context, anyhow};
use ra_ap_base_db::SourceRoot;
use ra_ap_hir::ChangeWithProcMacros;
use ra_ap_ide::{AnalysisHost, FileId};
use ra_ap_ide_db::FxHashMap;
use ra_ap_paths::AbsPathBuf;
use ra_ap_project_model::{CargoConfig, ProjectManifest, ProjectWorkspace, RustLibSource};
use ra_ap_vfs::file_set::FileSetConfig;
use ra_ap_vfs::loader::{Config, Directories, Entry, Handle, LoadingProgress, Message};
use ra_ap_vfs::{Change, Vfs, VfsPath};
use ra_ap_vfs_notify::NotifyHandle;
use std::fs;
use std::path::Path;

/// A loaded project whose only source file is the text being asked about.
pub struct Workspace {
    host: AnalysisHost,
    cell_file: FileId,
}

/// What a project's dependencies are: the two files that cargo reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub cargo_toml: String,
    pub cargo_lock: String,
}

impl Manifest {
    /// Reads the files in a folder.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn read(folder: &Path) -> std::io::Result<Manifest> {
        Ok(Manifest {
            cargo_toml: fs::read_to_string(folder.join("Cargo.toml"))?,
            cargo_lock: fs::read_to_string(folder.join("Cargo.lock"))?,
        })
    }
}

impl Workspace {
    /// Writes a project into a folder and loads it; takes seconds.
    ///
    /// # Errors
    /// When the folder cannot be written, or cargo cannot make sense of the manifest.
    pub fn load(folder: &Path, manifest: &Manifest) -> anyhow::Result<Workspace> {
        let write = |name: &str, content: &str| {
            fs::write(folder.join(name), content)
                .with_context(|| format!("cannot write {name} in {}", folder.display()))
        };
        fs::create_dir_all(folder.join("src"))
            .with_context(|| format!("cannot create {}", folder.display()))?;
        write("Cargo.toml", &manifest.cargo_toml)?;
        write("Cargo.lock", &manifest.cargo_lock)?;
        // Cargo wants a file; what is in it is told to rust-analyzer directly.
        write("src/lib.rs", "")?;
        let root = folder
            .to_str()
            .and_then(|path| AbsPathBuf::try_from(path).ok())
            .ok_or_else(|| anyhow!("{} is not an absolute UTF-8 path", folder.display()))?;
        let config = CargoConfig {
            sysroot: Some(RustLibSource::Discover),
            ..CargoConfig::default()
        };
        let cargo_toml = ProjectManifest::from_manifest_file(root.join("Cargo.toml"))?;
        let project = ProjectWorkspace::load(cargo_toml, &config, &|_| {})?;
        let (vfs, file_sets) = read_sources(&project)?;
        analyse(project, vfs, &file_sets, &root.join("src/lib.rs").into())
    }

    /// The text that questions are about from now on.
    pub fn set_text(&mut self, text: String) {
        let mut change = ChangeWithProcMacros::default();
        change.change_file(self.cell_file, Some(text));
        self.host.apply_change(change);
    }

    /// What answers. To be dropped before the next [`Workspace::set_text`].
    pub fn analysis(&self) -> ra_ap_ide::Analysis {
        self.host.analysis()
    }

    /// The file with the text.
    pub fn cell_file(&self) -> FileId {
        self.cell_file
    }
}

/// Reads the sources of all crates; one set of files for each.
fn read_sources(project: &ProjectWorkspace) -> anyhow::Result<(Vfs, FileSetConfig)> {
    let mut file_sets = FileSetConfig::builder();
    let mut load = Vec::new();
    for root in project.to_roots() {
        file_sets.add_file_set(root.include.iter().cloned().map(VfsPath::from).collect());
        load.push(Entry::Directories(Directories {
            extensions: vec!["rs".to_owned()],
            include: root.include,
            exclude: root.exclude,
        }));
    }
    let (sender, messages) = crossbeam_channel::unbounded();
    let mut loader = NotifyHandle::spawn(sender);
    loader.set_config(Config {
        version: 1,
        load,
        watch: Vec::new(),
    });
    let mut vfs = Vfs::default();
    for message in messages {
        match message {
            Message::Progress {
                n_done: LoadingProgress::Finished,
                ..
            } => return Ok((vfs, file_sets.build())),
            Message::Progress { .. } => {}
            Message::Loaded { files } | Message::Changed { files } => {
                for (path, content) in files {
                    vfs.set_file_contents(path.into(), content);
                }
            }
        }
    }
    Err(anyhow!("the sources' reader ended early"))
}

/// Hands everything to rust-analyzer.
fn analyse(
    project: ProjectWorkspace,
    mut vfs: Vfs,
    file_sets: &FileSetConfig,
    cell_path: &VfsPath,
) -> anyhow::Result<Workspace> {
    let (cell_file, _) = vfs
        .file_id(cell_path)
        .ok_or_else(|| anyhow!("{cell_path} is not among the sources"))?;
    let mut change = ChangeWithProcMacros::default();
    let roots = file_sets.partition(&vfs).into_iter().map(|files| {
        if files.path_for_file(&cell_file).is_some() {
            SourceRoot::new_local(files)
        } else {
            SourceRoot::new_library(files)
        }
    });
    change.set_roots(roots.collect());
    for (file, changed) in vfs.take_changes() {
        if let Change::Create(bytes, _) | Change::Modify(bytes, _) = changed.change
            && let Ok(text) = String::from_utf8(bytes)
        {
            change.change_file(file, Some(text));
        }
    }
    let (crates, _) = project.to_crate_graph(
        &mut |path| vfs.file_id(&path.to_path_buf().into()).map(|(id, _)| id),
        &FxHashMap::default(),
    );
    change.set_crate_graph(crates);
    let mut host = AnalysisHost::default();
    host.apply_change(change);
    Ok(Workspace { host, cell_file })
}
