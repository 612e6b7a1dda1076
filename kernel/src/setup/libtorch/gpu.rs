//! Whether this machine has an NVIDIA GPU with a driver.
//!
//! Looks at files only: asking the driver would load it, and a GPU in a bad state can hang that.

use std::path::Path;

/// Files of which one is there wherever the driver is: bare metal, containers, WSL 2.
const SIGNS: [&str; 3] = [
    "dev/nvidia0",
    "proc/driver/nvidia/version",
    "usr/lib/wsl/lib/libcuda.so.1",
];

/// Whether the driver of an NVIDIA GPU is there, on the machine whose files are below `root`.
pub fn is_present(root: &Path) -> bool {
    SIGNS.iter().any(|sign| root.join(sign).exists())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_sign_is_enough_and_none_is_not() {
        let root = tempfile::tempdir().unwrap();
        assert!(!is_present(root.path()));
        for sign in SIGNS {
            let path = root.path().join(sign);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            assert!(is_present(root.path()), "{sign}");
            fs::remove_file(path).unwrap();
        }
    }
}
