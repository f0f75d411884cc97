//! [`Target`] and how libFuzzer runs it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::OnceLock;

use crate::constraint::properties::TOLERANT_THREAD;

/// Names a directory to which the target writes its seeds and its dictionary, and ends.
const PREPARE: &str = "REIN_FUZZ_PREPARE";

/// Names a file that holds every input while it is tried: libFuzzer cannot tell which one overflowed the stack.
const CURRENT: &str = "REIN_FUZZ_CURRENT";

/// One thing that is fuzzed.
#[derive(Debug)]
pub struct Target {
    /// Tries an input; panics where a promise is broken.
    pub check: fn(&[u8]),
    /// Inputs to begin with.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// A dictionary in libFuzzer's format.
    pub words: fn() -> String,
}

/// Makes a target a program: `fuzz!(rein_fuzz::REASONING);`.
#[macro_export]
macro_rules! fuzz {
    ($target:expr) => {
        libfuzzer_sys::fuzz_target!(init: $target.begin(), |data: &[u8]| $target.run(data));
    };
}

impl Target {
    /// Before the first input.
    ///
    /// # Panics
    ///
    /// Where what was asked for cannot be written.
    pub fn begin(&self) {
        if let Some(directory) = std::env::var_os(PREPARE) {
            self.prepare(Path::new(&directory))
                .expect("the directory can be written");
            std::process::exit(0);
        }
        // libFuzzer's own hook ends the process at any panic.
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if std::thread::current().name() != Some(TOLERANT_THREAD) {
                end(info);
            }
        }));
    }

    /// Tries one input.
    ///
    /// # Panics
    ///
    /// Where a promise is broken, or the input cannot be written down.
    pub fn run(&self, data: &[u8]) {
        note(data).expect("the current input can be written");
        (self.check)(data);
    }

    fn prepare(&self, directory: &Path) -> std::io::Result<()> {
        let seeds = directory.join("seeds");
        fs::create_dir_all(&seeds)?;
        for (index, seed) in (self.seeds)().iter().enumerate() {
            fs::write(seeds.join(format!("{index:03}")), seed)?;
        }
        fs::write(directory.join("words.dict"), (self.words)())
    }
}

/// Writes an input down before it is tried.
fn note(data: &[u8]) -> std::io::Result<()> {
    static FILE: OnceLock<Option<File>> = OnceLock::new();
    let open = || std::env::var_os(CURRENT).and_then(|path| File::create(path).ok());
    let Some(file) = FILE.get_or_init(open) else {
        return Ok(());
    };
    file.set_len(data.len() as u64)?;
    file.write_all_at(data, 0)
}
