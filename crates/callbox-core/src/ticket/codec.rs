//! A ticket as text: signed claims in JSON, in zlib (RFC 1950), in base64 with an alphabet of its own.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::{Claims, MAX_TOKEN_BYTES, SecretKey, TicketError};
use crate::ids::{AppId, UserId};

const VERSION: &str = "2.0";
/// The most that is inflated: a small token must not grow into a large memory.
const MAX_JSON_BYTES: usize = 8 * 1024;

/// The JSON inside. The order of its keys differs between the official libraries; the signed text has one of its own.
#[derive(Serialize, Deserialize)]
struct Body {
    #[serde(rename = "TLS.ver")]
    ver: String,
    #[serde(rename = "TLS.identifier")]
    identifier: String,
    #[serde(rename = "TLS.sdkappid")]
    sdkappid: u32,
    #[serde(rename = "TLS.expire")]
    expire: u64,
    #[serde(rename = "TLS.time")]
    time: u64,
    #[serde(rename = "TLS.userbuf", default, skip_serializing_if = "Option::is_none")]
    userbuf: Option<String>,
    #[serde(rename = "TLS.sig")]
    sig: String,
}

/// Signs the claims and packs them.
pub(super) fn seal(key: &SecretKey, claims: &Claims) -> String {
    let body = Body {
        ver: VERSION.to_owned(),
        identifier: claims.user.to_string(),
        sdkappid: claims.app.0,
        expire: claims.expire,
        time: claims.issued_at,
        userbuf: claims.userbuf.as_ref().map(|bytes| BASE64.encode(bytes)),
        sig: BASE64.encode(sign(key, claims).finalize().into_bytes()),
    };
    let json = serde_json::to_vec(&body).expect("a ticket holds only text and numbers");
    to_text(&deflate(&json))
}

/// Unpacks a token into its claims and its signature, which is not checked here.
pub(super) fn open(token: &str) -> Result<(Claims, Vec<u8>), TicketError> {
    if token.is_empty() {
        return Err(TicketError::Empty);
    }
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TicketError::TooLong { bytes: token.len() });
    }
    let json = inflate(&from_text(token)?)?;
    // serde also takes a list for a struct.
    if json.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Err(TicketError::malformed("no JSON object inside"));
    }
    let body: Body = serde_json::from_slice(&json).map_err(|error| TicketError::malformed(clip(&error.to_string())))?;
    if body.ver != VERSION {
        return Err(TicketError::OtherVersion { found: clip(&body.ver) });
    }
    let decode = |name: &str, text: &str| {
        BASE64.decode(text).map_err(|error| TicketError::malformed(format!("{name} is no base64: {error}")))
    };
    let user: UserId = body.identifier.parse().map_err(|error| TicketError::malformed(format!("{error}")))?;
    let userbuf = body.userbuf.map(|text| decode("TLS.userbuf", &text)).transpose()?;
    let claims = Claims { user, app: AppId(body.sdkappid), issued_at: body.time, expire: body.expire, userbuf };
    Ok((claims, decode("TLS.sig", &body.sig)?))
}

/// Whether the signature was made with this key; takes as long for every wrong one.
pub(super) fn is_signed_by(key: &SecretKey, claims: &Claims, signature: &[u8]) -> bool {
    sign(key, claims).verify_slice(signature).is_ok()
}

/// The HMAC over the signed text. No value can hold a line end (a [`UserId`] has none, nor has base64), so no two claims share a text.
fn sign(key: &SecretKey, claims: &Claims) -> Hmac<Sha256> {
    let Claims { user, app, issued_at, expire, userbuf } = claims;
    let mut text = format!("TLS.identifier:{user}\nTLS.sdkappid:{app}\nTLS.time:{issued_at}\nTLS.expire:{expire}\n");
    if let Some(bytes) = userbuf {
        text += &format!("TLS.userbuf:{}\n", BASE64.encode(bytes));
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(text.as_bytes());
    mac
}

/// Base64 with `*` for `+`, `-` for `/` and `_` for `=`. Not RFC 4648's base64url, where `-` and `_` stand for something else.
pub(super) fn to_text(bytes: &[u8]) -> String {
    let swap = |c| match c {
        '+' => '*',
        '/' => '-',
        '=' => '_',
        other => other,
    };
    BASE64.encode(bytes).chars().map(swap).collect()
}

pub(super) fn from_text(token: &str) -> Result<Vec<u8>, TicketError> {
    let swap = |(at, c)| match c {
        '*' => Ok('+'),
        '-' => Ok('/'),
        '_' => Ok('='),
        'A'..='Z' | 'a'..='z' | '0'..='9' => Ok(c),
        other => Err(TicketError::malformed(format!("{other:?} at byte {at} is no character of a ticket"))),
    };
    let text = token.char_indices().map(swap).collect::<Result<String, _>>()?;
    BASE64.decode(text).map_err(|error| TicketError::malformed(error.to_string()))
}

pub(super) fn deflate(json: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
    zlib.write_all(json).and_then(|()| zlib.finish()).expect("a Vec takes every byte")
}

pub(super) fn inflate(packed: &[u8]) -> Result<Vec<u8>, TicketError> {
    let mut json = Vec::with_capacity(MAX_JSON_BYTES);
    let mut zlib = Decompress::new(true);
    match zlib.decompress_vec(packed, &mut json, FlushDecompress::Finish) {
        Ok(Status::StreamEnd) if zlib.total_in() == packed.len() as u64 => Ok(json),
        Ok(Status::StreamEnd) => Err(TicketError::malformed("something follows its end")),
        Ok(_) if json.len() >= MAX_JSON_BYTES => Err(TicketError::malformed("it unpacks to more than 8 KiB")),
        Ok(_) => Err(TicketError::malformed("its end is missing")),
        Err(_) => Err(TicketError::malformed("it does not unpack")),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}
