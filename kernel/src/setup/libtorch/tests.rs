//! Which libtorch is chosen, and what is said against it.

use super::*;
use crate::setup::fakes;
use tempfile::TempDir;

/// A machine with an empty cache, no GPU, and a checker that accepts everything.
struct Machine {
    folder: TempDir,
    options: Options,
    environment: Environment,
}

impl Machine {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Some(fakes::program(folder.path(), "checker", "exit 0"));
        let checker = Checker {
            program,
            arguments: Vec::new(),
        };
        let root = folder.path().join("root");
        let options = Options {
            choice: Choice::Auto,
            checker,
            root,
        };
        let environment = Environment::empty().with("PATH", folder.path());
        Self {
            folder,
            options,
            environment,
        }
    }

    fn cache(&self) -> Cache {
        Cache::at(self.folder.path().join("cache"))
    }

    /// A folder that looks like libtorch.
    fn libtorch(&self, name: &str, version: &str) -> PathBuf {
        let dir = self.folder.path().join(name);
        for file in [
            "lib/libtorch_cpu.so",
            "lib/libc10.so",
            "include/ATen/ATen.h",
        ] {
            let path = dir.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, file).unwrap();
        }
        fs::write(dir.join("build-version"), version).unwrap();
        dir
    }

    /// A finished one in the cache.
    fn cached(&self, layout: Layout) {
        let folder = self.cache().libtorch(layout.name());
        let lock =
            crate::setup::cache::Lock::acquire(&folder, "Test", &Reporter::silent()).unwrap();
        let staging = lock.stage().unwrap();
        let name = staging.path().join("torch").display().to_string();
        self.libtorch(&name, VERSION);
        if layout == Layout::Cuda {
            fs::write(staging.path().join("torch/lib/libtorch_cuda.so"), "").unwrap();
        }
        let marker =
            Marker::of(staging.path(), "libtorch", &["torch/lib/libtorch_cpu.so"]).unwrap();
        staging.publish(&marker).unwrap();
    }

    fn ensure(&self) -> Result<Libtorch> {
        ensure(
            &self.cache(),
            &self.options,
            &self.environment,
            &Reporter::silent(),
        )
    }

    fn set(mut self, name: &str, value: impl Into<std::ffi::OsString>) -> Self {
        self.environment = self.environment.with(name, value);
        self
    }

    #[track_caller]
    fn check_refused(&self, parts: &[&str]) {
        let message = self.ensure().unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
    }
}

#[test]
fn the_folder_in_libtorch_comes_first_and_is_described() {
    let machine = Machine::new();
    machine.cached(Layout::Cpu);
    let dir = machine.libtorch("mine", "2.11.0+cpu\n");
    let libtorch = machine
        .set("LIBTORCH", &dir)
        .set("LIBTORCH_USE_PYTORCH", "1")
        .ensure()
        .unwrap();
    assert_eq!(libtorch.dir, dir);
    assert_eq!(libtorch.lib_dir, dir.join("lib"));
    assert_eq!(
        (libtorch.version.as_str(), libtorch.cuda),
        ("2.11.0+cpu", false)
    );
    assert_eq!(
        libtorch.env(),
        [("LIBTORCH".to_owned(), dir.display().to_string())]
    );
}

#[test]
fn another_patch_release_is_accepted_and_torch_sys_is_told_so() {
    let machine = Machine::new();
    let dir = machine.libtorch("mine", "2.11.1");
    let libtorch = machine.set("LIBTORCH", dir).ensure().unwrap();
    assert!(
        libtorch
            .env()
            .contains(&("LIBTORCH_BYPASS_VERSION_CHECK".to_owned(), "1".to_owned()))
    );
}

#[test]
fn a_wrong_version_is_refused_with_both_versions_and_a_remedy() {
    let machine = Machine::new();
    let dir = machine.libtorch("mine", "1.13.1+cpu");
    let name = dir.display().to_string();
    machine.set("LIBTORCH", dir).check_refused(&[
        &name,
        "from LIBTORCH",
        "expected 2.11.x",
        "received 1.13.1+cpu",
        "unset LIBTORCH to have it downloaded",
    ]);
}

#[test]
fn a_folder_without_libtorch_is_refused_by_the_missing_file() {
    let machine = Machine::new();
    let dir = machine.folder.path().to_path_buf();
    machine
        .set("LIBTORCH", dir)
        .check_refused(&["lib/libtorch_cpu.so is missing", "unset LIBTORCH"]);
}

#[test]
fn cuda_can_be_insisted_on() {
    let mut machine = Machine::new();
    machine.options.choice = Choice::Cuda;
    let dir = machine.libtorch("mine", VERSION);
    machine
        .set("LIBTORCH", dir)
        .check_refused(&["lib/libtorch_cuda.so is missing"]);
}

#[test]
fn a_given_libtorch_is_loaded_once_and_again_when_it_changes() {
    let mut machine = Machine::new();
    let log = machine.folder.path().join("log");
    let script = format!("echo loaded >> '{}'", log.display());
    machine.options.checker.program =
        Some(fakes::program(machine.folder.path(), "checker", &script));
    let dir = machine.libtorch("mine", VERSION);
    let machine = machine.set("LIBTORCH", &dir);
    let loads = || fs::read_to_string(&log).unwrap().lines().count();
    let key = machine.ensure().unwrap().key;
    assert_eq!(machine.ensure().unwrap().key, key);
    assert_eq!(loads(), 1);
    fs::write(dir.join("lib/libtorch_cpu.so"), "another build of it").unwrap();
    assert_ne!(machine.ensure().unwrap().key, key);
    assert_eq!(loads(), 2);
}

#[test]
fn a_given_libtorch_that_does_not_load_is_refused_every_time() {
    let mut machine = Machine::new();
    let script = "echo 'libc10.so: wrong ELF class' >&2; exit 1";
    machine.options.checker.program =
        Some(fakes::program(machine.folder.path(), "checker", script));
    let dir = machine.libtorch("mine", VERSION);
    let machine = machine.set("LIBTORCH", dir);
    for _ in 0..2 {
        machine.check_refused(&["could not be loaded", "| libc10.so: wrong ELF class"]);
    }
}

#[test]
fn the_python_torch_is_found_without_importing_it() {
    let machine = Machine::new();
    let dir = machine.libtorch("site-packages/torch", "2.11.0+cu130");
    let script = format!("[ \"$1\" = -c ] && echo '{}'", dir.display());
    fakes::program(machine.folder.path(), "python3", &script);
    assert_eq!(
        machine
            .set("LIBTORCH_USE_PYTORCH", "1")
            .ensure()
            .unwrap()
            .dir,
        dir
    );
}

#[test]
fn a_python_without_torch_or_with_an_old_one_is_refused() {
    let machine = Machine::new();
    fakes::program(machine.folder.path(), "python3", "echo");
    let machine = machine.set("LIBTORCH_USE_PYTORCH", "1");
    machine.check_refused(&["torch in python3 was not found", "Install torch 2.11.0"]);
    let dir = machine.libtorch("site-packages/torch", "2.4.0");
    fakes::program(
        machine.folder.path(),
        "python3",
        &format!("echo '{}'", dir.display()),
    );
    machine.check_refused(&["from LIBTORCH_USE_PYTORCH", "received 2.4.0"]);
}

#[test]
fn the_cache_serves_without_python_and_cuda_also_without_a_gpu() {
    let machine = Machine::new();
    machine.cached(Layout::Cuda);
    assert!(machine.ensure().unwrap().cuda);
    machine.cached(Layout::Cpu);
    assert!(!machine.ensure().unwrap().cuda);
}

#[test]
fn a_machine_with_a_gpu_does_not_take_the_one_without_cuda() {
    let machine = Machine::new();
    machine.cached(Layout::Cpu);
    fs::create_dir_all(machine.options.root.join("dev/nvidia0")).unwrap();
    machine.check_refused(&["python3 was not found"]);
    machine.cached(Layout::Cuda);
    assert!(machine.ensure().unwrap().cuda);
}

#[test]
fn choices_are_read_from_the_environment() {
    let choice = |value| Choice::of(&Environment::empty().with("TORCHBOOK_LIBTORCH", value));
    assert_eq!(Choice::of(&Environment::empty()).unwrap(), Choice::Auto);
    assert_eq!(choice("cpu").unwrap(), Choice::Cpu);
    assert_eq!(choice("CUDA").unwrap(), Choice::Cuda);
    let message = choice("gpu").unwrap_err().to_string();
    assert_eq!(
        message,
        r#"TORCHBOOK_LIBTORCH is "gpu", expected auto, cpu or cuda"#
    );
}

#[test]
fn a_python_torch_of_the_right_version_is_used_and_remembered() {
    let machine = Machine::new();
    let dir = machine.libtorch("python/torch", "2.11.0+cpu");
    let answer = format!("echo '{}'", dir.display());
    let python = fakes::program(machine.folder.path(), "python3", &answer);
    assert_eq!(machine.ensure().unwrap().dir, dir);
    // Another Python comes first now, or none.
    fs::remove_file(python).unwrap();
    assert_eq!(machine.ensure().unwrap().dir, dir);
    // It is no longer the right one: pip would be asked now, and there is none.
    fs::write(dir.join("build-version"), "2.12.0").unwrap();
    machine.check_refused(&["python3"]);
}

#[test]
fn without_the_network_the_message_says_how_to_get_it() {
    Machine::new()
        .set("TORCHBOOK_OFFLINE", "1")
        .check_refused(&["offline", "LIBTORCH"]);
}
