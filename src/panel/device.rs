//! One evdev device: found by a stable name, listened to, and found again after it was unplugged.

use std::collections::HashMap;
use std::io;
use std::str::FromStr;
use std::time::{Duration, Instant};

use evdev::{Device, EventStream, EventSummary, KeyCode};
use tokio::sync::mpsc;

use super::{Action, Button};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(10);
/// A worn contact closes several times: a second press this soon is none.
const BOUNCE: Duration = Duration::from_millis(120);

/// A key by its name in `linux/input-event-codes.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(KeyCode);

impl FromStr for Key {
    type Err = evdev::EnumParseError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Listens to a device for ever. Ends when nobody wants to hear of them any more.
pub(super) async fn listen(device: String, buttons: Vec<Button>, actions: mpsc::Sender<Action>) {
    let mut keys = Keys::new(buttons);
    let mut pause = FIRST_PAUSE;
    let mut told = false;
    loop {
        let found = {
            let device = device.clone();
            tokio::task::spawn_blocking(move || find(&device)).await.map_err(io::Error::other).and_then(|found| found)
        };
        match found.and_then(Device::into_event_stream) {
            Ok(stream) => {
                tracing::info!(device, "buttons are there");
                (pause, told) = (FIRST_PAUSE, false);
                match keys.follow(stream, &actions).await {
                    Ok(()) => return,
                    Err(error) => tracing::warn!(device, %error, "buttons are gone"),
                }
            }
            Err(error) if !told => {
                told = true;
                tracing::warn!(device, %error, "no buttons: waiting for the device");
            }
            Err(_) => {}
        }
        tokio::time::sleep(pause + FIRST_PAUSE.mul_f64(f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)))
            .await;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// What the keys of one device mean.
struct Keys {
    meaning: HashMap<KeyCode, Action>,
    pressed: HashMap<KeyCode, Instant>,
}

impl Keys {
    fn new(buttons: Vec<Button>) -> Self {
        let meaning = buttons.into_iter().map(|button| (button.key.0, button.action)).collect();
        Self { meaning, pressed: HashMap::new() }
    }

    async fn follow(&mut self, mut stream: EventStream, actions: &mpsc::Sender<Action>) -> io::Result<()> {
        loop {
            let EventSummary::Key(_, key, 1) = stream.next_event().await?.destructure() else { continue };
            let Some(action) = self.press(key, Instant::now()) else { continue };
            if actions.send(action).await.is_err() {
                return Ok(());
            }
        }
    }

    fn press(&mut self, key: KeyCode, now: Instant) -> Option<Action> {
        let action = self.meaning.get(&key)?;
        let earlier = self.pressed.insert(key, now);
        let bounced = earlier.is_some_and(|earlier| now.saturating_duration_since(earlier) < BOUNCE);
        (!bounced).then(|| action.clone())
    }
}

fn find(device: &str) -> io::Result<Device> {
    if device.starts_with('/') {
        return Device::open(device);
    }
    evdev::enumerate().map(|(_, found)| found).find(|found| found.name() == Some(device)).ok_or_else(|| {
        io::Error::new(io::ErrorKind::NotFound, "no input device of this name (is this service in the group `input`?)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_named_as_in_the_kernel() {
        assert_eq!("KEY_ENTER".parse::<Key>().unwrap(), Key(KeyCode::KEY_ENTER));
        assert!("ENTER".parse::<Key>().is_err() && "".parse::<Key>().is_err());
    }

    #[test]
    fn a_bouncing_contact_is_one_press() {
        let button = Button { device: "pad".to_owned(), key: Key(KeyCode::KEY_1), action: Action::Toggle };
        let (mut keys, now) = (Keys::new(vec![button]), Instant::now());
        assert_eq!(keys.press(KeyCode::KEY_1, now), Some(Action::Toggle));
        assert_eq!(keys.press(KeyCode::KEY_1, now + BOUNCE / 2), None);
        assert_eq!(keys.press(KeyCode::KEY_1, now + BOUNCE * 2), Some(Action::Toggle));
        assert_eq!(keys.press(KeyCode::KEY_2, now), None);
    }
}
