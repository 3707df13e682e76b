//! The small text files that a configuration names: keys and secrets. The one place that reads them.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use callbox_core::text;
use callbox_core::ticket::SecretKey;

/// The largest file that is read: what is larger is something else than a key.
const MAX_BYTES: u64 = 64 * 1024;
/// `chmod o+r`.
const READABLE_BY_OTHERS: u32 = 0o004;

/// Reads files, and notes what is unwise about them.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) warnings: Vec<String>,
    /// A file could not be read: it may be there later.
    pub(super) lacks_one: bool,
}

impl Files {
    /// The secret key in a file.
    pub(super) fn key(&mut self, path: &Path) -> Result<SecretKey, String> {
        let key =
            SecretKey::from_bytes(&self.secret_bytes(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
        self.judge_key(&key, &path.display().to_string());
        Ok(key)
    }

    /// A secret or password of one line.
    pub(super) fn secret(&mut self, path: &Path) -> Result<String, String> {
        let bytes = self.secret_bytes(path)?;
        text::one_line(&bytes).map(str::to_owned).map_err(|error| format!("{}: {error}", path.display()))
    }

    pub(super) fn judge_key(&mut self, key: &SecretKey, place: &str) {
        if key.is_short() {
            let advice = "anybody with one ticket can find it by trying; `callbox-hub key` makes a good one";
            self.warnings.push(format!("{place}: the secret key has fewer than 16 characters: {advice}"));
        }
    }

    /// Warns when everybody on this machine can read a file with a secret in it.
    pub(super) fn judge_mode(&mut self, path: &Path) {
        let mode = std::fs::metadata(path).map_or(0, |found| found.permissions().mode());
        if mode & READABLE_BY_OTHERS != 0 {
            let path = path.display();
            self.warnings.push(format!("{path}: everybody on this machine can read it: chmod o= {path}"));
        }
    }

    fn secret_bytes(&mut self, path: &Path) -> Result<Vec<u8>, String> {
        let bytes = read(path).map_err(|error| {
            self.lacks_one |= may_heal(&error);
            format!("{} cannot be read: {error}", path.display())
        })?;
        self.judge_mode(path);
        Ok(bytes)
    }
}

/// Reads a file with a secret key, for a command.
///
/// # Errors
/// What is wrong, with the file's name.
pub fn read_key(path: &Path) -> Result<SecretKey, String> {
    Files::default().key(path)
}

/// Reads a configuration file. An error says whether it may be there later.
pub(super) fn read_config(path: &Path) -> Result<String, (String, bool)> {
    let advice = "`callbox-hub defaults` prints one to start from";
    let bytes = read(path).map_err(|error| (format!("cannot be read ({error}): {advice}"), may_heal(&error)))?;
    text::decode(&bytes).map(str::to_owned).map_err(|error| (format!("cannot be read: {error}"), false))
}

/// A file that is there and is none of ours stays so until somebody edits something.
fn may_heal(error: &io::Error) -> bool {
    error.kind() != io::ErrorKind::InvalidData
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {MAX_BYTES} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_editors_save_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        let read = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            Files::default().key(&path)
        };
        assert_eq!(read("\u{feff}0123456789abcdef\r\n".as_bytes()), Ok(SecretKey::new("0123456789abcdef").unwrap()));
        for (bytes, expected) in [
            (&b"\xff\xfe0\x001\0"[..], "UTF-16: save it as UTF-8"),
            (b"\"0123456789abcdef\"", "quotation marks"),
            (b"012345678\xe9", "not UTF-8"),
            (b"", "is empty"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.contains("app.key: ") && error.contains(expected), "{error}");
        }
        let error = read(&[b'a'; 70_000]).unwrap_err();
        assert!(error.contains("larger than 65536"), "{error}");
    }

    #[test]
    fn short_keys_and_open_files_are_warned_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.key");
        std::fs::write(&path, "0123456789abcde").unwrap();
        let warned = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let mut files = Files::default();
            files.key(&path).unwrap();
            files.warnings
        };
        assert_eq!(warned(0o640).len(), 1);
        let both = warned(0o644);
        assert!(both[0].contains("chmod o=") && both[1].contains("fewer than 16"), "{both:?}");
        std::fs::write(&path, "0123456789abcdef").unwrap();
        let mut files = Files::default();
        files.key(&path).unwrap();
        assert_eq!(files.warnings.len(), 1);
    }
}
