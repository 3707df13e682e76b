//! `[door]`: what opens it, and who may from afar.

use std::time::Duration;

use callbox_core::station::{DoorPolicy, MayOpen};

use super::buttons::line;
use super::check::Check;
use super::raw;
use crate::panel::{DoorSettings, Relay, RelaySettings};

const USERS: &str =
    "users: 1 to 32 of A-Z a-z 0-9 _ -; or [\"*\"] alone, for everybody who rings or is rung by this panel";
const RELAY: &str =
    "what opens the door: a GPIO line such as \"DOOR_RELAY\" or \"gpiochip0:17 active-low\", or \"test\"";

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
    let relay = match &door.relay {
        Some(text) if text.get_ref() == "test" => Relay::Test,
        Some(text) => Relay::Line(line(check, "door.relay", text)?),
        None => {
            check.missing("door.relay", RELAY);
            return None;
        }
    };
    let pulse = check.number("door.pulse_ms", door.pulse_ms.as_ref(), 100..=60_000, 3000);
    let limit = check.number("door.limit_ms", door.limit_ms.as_ref(), 100..=120_000, pulse.max(10_000));
    if limit < pulse {
        let at = door.limit_ms.as_ref().map(toml::Spanned::span).unwrap_or_default();
        check.wrong("door.limit_ms", at, limit, &format!("not less than door.pulse_ms, which is {pulse}"));
    }
    let [pulse, limit] = [pulse, limit].map(Duration::from_millis);
    let mut input = |key, text: Option<&raw::Text>| text.and_then(|text| line(check, key, text));
    let contact = input("door.contact", door.contact.as_ref());
    let tamper = input("door.tamper", door.tamper.as_ref());
    let policy = DoorPolicy { allow, hang_up: door.hang_up_after_unlock.unwrap_or(false), open_limit };
    Some((policy, DoorSettings { relay: RelaySettings { relay, pulse, limit }, contact, tamper }))
}
