//! The C interface of libtorchbook.so, as the child's control thread uses it.
//!
//! The other side of these five functions is the prelude's `child_interface` module.
//! Loading takes a second (libtorch comes with it), so it happens on a thread of its
//! own while evcxr and the user are still busy with other things.

use std::ffi::OsString;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock};

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
    loading: Mutex<Loading>,
    has_finished: Condvar,
}

enum Loading {
    /// Nobody has asked for the library at this path yet.
    Wanted(OsString),
    Begun,
    Finished,
}

impl PreludeLibrary {
    /// A library that is not loaded yet; without a path it counts as loaded and does nothing.
    pub fn new(path: Option<OsString>) -> Arc<PreludeLibrary> {
        Arc::new(PreludeLibrary {
            functions: OnceLock::new(),
            loading: Mutex::new(path.map_or(Loading::Finished, Loading::Wanted)),
            has_finished: Condvar::new(),
        })
    }

    /// Starts loading, the first time.
    pub fn load_in_background(self: &Arc<PreludeLibrary>) {
        let mut loading = self.loading();
        let Loading::Wanted(path) = &*loading else {
            return;
        };
        let path = path.clone();
        *loading = Loading::Begun;
        drop(loading);
        let library = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name("torchbook-load".into())
            .spawn(move || {
                if let Err(error) = library.load(&path) {
                    eprintln!(
                        "torchbook: cannot load the prelude {}: {error}",
                        path.to_string_lossy()
                    );
                }
                library.finish();
            });
        if let Err(error) = spawned {
            eprintln!("torchbook: cannot load the prelude: {error}");
            self.finish();
        }
    }

    fn finish(&self) {
        *self.loading() = Loading::Finished;
        self.has_finished.notify_all();
    }

    fn loading(&self) -> MutexGuard<'_, Loading> {
        self.loading.lock().unwrap_or_else(|e| e.into_inner())
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
    pub fn wait_until_loaded(self: &Arc<PreludeLibrary>) {
        self.load_in_background();
        let mut loading = self.loading();
        while !matches!(*loading, Loading::Finished) {
            loading = self
                .has_finished
                .wait(loading)
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
