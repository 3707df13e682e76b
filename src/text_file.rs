//! Reads small text files: configurations, keys, tickets. The one place of the daemon that does.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use callbox_core::text;

/// More than any of them has, and less than what would fill the memory: a device, a log.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads a text; a byte-order mark is dropped.
///
/// # Errors
/// What the system says; of kind `InvalidData` for a file that is too large or in another encoding than UTF-8.
pub fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        let text =
            format!("it has more than {MAX_BYTES} bytes: it is something else than a configuration, a key or a ticket");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    decode(&bytes)
}

/// Reads a text from a stream, such as standard input.
///
/// # Errors
/// As [`read`].
pub fn read_from(input: &mut dyn Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    input.take(MAX_BYTES).read_to_end(&mut bytes)?;
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> io::Result<String> {
    text::decode(bytes).map(str::to_owned).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_encoding_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("callbox.toml");
        std::fs::write(&path, "\u{feff}a = 1\n").unwrap();
        assert_eq!(read(&path).unwrap(), "a = 1\n");
        for (bytes, expected) in
            [(&b"\xff\xfea\0=\0"[..], "UTF-16: save it as UTF-8"), (b"# T\xfcr\n", "not UTF-8: save it")]
        {
            std::fs::write(&path, bytes).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(read(Path::new("/dev/zero")).unwrap_err().to_string().contains("more than"));
    }
}
