//! The secret key of an app.

use std::fmt;
use std::str::FromStr;

use crate::text::{self, BadText};

/// A key with fewer characters can be found by trying, from any one ticket.
const MIN_BYTES: usize = 16;

/// An app's secret key: used as text, never decoded from hexadecimal. Its `Debug` form does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(String);

/// Why a text is no secret key. It never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Nothing, or white space only.
    #[error("the secret key is empty: copy it from where the app was created")]
    Empty,
    /// Several words or lines.
    #[error("the secret key has white space or control characters in it: it is one word on one line")]
    NotOneWord,
    /// Quotation marks, pasted along.
    #[error("the secret key has quotation marks in it: write it without")]
    Quoted,
    /// A character that looks like one of a key, or an invisible one.
    #[error("the secret key has a character in it that is not ASCII: copy it again, as plain text")]
    NotAscii,
    /// The file is not plain text.
    #[error(transparent)]
    Text(#[from] BadText),
}

impl SecretKey {
    /// A key from text; white space around it is dropped, so that a file's last line end does no harm.
    ///
    /// # Errors
    /// [`BadKey`] when nothing is left or it is more than one word.
    pub fn new(text: &str) -> Result<Self, BadKey> {
        Self::from_bytes(text.as_bytes())
    }

    /// Returns the key that a file holds; byte-order mark and white space around it are dropped.
    ///
    /// # Errors
    /// [`BadKey`] when nothing is left, it is more than one word, or another text than a key.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKey> {
        let text = text::trimmed(bytes)?;
        if text.is_empty() {
            return Err(BadKey::Empty);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadKey::NotOneWord);
        }
        if text.chars().any(text::is_quote) {
            return Err(BadKey::Quoted);
        }
        if !text.is_ascii() {
            return Err(BadKey::NotAscii);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns whether it is so short that it can be guessed from any ticket made with it.
    pub fn is_short(&self) -> bool {
        self.0.len() < MIN_BYTES
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for SecretKey {
    type Err = BadKey;
    fn from_str(text: &str) -> Result<Self, BadKey> {
        Self::new(text)
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_one_trimmed_word() {
        assert_eq!(SecretKey::new(" abc\r\n"), SecretKey::new("abc"));
        assert_eq!(SecretKey::new(" \n"), Err(BadKey::Empty));
        assert_eq!(SecretKey::new("abc\ndef"), Err(BadKey::NotOneWord));
        assert_eq!(SecretKey::from_bytes("\u{feff}abc\r\n".as_bytes()), SecretKey::new("abc"));
    }

    #[test]
    fn what_is_pasted_along_is_not_a_part_of_a_key() {
        for quoted in ["\"abc\"", "'abc'", "\u{201c}abc\u{201d}", "abc\""] {
            assert_eq!(SecretKey::new(quoted), Err(BadKey::Quoted), "{quoted}");
        }
        for other in ["abc\u{e9}", "a\u{430}c", "ab\u{200b}c"] {
            assert_eq!(SecretKey::new(other), Err(BadKey::NotAscii), "{other}");
        }
        assert_eq!(SecretKey::from_bytes(b"\xff\xfea\0b\0"), Err(BadKey::Text(BadText::Utf16)));
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", SecretKey::new("abc").unwrap()), "SecretKey(…)");
    }
}
