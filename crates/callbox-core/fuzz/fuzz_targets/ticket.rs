//! Any text as a ticket, and any JSON inside one: read or refused, and never let in.
#![no_main]

use callbox_core::ids::AppId;
use callbox_core::ticket::{self, Claims, SecretKey};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // As it comes, and packed: the checksum at the end of zlib would keep a fuzzer from ever reaching the JSON.
    if let Ok(token) = std::str::from_utf8(bytes) {
        look_at(token);
    }
    look_at(&packed(bytes));
    let (user, app) = ("anna".parse().expect("an id"), AppId(7));
    let claims = Claims { user, app, issued_at: 0, expire: 1, userbuf: Some(bytes.to_vec()) };
    if let Ok(Some(rights)) = claims.rights() {
        assert!(rights.rights.names().count() <= 8);
    }
});

fn look_at(token: &str) {
    let Ok(claims) = ticket::read(token) else { return };
    let _ = claims.rights();
    let key = SecretKey::new("a key the fuzzer does not have".replace(' ', "-").as_str()).expect("a key");
    let refusal = ticket::verify(claims.app, &key, &claims.user, token, claims.issued_at);
    assert_eq!(refusal.expect_err("nobody signs by chance").code(), 70009);
}

/// The bytes in a zlib stream of stored blocks, in the alphabet of tickets.
fn packed(bytes: &[u8]) -> String {
    let bytes = &bytes[..bytes.len().min(4096)];
    let length = bytes.len() as u16;
    let mut zlib = vec![0x78, 0x01, 0x01];
    zlib.extend(length.to_le_bytes());
    zlib.extend((!length).to_le_bytes());
    zlib.extend(bytes);
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (a + b) % 65_521)
    });
    zlib.extend(((b << 16) | a).to_be_bytes());
    base64(&zlib)
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().enumerate().fold(0u32, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for place in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= group.len() { letter } else { '_' });
        }
    }
    text
}
