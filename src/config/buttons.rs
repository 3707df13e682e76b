//! `[panel]`, `[[buttons]]`, `[keypad]` and `[[lamps]]`: what a person can press, and what shines.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use callbox_core::ids::UserId;
use callbox_core::station::Plan;
use toml::Spanned;

use super::check::Check;
use super::raw::{self, Text};
use crate::panel::{
    Action, Bulb, Button, Contact, Dialling, Key, KeypadSettings, Lamp, Line, LineId, MAX_DIGITS, Meaning, Pattern,
    Patterns, Settings, Timing,
};

const ACTION: &str = "accept, reject, hangup, toggle, mute, camera, unlock, volume+, volume-, dnd, join, call:USER[,USER…] with at most 16 users, and perhaps ` then USER[,USER…]`, at most 8 steps, group:USER[,USER…], or add:USER[,USER…]";
const KEY: &str = "a key's name as `evtest` shows it, such as KEY_ENTER";
const DEVICE: &str =
    "a path such as /dev/input/by-path/platform-gpio-keys-event, or the device's name such as gpio-keys";
const LINE: &str = "a GPIO line: NAME or CHIP:NUMBER, then, where needed, active-low, and pull-up, pull-down or no-pull, such as \"BELL active-low pull-up\"";
const LED: &str = "an LED's name as `ls /sys/class/leds` shows it";
const USERS: &str = "USER[,USER…] with at most 16 users, and perhaps ` then USER[,USER…]`, at most 8 steps";
const USER: &str = "a user's name, with {number} where the number goes, such as \"flat-{number}\"";
const PATTERNS: &[(&str, Pattern)] = &[
    ("off", Pattern::Off),
    ("on", Pattern::On),
    ("slow", Pattern::Slow),
    ("fast", Pattern::Fast),
    ("flash", Pattern::Flash),
];

/// Reads all four; the door is read elsewhere.
pub(super) fn panel(check: &mut Check<'_>, raw: &raw::File) -> Settings {
    Settings {
        timing: timing(check, &raw.panel),
        grab: raw.panel.grab.unwrap_or(false),
        buttons: buttons(check, &raw.buttons),
        keypad: raw.keypad.as_ref().and_then(|pad| keypad(check, pad)),
        lamps: raw.lamps.iter().filter_map(|entry| lamp(check, entry)).collect(),
        door: None,
    }
}

/// A line and how it is wired.
pub(super) fn line(check: &mut Check<'_>, key: &str, text: &Text) -> Option<Line> {
    check.parse(key, text, LINE)
}

/// A line has one holder: the same one twice would never work.
pub(super) fn lines_once(check: &mut Check<'_>, raw: &raw::File) {
    let buttons = raw.buttons.iter().filter_map(|button| Some(("buttons.line", button.get_ref().line.as_ref()?)));
    let lamps = raw.lamps.iter().filter_map(|lamp| Some(("lamps.line", lamp.get_ref().line.as_ref()?)));
    let door = raw.door.iter().flat_map(|door| {
        let lines = [("door.relay", &door.relay), ("door.contact", &door.contact), ("door.tamper", &door.tamper)];
        lines.into_iter().filter_map(|(key, line)| Some((key, line.as_ref()?)))
    });
    let mut seen: Vec<LineId> = Vec::new();
    for (key, text) in buttons.chain(lamps).chain(door).filter(|(_, text)| text.get_ref() != "test") {
        let Ok(line) = text.get_ref().parse::<Line>() else { continue };
        if seen.contains(&line.id) {
            check.wrong(key, text.span(), format!("{} a second time", line.id), "a line for one purpose");
        }
        seen.push(line.id);
    }
}

fn timing(check: &mut Check<'_>, raw: &raw::Panel) -> Timing {
    let ms = |check: &mut Check<'_>, key, number, allowed, default: Duration| {
        let default = u64::try_from(default.as_millis()).unwrap_or(0);
        Duration::from_millis(check.number(key, number, allowed, default))
    };
    let usual = Timing::default();
    Timing {
        settle: ms(check, "panel.debounce_ms", raw.debounce_ms.as_ref(), 0..=500, usual.settle),
        long: ms(check, "panel.long_ms", raw.long_ms.as_ref(), 300..=4000, usual.long),
        double: ms(check, "panel.double_ms", raw.double_ms.as_ref(), 150..=2000, usual.double),
        stuck: Duration::from_secs(check.number("panel.stuck_s", raw.stuck_s.as_ref(), 5..=600, usual.stuck.as_secs())),
    }
}

fn buttons(check: &mut Check<'_>, raw: &[Spanned<raw::Button>]) -> Vec<Button> {
    let mut known = HashSet::new();
    let mut buttons = Vec::new();
    for entry in raw {
        let (at, button) = (entry.span(), entry.get_ref());
        let contact = match (&button.device, &button.key, &button.line) {
            (Some(device), Some(key), None) => {
                let (device, key) = (check.filled("buttons.device", device, DEVICE), key_of(check, "buttons.key", key));
                device.zip(key).map(|(device, key)| Contact::Key { device, key })
            }
            (None, None, Some(text)) => line(check, "buttons.line", text).map(Contact::Line),
            _ => {
                check.wrong("buttons", at, "a button that is not in one place", "device and key, or line");
                continue;
            }
        };
        if let Some(Contact::Key { device, key }) = &contact {
            if !known.insert((device.clone(), *key)) {
                check.wrong("buttons.key", at, "a key that is a button already", "one table for each key");
                continue;
            }
        }
        let mut action = |key: &str, text: &Option<Text>| text.as_ref().and_then(|text| action(check, key, text));
        let meaning = Meaning {
            press: action("buttons.action", &button.action),
            long: action("buttons.long", &button.long),
            double: action("buttons.double", &button.double),
        };
        if button.action.is_none() && button.long.is_none() && button.double.is_none() {
            check.wrong("buttons", at, "a button without a meaning", "action, long or double");
        }
        buttons.extend(contact.map(|contact| Button { contact, meaning }));
    }
    buttons
}

fn key_of(check: &mut Check<'_>, key: &str, text: &Text) -> Option<Key> {
    check.parse(key, text, KEY)
}

fn action(check: &mut Check<'_>, key: &str, text: &Text) -> Option<Action> {
    check.parse(key, text, ACTION)
}

fn keypad(check: &mut Check<'_>, raw: &raw::Keypad) -> Option<KeypadSettings> {
    let device = check.filled("keypad.device", &raw.device, DEVICE);
    let enter = raw.enter.as_ref().and_then(|key| key_of(check, "keypad.enter", key));
    let clear = raw.clear.as_ref().and_then(|key| key_of(check, "keypad.clear", key));
    let digits = raw.digits.as_ref().map(|number| check.number("keypad.digits", Some(number), 1..=MAX_DIGITS, 1));
    let forget = Duration::from_secs(check.number("keypad.forget_s", raw.forget_s.as_ref(), 2..=60, 10));
    let user = raw.user.as_ref().map(|text| {
        if !text.get_ref().contains("{number}") || text.get_ref().replace("{number}", "1").parse::<UserId>().is_err() {
            check.wrong("keypad.user", text.span(), format!("{:?}", text.get_ref()), USER);
        }
        text.get_ref().clone()
    });
    let directory = directory(check, &raw.directory, digits);
    if user.is_none() && directory.is_empty() {
        check.wrong("keypad", raw.device.span(), "a keypad that can ring nobody", "keypad.user or keypad.directory");
    }
    Some(KeypadSettings { device: device?, enter, clear, dialling: Dialling { directory, user, digits, forget } })
}

fn directory(check: &mut Check<'_>, raw: &BTreeMap<Text, Text>, digits: Option<usize>) -> HashMap<String, Plan> {
    let mut directory = HashMap::new();
    for (number, users) in raw {
        let (text, length) = (number.get_ref(), number.get_ref().len());
        let is_number = (1..=MAX_DIGITS).contains(&length) && text.bytes().all(|digit| digit.is_ascii_digit());
        if !is_number || digits.is_some_and(|digits| length > digits) {
            let most = digits.unwrap_or(MAX_DIGITS);
            check.wrong(
                "keypad.directory",
                number.span(),
                format!("{text:?}"),
                &format!("a number of 1 to {most} digits"),
            );
        }
        match users.get_ref().parse() {
            Ok(plan) => drop(directory.insert(text.clone(), plan)),
            Err(_) => check.wrong("keypad.directory", users.span(), format!("{:?}", users.get_ref()), USERS),
        }
    }
    directory
}

fn lamp(check: &mut Check<'_>, entry: &Spanned<raw::Lamp>) -> Option<Lamp> {
    let (at, raw) = (entry.span(), entry.get_ref());
    let bulb = match (&raw.line, &raw.led) {
        (Some(text), None) => line(check, "lamps.line", text).map(Bulb::Line),
        (None, Some(text)) if text.get_ref().contains('/') || text.get_ref().trim().is_empty() => {
            check.wrong("lamps.led", text.span(), format!("{:?}", text.get_ref()), LED);
            None
        }
        (None, Some(text)) => Some(Bulb::Led(text.get_ref().clone())),
        _ => {
            check.wrong("lamps", at.clone(), "a lamp that is not in one place", "line, or led");
            None
        }
    };
    let mut pattern = |key: &str, text: &Option<Text>| check.word(key, text.as_ref(), PATTERNS, Pattern::Off);
    let patterns = Patterns {
        idle: pattern("lamps.idle", &raw.idle),
        calling: pattern("lamps.calling", &raw.calling),
        ringing: pattern("lamps.ringing", &raw.ringing),
        talking: pattern("lamps.talking", &raw.talking),
        offline: pattern("lamps.offline", &raw.offline),
        fault: pattern("lamps.fault", &raw.fault),
    };
    if patterns == Patterns::default() {
        check.wrong("lamps", at, "a lamp that never shines", "idle, calling, ringing, talking, offline or fault");
    }
    Some(Lamp { bulb: bulb?, patterns })
}
