//! One evdev device: found by a stable name, listened to, and found again after it was unplugged.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, Instant, SystemTime};

use evdev::{Device, EventStream, EventSummary, KeyCode};
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::action::Meaning;
use super::keypad::{Dialled, Keypad, Stroke};
use super::press::{self, Gesture, Outcome, Timing};
use super::trouble::Trouble;
use super::{Event, KeypadSettings};

/// An event cannot have waited for longer. A greater distance is the wall clock, which was set.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// The value of a key's event when it repeats by itself (`Documentation/input/event-codes.rst`).
const REPEATED: i32 = 2;

/// A key by its name in `linux/input-event-codes.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(KeyCode);

impl FromStr for Key {
    type Err = evdev::EnumParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// All devices that have a key with a meaning.
#[derive(Debug)]
pub(super) struct Keyboards {
    timing: Timing,
    grab: bool,
    devices: Vec<Keyboard>,
}

impl Keyboards {
    pub(super) fn new(timing: Timing, grab: bool) -> Self {
        Self { timing, grab, devices: Vec::new() }
    }

    pub(super) fn add_button(&mut self, device: String, key: Key, meaning: Meaning) {
        self.device(device).keys.meanings.insert(key.0, meaning);
    }

    pub(super) fn add_keypad(&mut self, settings: KeypadSettings) {
        let keys = &mut self.device(settings.device).keys;
        keys.strokes = strokes(settings.enter, settings.clear);
        keys.keypad = Some(Keypad::new(settings.dialling));
    }

    fn device(&mut self, name: String) -> &mut Keyboard {
        let index = self.devices.iter().position(|device| device.name == name).unwrap_or_else(|| {
            let (timing, grab, keys) = (self.timing, self.grab, Keys::default());
            self.devices.push(Keyboard { name, timing, grab, keys });
            self.devices.len() - 1
        });
        &mut self.devices[index]
    }
}

impl IntoIterator for Keyboards {
    type Item = Keyboard;
    type IntoIter = std::vec::IntoIter<Keyboard>;
    fn into_iter(self) -> Self::IntoIter {
        self.devices.into_iter()
    }
}

/// One device.
#[derive(Debug)]
pub(super) struct Keyboard {
    name: String,
    timing: Timing,
    grab: bool,
    keys: Keys,
}

impl Keyboard {
    /// Listens for ever.
    pub(super) async fn listen(mut self, events: mpsc::Sender<Event>) {
        let mut trouble = Trouble::of(format!("keys {}", self.name), events.clone());
        loop {
            let error = match self.open().await {
                Ok(stream) => {
                    trouble.is_over().await;
                    self.follow(stream, &events).await
                }
                Err(error) => error,
            };
            trouble.is(&error).await;
        }
    }

    async fn open(&self) -> io::Result<EventStream> {
        let (name, wanted, grab) = (self.name.clone(), self.keys.wanted(), self.grab);
        // Every device may be opened to find one by its name.
        let open = move || {
            let mut device = find(&name, &wanted)?;
            if grab {
                device.grab().map_err(|error| io::Error::new(error.kind(), format!("cannot be grabbed: {error}")))?;
            }
            device.into_event_stream()
        };
        let handle = tokio::runtime::Handle::current();
        let opened = tokio::task::spawn_blocking(move || {
            let _inside = handle.enter();
            open()
        });
        opened.await.map_err(io::Error::other)?
    }

    /// Follows the device until it fails.
    async fn follow(&mut self, mut stream: EventStream, events: &mpsc::Sender<Event>) -> io::Error {
        let held = match stream.device().get_key_state() {
            Ok(held) => held,
            Err(error) => return error,
        };
        let mut presses = HashMap::new();
        for (code, (has_long, has_double)) in self.keys.all() {
            let key = press::Key::new(self.timing, has_long, has_double, held.contains(code), Instant::now());
            presses.insert(code, key);
        }
        let failure = loop {
            let due = presses.values().filter_map(press::Key::deadline).min();
            tokio::select! {
                biased;
                event = stream.next_event() => match event.map(|event| event.destructure()) {
                    Ok(EventSummary::Key(event, code, value)) if value != REPEATED => {
                        if let Some(key) = presses.get_mut(&code) {
                            key.edge(instant_of(event.timestamp(), SystemTime::now(), Instant::now()), value != 0);
                        }
                    }
                    Ok(_) => {}
                    Err(error) => break error,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                    presses.values_mut().for_each(|key| key.tick(Instant::now()));
                }
            }
            for (code, key) in &mut presses {
                while let Some(outcome) = key.poll() {
                    let event = self.keys.event(&self.name, *code, outcome, Instant::now());
                    tell(events, event).await;
                }
            }
        };
        for (code, _) in presses.iter().filter(|(_, key)| key.is_ill()) {
            tell(events, self.keys.event(&self.name, *code, Outcome::Well, Instant::now())).await;
        }
        failure
    }
}

async fn tell(events: &mpsc::Sender<Event>, event: Option<Event>) {
    let Some(event) = event else { return };
    if events.send(event).await.is_err() {
        tracing::debug!("nobody wants to hear of the panel any more");
    }
}

/// What the keys of a device mean.
#[derive(Debug, Default)]
struct Keys {
    meanings: HashMap<KeyCode, Meaning>,
    keypad: Option<Keypad>,
    strokes: HashMap<KeyCode, Stroke>,
}

impl Keys {
    /// Every key with a meaning, and whether its long and its double press have one.
    fn all(&self) -> HashMap<KeyCode, (bool, bool)> {
        let mut all: HashMap<_, _> = self.strokes.keys().map(|code| (*code, (false, false))).collect();
        all.extend(self.meanings.iter().map(|(code, of)| (*code, (of.long.is_some(), of.double.is_some()))));
        all
    }

    /// What a device must have at least one of.
    fn wanted(&self) -> Vec<KeyCode> {
        self.all().into_keys().collect()
    }

    /// A press belongs to the keypad first; what it has no use for is the button's.
    fn event(&mut self, device: &str, code: KeyCode, outcome: Outcome, now: Instant) -> Option<Event> {
        let stroke = self.strokes.get(&code).filter(|_| outcome == Outcome::Did(Gesture::Press));
        if let (Some(stroke), Some(keypad)) = (stroke, &mut self.keypad) {
            match keypad.stroke(now, *stroke) {
                Dialled::Call(plan) => return Some(Event::Wanted(super::Action::Call(plan))),
                Dialled::Unknown(number) => return Some(Event::Unlisted { number }),
                Dialled::Typing => return None,
                Dialled::Nothing => {}
            }
        }
        let nothing = Meaning::default();
        self.meanings.get(&code).unwrap_or(&nothing).event(&format!("key {code:?} of {device}"), outcome)
    }
}

/// The keys of a keypad: digits of a keyboard, of its number block, and of a telephone.
fn strokes(enter: Option<Key>, clear: Option<Key>) -> HashMap<KeyCode, Stroke> {
    const DIGITS: [[KeyCode; 3]; 10] = [
        [KeyCode::KEY_0, KeyCode::KEY_KP0, KeyCode::KEY_NUMERIC_0],
        [KeyCode::KEY_1, KeyCode::KEY_KP1, KeyCode::KEY_NUMERIC_1],
        [KeyCode::KEY_2, KeyCode::KEY_KP2, KeyCode::KEY_NUMERIC_2],
        [KeyCode::KEY_3, KeyCode::KEY_KP3, KeyCode::KEY_NUMERIC_3],
        [KeyCode::KEY_4, KeyCode::KEY_KP4, KeyCode::KEY_NUMERIC_4],
        [KeyCode::KEY_5, KeyCode::KEY_KP5, KeyCode::KEY_NUMERIC_5],
        [KeyCode::KEY_6, KeyCode::KEY_KP6, KeyCode::KEY_NUMERIC_6],
        [KeyCode::KEY_7, KeyCode::KEY_KP7, KeyCode::KEY_NUMERIC_7],
        [KeyCode::KEY_8, KeyCode::KEY_KP8, KeyCode::KEY_NUMERIC_8],
        [KeyCode::KEY_9, KeyCode::KEY_KP9, KeyCode::KEY_NUMERIC_9],
    ];
    const ENTER: [KeyCode; 3] = [KeyCode::KEY_ENTER, KeyCode::KEY_KPENTER, KeyCode::KEY_NUMERIC_POUND];
    const CLEAR: [KeyCode; 4] =
        [KeyCode::KEY_BACKSPACE, KeyCode::KEY_ESC, KeyCode::KEY_KPASTERISK, KeyCode::KEY_NUMERIC_STAR];
    let digits = (0..).zip(DIGITS).flat_map(|(digit, keys)| keys.map(|key| (key, Stroke::Digit(digit))));
    let keys = |own: Option<Key>, usual: &[KeyCode]| own.map_or_else(|| usual.to_vec(), |key| vec![key.0]);
    let others = keys(enter, &ENTER).into_iter().map(|key| (key, Stroke::Enter));
    digits.chain(others).chain(keys(clear, &CLEAR).into_iter().map(|key| (key, Stroke::Clear))).collect()
}

/// Events carry the wall clock: how long ago one was, if that can be believed.
fn instant_of(stamp: SystemTime, wall: SystemTime, now: Instant) -> Instant {
    let age = wall.duration_since(stamp).ok().filter(|age| *age <= LONGEST_WAIT).unwrap_or_default();
    now.checked_sub(age).unwrap_or(now)
}

/// The device of this path; or the one of this name that has most of the keys: a keyboard is often several devices.
fn find(device: &str, wanted: &[KeyCode]) -> io::Result<Device> {
    let keys_of = |device: &Device| {
        let has = |key: &&KeyCode| device.supported_keys().is_some_and(|keys| keys.contains(**key));
        wanted.iter().filter(has).count()
    };
    let found = if device.starts_with('/') {
        Device::open(device)?
    } else {
        let mut found: Vec<(PathBuf, Device)> =
            evdev::enumerate().filter(|(_, found)| found.name().is_some_and(|name| is_like(name, device))).collect();
        found.sort_by_key(|(path, found)| (std::cmp::Reverse(keys_of(found)), path.clone()));
        let first = found.into_iter().next().ok_or_else(|| {
            let hint = "no input device of this name (is this service in the group `input`?)";
            io::Error::new(io::ErrorKind::NotFound, hint)
        })?;
        first.1
    };
    if keys_of(&found) == 0 {
        let name = found.name().unwrap_or("it").to_owned();
        let what = format!("{name} has none of the keys that are wanted of it (`evtest` shows what it has)");
        return Err(io::Error::new(io::ErrorKind::NotFound, what));
    }
    Ok(found)
}

/// Whether a name is like a pattern in which `*` stands for anything.
pub fn is_like(name: &str, pattern: &str) -> bool {
    match pattern.split_once('*') {
        None => name == pattern,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| is_like(&rest[at..], after))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Action;
    use super::*;

    #[test]
    fn a_key_is_named_as_in_the_kernel() {
        assert_eq!("KEY_ENTER".parse::<Key>().unwrap(), Key(KeyCode::KEY_ENTER));
        assert!("ENTER".parse::<Key>().is_err() && "".parse::<Key>().is_err());
    }

    #[test]
    fn a_star_in_a_name_stands_for_anything() {
        for (name, pattern) in
            [("a", "a"), ("ab cd", "ab*"), ("ab cd", "*cd"), ("ab cd", "a*b*d"), ("", "*"), ("a", "a*")]
        {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("a", "b"), ("ab", "a"), ("ab", "*a"), ("ab cd", "ab*e*"), ("", "a*")] {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }

    #[test]
    fn buttons_of_one_device_share_it() {
        let mut keyboards = Keyboards::new(Timing::default(), false);
        for (device, key) in [("pad", KeyCode::KEY_1), ("bell", KeyCode::KEY_1), ("pad", KeyCode::KEY_2)] {
            keyboards.add_button(device.to_owned(), Key(key), Meaning::default());
        }
        let devices: Vec<_> = keyboards.into_iter().map(|device| (device.name, device.keys.meanings.len())).collect();
        assert_eq!(devices, [("pad".to_owned(), 2), ("bell".to_owned(), 1)]);
    }

    #[test]
    fn the_enter_key_dials_what_was_typed_and_is_a_button_otherwise() {
        let dialling = super::super::Dialling {
            directory: HashMap::new(),
            user: Some("flat-{number}".to_owned()),
            digits: None,
            forget: Duration::from_secs(5),
        };
        let mut keyboards = Keyboards::new(Timing::default(), false);
        let device = || "pad".to_owned();
        let meaning = Meaning { press: Some(Action::Toggle), ..Meaning::default() };
        keyboards.add_button(device(), Key(KeyCode::KEY_ENTER), meaning);
        keyboards.add_keypad(KeypadSettings { device: device(), enter: None, clear: None, dialling });
        let mut keys = keyboards.into_iter().next().unwrap().keys;
        let now = Instant::now();
        let mut press = |code| keys.event("pad", code, Outcome::Did(Gesture::Press), now);
        assert_eq!(press(KeyCode::KEY_ENTER), Some(Event::Wanted(Action::Toggle)));
        assert_eq!((press(KeyCode::KEY_KP1), press(KeyCode::KEY_2)), (None, None));
        let call = Action::Call("flat-12".parse().unwrap());
        assert_eq!(press(KeyCode::KEY_ENTER), Some(Event::Wanted(call)));
        assert_eq!(press(KeyCode::KEY_ENTER), Some(Event::Wanted(Action::Toggle)));
        assert_eq!(press(KeyCode::KEY_BACKSPACE), None);
    }

    #[test]
    fn a_keypads_own_keys_take_the_place_of_the_usual_ones() {
        let keys = strokes(Some(Key(KeyCode::KEY_F1)), None);
        assert_eq!(keys.get(&KeyCode::KEY_F1), Some(&Stroke::Enter));
        assert_eq!((keys.get(&KeyCode::KEY_ENTER), keys.get(&KeyCode::KEY_ESC)), (None, Some(&Stroke::Clear)));
        assert_eq!(keys.values().filter(|stroke| matches!(stroke, Stroke::Digit(7))).count(), 3);
    }

    #[test]
    fn an_event_is_as_old_as_its_stamp_says_unless_the_clock_was_set() {
        let (wall, now) = (SystemTime::now(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(instant_of(wall - second, wall, now), now - second);
        assert_eq!(instant_of(wall + second, wall, now), now);
        assert_eq!(instant_of(wall - 86_400 * second, wall, now), now);
    }
}
