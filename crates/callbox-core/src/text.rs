//! What a small text file says: a key, a ticket, a secret, a configuration, in whatever form an editor saved it.

/// Why the bytes of a file are not usable as text. It never quotes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// UTF-16, as Windows editors and PowerShell's `>` write it.
    #[error("it is saved as UTF-16: save it as UTF-8")]
    Utf16,
    /// UTF-32.
    #[error("it is saved as UTF-32: save it as UTF-8")]
    Utf32,
    /// Another encoding, or no text.
    #[error("byte {at} is not UTF-8: save it as UTF-8")]
    NotUtf8 {
        /// How many bytes are well.
        at: usize,
    },
    /// A NUL among the text.
    #[error("it holds a NUL byte at {at}, so it is not a text file: save it as UTF-8")]
    Nul {
        /// Where.
        at: usize,
    },
    /// Nothing, or white space only.
    #[error("it is empty")]
    Empty,
    /// More than one line where one is expected.
    #[error("it has more than one line, or control characters: write one line")]
    NotOneLine,
    /// Quotation marks around it.
    #[error("it has quotation marks around it: write it without")]
    Quoted,
}

/// Returns a whole text: the byte-order mark is dropped, everything else stays.
///
/// # Errors
/// [`BadText`] names the encoding where it is another one than UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, BadText> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => return Err(BadText::Utf32),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Err(BadText::Utf16),
        _ => {}
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        // Without a mark: every second byte of Latin text in UTF-16 is zero.
        let zeros = |parity: usize| bytes.iter().skip(parity).step_by(2).filter(|byte| **byte == 0).count();
        let is_utf16 = bytes.len() % 2 == 0 && zeros(0).max(zeros(1)) * 4 > bytes.len();
        return Err(if is_utf16 { BadText::Utf16 } else { BadText::Nul { at } });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| BadText::NotUtf8 { at: error.valid_up_to() })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Returns what a file holds that has one thing to say: byte-order mark and white space around it are dropped.
///
/// # Errors
/// [`BadText`].
pub fn trimmed(bytes: &[u8]) -> Result<&str, BadText> {
    decode(bytes).map(|text| text.trim_matches(is_blank))
}

/// Returns the one line of a file: a secret, a password.
///
/// # Errors
/// [`BadText`]; also when it is empty, has several lines, or stands in quotation marks.
pub fn one_line(bytes: &[u8]) -> Result<&str, BadText> {
    let line = trimmed(bytes)?;
    if line.is_empty() {
        return Err(BadText::Empty);
    }
    if line.chars().any(char::is_control) {
        return Err(BadText::NotOneLine);
    }
    let mut ends = line.chars();
    match (ends.next(), ends.next_back()) {
        (Some(first), Some(last)) if is_quote(first) && is_quote(last) => Err(BadText::Quoted),
        _ => Ok(line),
    }
}

/// A quotation mark of any kind that keyboards and word processors make.
pub fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}')
}

/// White space, and what cannot be seen at all.
fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        text.encode_utf16().flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() }).collect()
    }

    #[test]
    fn marks_and_outer_white_space_are_dropped() {
        for same in ["secret", " secret\r\n", "\u{feff}secret\n", "\u{feff} \tsecret\u{a0}\n\n", "secret\u{200b}"] {
            assert_eq!(one_line(same.as_bytes()), Ok("secret"), "{same:?}");
        }
        assert_eq!(decode("\u{feff}a = 1\n".as_bytes()), Ok("a = 1\n"));
        assert_eq!(one_line(b"two words"), Ok("two words"));
    }

    #[test]
    fn other_encodings_are_named() {
        for big in [false, true] {
            assert_eq!(decode(&utf16("\u{feff}secret\r\n", big)), Err(BadText::Utf16));
            assert_eq!(decode(&utf16("secret\r\n", big)), Err(BadText::Utf16), "without a mark");
        }
        assert_eq!(decode(&[0xff, 0xfe, 0, 0, b's', 0, 0, 0]), Err(BadText::Utf32));
        assert_eq!(decode(b"pass\xfcword"), Err(BadText::NotUtf8 { at: 4 }));
        assert_eq!(decode(b"a\0bcdefgh"), Err(BadText::Nul { at: 1 }));
        for error in [BadText::Utf16, BadText::Utf32, BadText::NotUtf8 { at: 1 }, BadText::Nul { at: 1 }] {
            assert!(error.to_string().contains("save it as UTF-8"), "{error}");
        }
    }

    #[test]
    fn one_line_is_one_line_without_quotes() {
        assert_eq!(one_line(b" \r\n"), Err(BadText::Empty));
        assert_eq!(one_line(b"a\nb"), Err(BadText::NotOneLine));
        for quoted in ["\"secret\"", "'secret'\n", "\u{201c}secret\u{201d}", "`secret`"] {
            assert_eq!(one_line(quoted.as_bytes()), Err(BadText::Quoted), "{quoted}");
        }
        assert_eq!(one_line(b"it's"), Ok("it's"));
    }
}
