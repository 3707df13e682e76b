//! `a=fingerprint` (RFC 8122): only SHA-256 counts; several of one line mean that any of them may be presented.

/// SHA-256 of a certificate.
pub(crate) type Fingerprint = [u8; 32];

/// Reads the value of an `a=fingerprint` line; other hashes give nothing.
pub(super) fn read(value: &str) -> Option<Fingerprint> {
    let (hash, digits) = value.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let byte = |text: &str| match text.as_bytes() {
        [a, b] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => u8::from_str_radix(text, 16).ok(),
        _ => None,
    };
    let bytes: Vec<u8> = digits.trim().split(':').map(byte).collect::<Option<_>>()?;
    bytes.try_into().ok()
}

/// Writes the value of an `a=fingerprint` line.
pub(super) fn write(fingerprint: &Fingerprint) -> String {
    let digits: Vec<String> = fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
    format!("sha-256 {}", digits.join(":"))
}
