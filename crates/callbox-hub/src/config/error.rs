//! What is wrong with a configuration, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// One mistake: which file, which line, which key, what was found, what is allowed.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigError {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) text: String,
    pub(super) may_heal: bool,
}

impl ConfigError {
    /// Whether the same configuration may do later: a file could not be read now, such as one on a disk that is not there yet.
    pub fn may_heal(&self) -> bool {
        self.may_heal
    }
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A line of a file.
    Line(PathBuf, usize),
    /// A file as a whole.
    File(PathBuf),
    /// The command line.
    Flags,
}

impl std::error::Error for ConfigError {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Line(file, line) => write!(f, "{}:{line}: ", file.display())?,
            Place::File(file) => write!(f, "{}: ", file.display())?,
            Place::Flags => {}
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.text)
    }
}

/// The text of a file, to find lines in.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// A mistake at these bytes.
    pub(super) fn error(&self, span: Range<usize>, key: &str, text: impl Into<String>) -> ConfigError {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let place = Place::Line(self.file.to_owned(), line);
        ConfigError { place, key: key.to_owned(), text: text.into(), may_heal: false }
    }

    /// A mistake of the file as a whole.
    pub(super) fn whole(&self, key: &str, text: impl Into<String>) -> ConfigError {
        let place = Place::File(self.file.to_owned());
        ConfigError { place, key: key.to_owned(), text: text.into(), may_heal: false }
    }

    /// A path as written is relative to the file it stands in.
    pub(super) fn path(&self, written: &str) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(written)
    }
}
