//! Any bytes from a socket: decoded or refused, and what is decoded goes round.
#![no_main]

use callbox_core::protocol::{DecodeError, Envelope, MAX_BYTES};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match Envelope::decode(bytes) {
        Ok(envelope) => {
            let text = envelope.encode();
            // Escapes of what came in unescaped may make it longer than a reader takes.
            if text.len() <= MAX_BYTES {
                assert_eq!(Envelope::decode(text.as_bytes()).as_ref(), Ok(&envelope));
            }
        }
        Err(DecodeError::TooLarge { size }) => assert!(size > MAX_BYTES),
        Err(error) => assert!(error.to_string().len() < MAX_BYTES + 1024),
    }
});
