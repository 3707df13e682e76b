//! Any text as a configuration: valid settings, or an error that names the file. Never a panic, never a guess.
#![no_main]

use std::path::{Path, PathBuf};

use callbox::config::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(error) = Settings::parse(Path::new("fuzzed.toml"), text, PathBuf::from("/")) {
        assert!(error.to_string().contains("fuzzed.toml"), "{error}");
    }
});
