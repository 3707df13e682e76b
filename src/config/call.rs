//! `[call]`: how calls are treated.

use std::time::Duration;

use callbox_core::protocol::EarlyMedia;
use callbox_core::station::Policy;

use super::check::Check;
use super::raw;

/// Reads `[call]`.
pub(super) fn policy(check: &mut Check<'_>, call: &raw::Call) -> Policy {
    let words = [("off", EarlyMedia::Off), ("connect", EarlyMedia::Connect), ("preview", EarlyMedia::Preview)];
    let early = check.word("call.early_media", call.early_media.as_ref(), &words, EarlyMedia::Connect);
    let seconds = check.number("call.ring_seconds", call.ring_seconds.as_ref(), 1..=600, 30);
    let longest = call.longest_minutes.as_ref().map(|minutes| {
        let minutes = check.number("call.longest_minutes", Some(minutes), 1..=1440, 60);
        Duration::from_secs(minutes * 60)
    });
    Policy { ring: Duration::from_secs(seconds), early, longest, ..Policy::default() }
}
