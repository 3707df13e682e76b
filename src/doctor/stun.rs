//! Just enough of STUN and TURN to ask a server whether it would serve us (RFC 8489, RFC 8656).

use hmac::{Hmac, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;

const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const HEADER: usize = 20;
const MAC: usize = 20;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const LIFETIME: u16 = 0x000d;
const REALM: u16 = 0x0014;
const NONCE: u16 = 0x0015;
const REQUESTED_TRANSPORT: u16 = 0x0019;
/// Relays UDP.
const UDP: [u8; 4] = [17, 0, 0, 0];

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Binding = 0x001,
    Allocate = 0x003,
    /// With lifetime 0: gives an allocation back.
    Refresh = 0x004,
}

/// What proves that we may, once the server has named its realm.
#[derive(Clone, Debug)]
pub(super) struct Proof<'a> {
    pub(super) username: &'a str,
    pub(super) credential: &'a str,
    pub(super) realm: &'a str,
    pub(super) nonce: &'a [u8],
}

/// What a server answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Success,
    Error { code: u16, reason: String, realm: String, nonce: Vec<u8> },
}

/// A request. `id` is unguessable.
pub(super) fn request(method: Method, id: [u8; 12], proof: Option<&Proof<'_>>) -> Vec<u8> {
    let mut message = Vec::from((method as u16).to_be_bytes());
    message.extend([0, 0]);
    message.extend(COOKIE);
    message.extend(id);
    match method {
        Method::Binding => {}
        Method::Allocate => attribute(&mut message, REQUESTED_TRANSPORT, &UDP),
        Method::Refresh => attribute(&mut message, LIFETIME, &[0; 4]),
    }
    if let Some(proof) = proof {
        attribute(&mut message, USERNAME, proof.username.as_bytes());
        attribute(&mut message, NONCE, proof.nonce);
        attribute(&mut message, REALM, proof.realm.as_bytes());
        // The length that is signed counts the signature too.
        set_length(&mut message, MAC + 4);
        let key = Md5::digest(format!("{}:{}:{}", proof.username, proof.realm, proof.credential));
        let mut mac = Hmac::<Sha1>::new_from_slice(&key).expect("HMAC takes a key of any length");
        mac.update(&message);
        attribute(&mut message, MESSAGE_INTEGRITY, &mac.finalize().into_bytes());
    }
    set_length(&mut message, 0);
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend(kind.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn set_length(message: &mut [u8], more: usize) {
    let length = (message.len() - HEADER + more) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
}

/// How long the whole message is that begins with these bytes, once its header is there.
pub(super) fn length(start: &[u8]) -> Option<usize> {
    let header = start.get(..HEADER)?;
    (header[4..8] == COOKIE).then(|| HEADER + usize::from(u16::from_be_bytes([header[2], header[3]])))
}

/// Reads the answer to a request; none: it is something else.
pub(super) fn answer(bytes: &[u8], method: Method, id: [u8; 12]) -> Option<Answer> {
    let whole = bytes.get(..length(bytes)?)?;
    if whole[8..HEADER] != id {
        return None;
    }
    let kind = u16::from_be_bytes([whole[0], whole[1]]);
    if kind == method as u16 | 0x0100 {
        return Some(Answer::Success);
    }
    if kind != method as u16 | 0x0110 {
        return None;
    }
    let (mut code, mut reason, mut realm, mut nonce) = (0, String::new(), String::new(), Vec::new());
    let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
    let mut rest = &whole[HEADER..];
    while let Some((kind, value, after)) = next_attribute(rest) {
        match kind {
            ERROR_CODE if value.len() >= 4 => {
                code = u16::from(value[2] & 7) * 100 + u16::from(value[3]);
                reason = text(&value[4..]);
            }
            REALM => realm = text(value),
            NONCE => nonce = value.to_vec(),
            _ => {}
        }
        rest = after;
    }
    Some(Answer::Error { code, reason, realm, nonce })
}

fn next_attribute(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let head = bytes.get(..4)?;
    let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
    let value = bytes.get(4..4 + length)?;
    let after = bytes.get((4 + length).next_multiple_of(4)..).unwrap_or_default();
    Some((u16::from_be_bytes([head[0], head[1]]), value, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: [u8; 12] = *b"\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e";

    #[test]
    fn a_proof_is_the_one_of_rfc_5769() {
        // Section 2.4, the sample request with long-term authentication; its password after SASLprep.
        let proof = Proof {
            username: "\u{30de}\u{30c8}\u{30ea}\u{30c3}\u{30af}\u{30b9}",
            credential: "TheMatrIX",
            realm: "example.org",
            nonce: b"f//499k954d6OL34oL9FSTvy64sA",
        };
        let message = request(Method::Binding, ID, Some(&proof));
        let mac = b"\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";
        assert_eq!((message.len(), &message[message.len() - MAC..]), (116, &mac[..]));
    }

    #[test]
    fn answers_are_told_apart_and_nonsense_is_none() {
        let mut success = request(Method::Binding, ID, None);
        success[0] = 1;
        assert_eq!(answer(&success, Method::Binding, ID), Some(Answer::Success));
        assert_eq!(answer(&success, Method::Binding, [0; 12]), None);
        assert_eq!(answer(&success, Method::Allocate, ID), None);
        let mut refusal = vec![0x01, 0x13, 0, 0];
        refusal.extend(COOKIE);
        refusal.extend(ID);
        attribute(&mut refusal, ERROR_CODE, b"\0\0\x04\x01Unauthorized");
        attribute(&mut refusal, REALM, b"r");
        attribute(&mut refusal, NONCE, b"n");
        set_length(&mut refusal, 0);
        let Some(Answer::Error { code, reason, realm, nonce }) = answer(&refusal, Method::Allocate, ID) else {
            panic!()
        };
        assert_eq!((code, reason.as_str(), realm.as_str(), nonce.as_slice()), (401, "Unauthorized", "r", &b"n"[..]));
        for end in 0..refusal.len() {
            assert_eq!(answer(&refusal[..end], Method::Allocate, ID), None);
        }
    }
}
