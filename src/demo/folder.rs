//! A folder of our own for as long as the demonstration lasts.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// A temporary folder that only this user can read; removed when dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    keep: bool,
}

impl Folder {
    pub(super) fn new(keep: bool) -> io::Result<Self> {
        let chance = getrandom::u32().map_err(io::Error::other)?;
        let path = std::env::temp_dir().join(format!("callbox-demo-{}-{chance:08x}", std::process::id()));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path, keep })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.keep {
            super::say(&format!("kept: {}\n", self.path.display()));
        } else if let Err(error) = std::fs::remove_dir_all(&self.path) {
            super::say(&format!("{} is left behind: {error}\n", self.path.display()));
        }
    }
}
