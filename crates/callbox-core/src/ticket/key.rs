//! The secret key of an app.

use std::fmt;
use std::str::FromStr;

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
}

impl SecretKey {
    /// A key from text; white space around it is dropped, so that a file's last line end does no harm.
    ///
    /// # Errors
    /// [`BadKey`] when nothing is left or it is more than one word.
    pub fn new(text: &str) -> Result<Self, BadKey> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BadKey::Empty);
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadKey::NotOneWord);
        }
        Ok(Self(text.to_owned()))
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
    }

    #[test]
    fn a_key_is_never_shown() {
        assert_eq!(format!("{:?}", SecretKey::new("abc").unwrap()), "SecretKey(…)");
    }
}
