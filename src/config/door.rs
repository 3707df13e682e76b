//! `[door]`: what opens it, and who may from afar.

use std::time::Duration;

use callbox_core::station::{DoorPolicy, MayOpen};

use super::check::Check;
use super::raw;
use crate::panel::{DoorSettings, Relay};

const USERS: &str =
    "users: 1 to 32 of A-Z a-z 0-9 _ -; or [\"*\"] alone, for everybody who rings or is rung by this panel";
const RELAYS: &[(&str, Relay)] = &[("test", Relay::Test)];

/// Reads `[door]`, if there is one: how it is treated, and what opens it.
pub(super) fn door(check: &mut Check<'_>, door: Option<&raw::Door>) -> Option<(DoorPolicy, DoorSettings)> {
    let door = door?;
    let allow = door.allow.as_deref().unwrap_or_default();
    let allow = match allow {
        [one] if one.get_ref() == "*" => MayOpen::Everybody,
        users => MayOpen::Users(users.iter().filter_map(|user| check.parse("door.allow", user, USERS)).collect()),
    };
    let open_limit = door.open_too_long_s.as_ref().map(|seconds| {
        let seconds = check.number("door.open_too_long_s", Some(seconds), 1..=86_400, 60);
        Duration::from_secs(seconds)
    });
    let words: Vec<_> = RELAYS.iter().map(|(word, relay)| (*word, relay)).collect();
    let relay = match &door.relay {
        Some(text) => check.word("door.relay", Some(text), &words, &Relay::Test).clone(),
        None => {
            check.missing("door.relay", "what opens the door: \"test\"");
            return None;
        }
    };
    let pulse = Duration::from_millis(check.number("door.pulse_ms", door.pulse_ms.as_ref(), 100..=60_000, 3000));
    let policy = DoorPolicy { allow, hang_up: door.hang_up_after_unlock.unwrap_or(false), open_limit };
    Some((policy, DoorSettings { relay, pulse }))
}
