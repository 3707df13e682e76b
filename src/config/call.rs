//! `[call]` and `[[buttons]]`: how calls are treated, and what a person can press.

use std::time::Duration;

use callbox_core::protocol::EarlyMedia;
use callbox_core::station::Policy;

use super::check::Check;
use super::raw;
use crate::panel::{Action, Button, Settings};

const USER: &str = "a user: 1 to 32 of A-Z a-z 0-9 _ -";
const ACTION: &str = "accept, reject, hangup, toggle, mute, camera, unlock, volume+, volume-, or call:USER[,USER…] with at most 16 users";
const KEY: &str = "a key's name as `evtest` shows it, such as KEY_ENTER";
const DEVICE: &str =
    "a path such as /dev/input/by-path/platform-gpio-keys-event, or the device's name such as gpio-keys";

/// Reads `[call]`.
pub(super) fn policy(check: &mut Check<'_>, call: &raw::Call) -> Policy {
    let words = [("off", EarlyMedia::Off), ("connect", EarlyMedia::Connect), ("preview", EarlyMedia::Preview)];
    let early = check.word("call.early_media", call.early_media.as_ref(), &words, EarlyMedia::Connect);
    let seconds = check.number("call.ring_seconds", call.ring_seconds.as_ref(), 1..=600, 30);
    let trusted = call
        .trusted
        .as_ref()
        .map(|users| users.iter().filter_map(|user| check.parse("call.trusted", user, USER)).collect());
    Policy { ring: Duration::from_secs(seconds), early, trusted, ..Policy::default() }
}

/// Reads `[[buttons]]`.
pub(super) fn panel(check: &mut Check<'_>, buttons: &[raw::Button]) -> Settings {
    let mut read = Vec::new();
    for button in buttons {
        let device = check.filled("buttons.device", &button.device, DEVICE);
        let key = check.parse("buttons.key", &button.key, KEY);
        let action = check.parse("buttons.action", &button.action, ACTION);
        if let Some(Action::DoNotDisturb) = action {
            check.wrong(
                "buttons.action",
                button.action.span(),
                "an action that this version does not know yet",
                ACTION,
            );
        }
        if let (Some(device), Some(key), Some(action)) = (device, key, action) {
            read.push(Button { device, key, action });
        }
    }
    Settings { buttons: read, ..Settings::default() }
}
