//! Installing with a pip made of a shell script.

use super::*;
use crate::setup::fakes;
use std::path::PathBuf;
use tempfile::TempDir;

/// What the fake pip puts into its target folder: the parts of the wheels that matter.
const UNPACK: &str = "
  mkdir -p $target/torch/lib $target/torch/include/ATen $target/torch/nn $target/torchgen $target/bin
  mkdir -p $target/torch-2.11.0.dist-info $target/nvidia/cu13/lib
  cd $target
  touch torch/lib/libtorch_cpu.so torch/lib/libc10.so torch/lib/libtorch.so torch/lib/libtorch_python.so
  touch torch/lib/libtorch_cuda.so torch/lib/libtorch_cuda_linalg.so torch/lib/libc10_cuda.so
  touch torch/include/ATen/ATen.h torch/nn/__init__.py torch/__init__.py torchgen/__init__.py bin/torchrun
  touch nvidia/cu13/lib/libcudart.so.13 nvidia/cu13/lib/libcupti.so.13 nvidia/cu13/lib/libnvperf_host.so
  echo \"__version__ = '2.11.0+cu130'\" > torch/version.py
  printf 'Name: torch\\nRequires-Dist: filelock\\nRequires-Dist: cuda-toolkit[cublas]==13.0.2; platform_system == \"Linux\"\\n\
Requires-Dist: nvidia-nccl-cu13==2.28.9; platform_system == \"Linux\"\\n\\nRequires-Dist: nvidia-in-the-description\\n' \
    > torch-2.11.0.dist-info/METADATA";

struct Machine {
    folder: TempDir,
    checker: Checker,
}

impl Machine {
    /// `install` is what the fake pip does; `$target` is its target folder, `$@` its arguments.
    fn new(version: &str, install: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        let script = format!(
            "PATH=/usr/bin:/bin
             [ \"$1\" = -c ] && echo \"$0\" && exit
             case \"$*\" in *--version) echo 'pip {version} from /usr/lib'; exit;; esac
             echo \"$@\" >> '{}'
             target=$(echo \"$@\" | sed 's/.*--target \\([^ ]*\\).*/\\1/')
             {install}",
            log.display()
        );
        fakes::program(folder.path(), "python3", &script);
        let program = Some(fakes::program(folder.path(), "checker", "exit 0"));
        Self {
            folder,
            checker: Checker {
                program,
                arguments: Vec::new(),
            },
        }
    }

    fn libtorch_folder(&self) -> PathBuf {
        self.folder.path().join("cache/libtorch")
    }

    fn install(&self, layout: Layout) -> Result<Libtorch> {
        self.install_with(layout, |_| None)
    }

    fn install_with(
        &self,
        layout: Layout,
        free_space: fn(&Path) -> Option<u64>,
    ) -> Result<Libtorch> {
        let cache = Cache::at(self.folder.path().join("cache"));
        let environment = Environment::empty().with("PATH", self.folder.path());
        install_where(
            &cache,
            layout,
            &self.checker,
            &environment,
            &Reporter::silent(),
            free_space,
        )
    }

    fn calls(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }

    #[track_caller]
    fn check_refused(&self, parts: &[&str]) {
        let message = self.install(Layout::Cpu).unwrap_err().to_string();
        for part in parts {
            assert!(message.contains(part), "{part:?} is not in {message:?}");
        }
        let left: Vec<_> = names(&self.libtorch_folder());
        assert!(
            left.iter().all(|name| name.ends_with(".lock")),
            "left behind: {left:?}"
        );
    }
}

fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

#[test]
fn the_slim_layout_has_no_python_and_no_cuda() {
    let machine = Machine::new("23.2.1", UNPACK);
    let libtorch = machine.install(Layout::Cpu).unwrap();
    let folder = machine.libtorch_folder().join("2.11.0-cpu");
    assert_eq!(libtorch.dir, folder.join("torch"));
    assert_eq!(
        (libtorch.version.as_str(), libtorch.cuda),
        ("2.11.0+cu130", false)
    );
    assert_eq!(
        names(&folder),
        [
            "nvidia",
            "torch",
            "torch-2.11.0.dist-info",
            "torchbook.json"
        ]
    );
    assert_eq!(names(&libtorch.dir), ["include", "lib", "version.py"]);
    assert_eq!(
        names(&libtorch.lib_dir),
        ["libc10.so", "libtorch.so", "libtorch_cpu.so"]
    );
    assert_eq!(
        names(&folder.join("nvidia/cu13/lib")),
        ["libcudart.so.13", "libcupti.so.13"]
    );
    let script = fs::read_to_string(libtorch.lib_dir.join("libtorch.so")).unwrap();
    assert_eq!(script, "INPUT(libtorch_cpu.so)\n");
}

#[test]
fn pip_is_asked_for_wheels_that_do_not_depend_on_its_own_python() {
    let machine = Machine::new("23.2.1", UNPACK);
    machine.install(Layout::Cpu).unwrap();
    let [call] = &machine.calls()[..] else {
        panic!("one call of pip")
    };
    for part in [
        "--no-deps",
        "--python-version 3.11",
        "--platform=manylinux_2_28_x86_64",
        "torch==2.11.0 nvidia-cuda-runtime==13.0.96 nvidia-cuda-cupti==13.0.85",
    ] {
        assert!(call.contains(part), "{part:?} is not in {call:?}");
    }
}

#[test]
fn the_cuda_layout_brings_the_libraries_that_torch_names() {
    let machine = Machine::new("23.2.1", UNPACK);
    let libtorch = machine.install(Layout::Cuda).unwrap();
    assert!(libtorch.cuda);
    let [torch, libraries] = &machine.calls()[..] else {
        panic!("two calls of pip")
    };
    assert!(
        torch.ends_with(" torch==2.11.0") && torch.contains("--no-deps"),
        "{torch}"
    );
    assert!(
        libraries.ends_with(
            " cuda-toolkit[cublas]==13.0.2 nvidia-nccl-cu13==2.28.9 nvidia-cuda-crt==13.0.88"
        ),
        "{libraries}"
    );
    assert!(!libraries.contains("--no-deps"), "{libraries}");
}

#[test]
fn a_second_install_does_nothing() {
    let machine = Machine::new("23.2.1", UNPACK);
    let first = machine.install(Layout::Cpu).unwrap();
    assert_eq!(machine.install(Layout::Cpu).unwrap(), first);
    assert_eq!(machine.calls().len(), 1);
}

#[test]
fn what_a_killed_install_left_is_removed_and_made_again() {
    let machine = Machine::new("23.2.1", UNPACK);
    let leftover = machine
        .libtorch_folder()
        .join("2.11.0-cpu.partial-1/torch/lib");
    fs::create_dir_all(&leftover).unwrap();
    machine.install(Layout::Cpu).unwrap();
    assert_eq!(
        names(&machine.libtorch_folder()),
        ["2.11.0-cpu", "2.11.0-cpu.lock"]
    );
}

#[test]
fn one_that_does_not_load_is_not_published() {
    let mut machine = Machine::new("23.2.1", UNPACK);
    let script = "echo 'undefined symbol' >&2; exit 1";
    machine.checker.program = Some(fakes::program(machine.folder.path(), "checker", script));
    machine.check_refused(&["could not be loaded", "| undefined symbol", "LIBTORCH"]);
}

#[test]
fn no_python_no_pip_and_an_old_pip_are_told_apart() {
    let machine = Machine::new("20.0.2", "");
    machine.check_refused(&[
        "expected pip 21.1 or newer",
        "received pip 20.0.2",
        "--upgrade pip",
    ]);
    fakes::program(
        machine.folder.path(),
        "python3",
        "[ \"$1\" = -c ] && echo \"$0\" && exit; echo 'No module named pip' >&2; exit 1",
    );
    machine.check_refused(&["pip of python3 was not found", "apt install python3-pip"]);
    fs::remove_file(machine.folder.path().join("python3")).unwrap();
    machine.check_refused(&[
        "python3 was not found",
        "name a libtorch 2.11.0 of your own with LIBTORCH",
    ]);
}

#[test]
fn pips_complaints_get_their_meaning() {
    let failing = |words: &str| Machine::new("23.2.1", &format!("echo \"{words}\" >&2; exit 1"));
    failing(
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
    )
    .check_refused(&["is full", "Free some space"]);
    failing("ERROR: No matching distribution found for torch==2.11.0").check_refused(&[
        "no wheel for torch==2.11.0",
        "pip config list",
        "| ERROR: No matching",
    ]);
    failing("WARNING: Retrying after NewConnectionError\nERROR: No matching distribution found for torch")
        .check_refused(&["pip's package index cannot be reached", "HTTPS_PROXY"]);
    failing("ERROR: something new")
        .check_refused(&["exit status: 1. Run it again", "| ERROR: something new"]);
}

#[test]
fn too_little_space_is_said_before_anything_is_downloaded() {
    let machine = Machine::new("23.2.1", UNPACK);
    let message = machine
        .install_with(Layout::Cpu, |_| Some(300_000_000))
        .unwrap_err()
        .to_string();
    assert!(message.contains("1800 MB needed, 300 MB free"), "{message}");
    assert!(message.contains("TORCHBOOK_CACHE"), "{message}");
    assert!(
        !machine.folder.path().join("log").exists(),
        "pip was not called"
    );
}
