//! The C interface of libtorchbook.so, as the child's control thread uses it.
//!
//! The other side of these five functions is the prelude's `child_interface` module.
//! Loading takes a second (libtorch comes with it), so it happens on a thread of its
//! own while evcxr and the user are still busy with other things.

use std::ffi::OsString;
use std::io;
use std::sync::{Arc, Condvar, Mutex, OnceLock};

/// Version of the interface this binary speaks.
const ABI_VERSION: u32 = 2;

struct Functions {
    flush: unsafe extern "C" fn(),
    begin_cell: unsafe extern "C" fn(),
    input_reply: unsafe extern "C" fn(*const u8, usize, i32),
}

/// libtorchbook.so, once it is loaded; until then its functions do nothing.
pub struct PreludeLibrary {
    functions: OnceLock<Functions>,
    finished: Mutex<bool>,
    has_finished: Condvar,
}

impl PreludeLibrary {
    /// Starts loading; without a path the library counts as loaded and does nothing.
    pub fn load_in_background(path: Option<OsString>) -> io::Result<Arc<PreludeLibrary>> {
        let library = Arc::new(PreludeLibrary {
            functions: OnceLock::new(),
            finished: Mutex::new(path.is_none()),
            has_finished: Condvar::new(),
        });
        if let Some(path) = path {
            let library = Arc::clone(&library);
            std::thread::Builder::new()
                .name("torchbook-load".into())
                .spawn(move || {
                    if let Err(error) = library.load(&path) {
                        eprintln!(
                            "torchbook: cannot load the prelude {}: {error}",
                            path.to_string_lossy()
                        );
                    }
                    let mut finished = library.finished.lock().unwrap_or_else(|e| e.into_inner());
                    *finished = true;
                    library.has_finished.notify_all();
                })?;
        }
        Ok(library)
    }

    fn load(&self, path: &OsString) -> Result<(), Box<dyn std::error::Error>> {
        use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
        // SAFETY: our own library; its initialisers are those of libtorch and std. It is
        // never unloaded, so the function pointers stay valid.
        unsafe {
            let library = Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL)?;
            let version =
                *library.get::<unsafe extern "C" fn() -> u32>(b"torchbook_abi_version\0")?;
            let version = version();
            if version != ABI_VERSION {
                return Err(
                    format!("it speaks interface {version}, expected {ABI_VERSION}").into(),
                );
            }
            let child_start = *library.get::<unsafe extern "C" fn()>(b"torchbook_child_start\0")?;
            let functions = Functions {
                flush: *library.get(b"torchbook_flush\0")?,
                begin_cell: *library.get(b"torchbook_begin_cell\0")?,
                input_reply: *library.get(b"torchbook_input_reply\0")?,
            };
            child_start();
            std::mem::forget(library);
            // Only this thread sets it, once.
            let _ = self.functions.set(functions);
        }
        Ok(())
    }

    /// Blocks until loading has ended, well or badly.
    pub fn wait_until_loaded(&self) {
        let mut finished = self.finished.lock().unwrap_or_else(|e| e.into_inner());
        while !*finished {
            finished = self
                .has_finished
                .wait(finished)
                .unwrap_or_else(|e| e.into_inner());
        }
    }

    /// Flushes libstd.so's stdout and C's streams.
    pub fn flush(&self) {
        if let Some(functions) = self.functions.get() {
            // SAFETY: the prelude's function, with the signature it exports.
            unsafe { (functions.flush)() }
        }
    }

    /// Tells the prelude that a new cell begins: an old interrupt is forgotten.
    pub fn begin_cell(&self) {
        if let Some(functions) = self.functions.get() {
            // SAFETY: as above.
            unsafe { (functions.begin_cell)() }
        }
    }

    /// Hands the user's answer to the cell that waits for it.
    pub fn input_reply(&self, text: &str, status: i32) {
        if let Some(functions) = self.functions.get() {
            // SAFETY: pointer and length are of a live string that the function copies.
            unsafe { (functions.input_reply)(text.as_ptr(), text.len(), status) }
        }
    }
}
