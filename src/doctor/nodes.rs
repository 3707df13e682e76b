//! Keys and GPIO lines: are they there, and may the service use them?

use std::fs;
use std::path::{Path, PathBuf};

use super::Board;
use super::finding::Finding;
use super::rights::{Trouble, Who};
use crate::panel::{Contact, is_like};

/// The devices of the configured buttons and of the keypad.
pub(super) fn keys(board: &Board<'_>) -> Vec<Finding> {
    let panel = &board.settings.panel;
    let buttons = panel.buttons.iter().filter_map(|button| match &button.contact {
        Contact::Key { device, .. } => Some(device.as_str()),
        Contact::Line(_) => None,
    });
    let mut devices: Vec<_> = buttons.chain(panel.keypad.iter().map(|keypad| keypad.device.as_str())).collect();
    devices.sort_unstable();
    devices.dedup();
    if devices.is_empty() {
        return vec![Finding::ok("keys", "none are configured")];
    }
    let who = Who::find();
    devices.into_iter().map(|device| key(device, &who)).collect()
}

fn key(device: &str, who: &Who) -> Finding {
    let subject = "keys";
    let Some(node) = find_input(device) else {
        let text = format!("{device} is not there: the daemon waits for it");
        return Finding::fail(subject, text).fix("sudo evtest  # every device with its name and path");
    };
    match who.may_use(&node, false) {
        Ok(()) => Finding::ok(subject, format!("{device} is there ({})", node.display())),
        Err(trouble) => {
            let text = format!("{} may not read {device} ({})", who.name, node.display());
            Finding::fail(subject, text).fix(who.remedy(&trouble))
        }
    }
}

/// The node of an input device that is given by path or by name.
fn find_input(device: &str) -> Option<PathBuf> {
    if device.starts_with('/') {
        return fs::canonicalize(device).ok();
    }
    fs::read_dir("/sys/class/input").ok()?.filter_map(Result::ok).find_map(|entry| {
        let name = fs::read_to_string(entry.path().join("device/name")).ok()?;
        let event = entry.file_name();
        (is_like(name.trim(), device) && event.to_string_lossy().starts_with("event"))
            .then(|| Path::new("/dev/input").join(event))
    })
}

/// GPIO chips: lamps, relays and contacts hang there.
pub(super) fn gpio(_board: &Board<'_>) -> Vec<Finding> {
    let who = Who::find();
    let chips: Vec<PathBuf> = fs::read_dir("/dev")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("gpiochip")))
        .collect();
    let refused: Vec<(&PathBuf, Trouble)> =
        chips.iter().filter_map(|chip| Some((chip, who.may_use(chip, true).err()?))).collect();
    vec![match (refused.first(), chips.len()) {
        (_, 0) => Finding::ok("GPIO", "this board has no lines"),
        (None, count) => Finding::ok("GPIO", format!("chips that {} may use: {count}", who.name)),
        (Some((chip, trouble)), _) => {
            let text = format!("{} may not use {}: no lamps, relays and contacts", who.name, chip.display());
            Finding::warn("GPIO", text).fix(who.remedy(trouble))
        }
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn a_keypad_that_is_not_there_is_told() {
        let found = key("no-such-keypad", &Who::find());
        assert!(found.verdict == Verdict::Fail && found.text.contains("no-such-keypad is not there"), "{found:?}");
        assert_eq!(find_input("/dev/input/by-path/nonexistent"), None);
    }
}
