//! The panel edge: buttons, a keypad, lamps, the door's relay and contacts. It tells what a person did and carries out
//! what it is told; what a press means just now, and what the lamps should show, is not decided here.
//!
//! ```text
//!  device    an evdev device: found by a stable name, and again after it was unplugged ┐
//!  line      a button or a contact at a GPIO line                                      ├─ press, keypad ─▶ Event
//!  lamp      a GPIO line or an LED of the kernel, blinking by itself          ◀─ Scene
//!  relay     a pulse that ends by itself, on a thread of its own              ◀─ unlock
//! ```

mod action;
mod device;
mod gpio;
mod keypad;
mod lamp;
mod line;
mod output;
mod press;
mod relay;
mod trouble;

use std::io;
use std::time::Duration;

use callbox_core::station::DoorEvent;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

pub use action::{Action, BadAction, Meaning};
pub use device::{Key, is_like};
pub use gpio::{BadLine, Bias, Line, LineId};
pub use keypad::{Dialling, MAX_DIGITS};
pub use lamp::{Bulb, Lamp, Pattern, Patterns, Scene};
pub use press::{Gesture, Timing};
pub use relay::{Relay, RelaySettings, relay_off};

use relay::Keeper;
use trouble::Trouble;

/// How long the lamps may take to go dark at the end.
const DARK: Duration = Duration::from_millis(500);

/// What there is on the panel.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Settings {
    /// How long presses take.
    pub timing: Timing,
    /// Take input devices for ourselves: no console hears what is typed.
    pub grab: bool,
    /// The buttons.
    pub buttons: Vec<Button>,
    /// The keypad that dials.
    pub keypad: Option<KeypadSettings>,
    /// The lamps.
    pub lamps: Vec<Lamp>,
    /// The door, if there is one.
    pub door: Option<DoorSettings>,
}

/// One button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// Where it is.
    pub contact: Contact,
    /// What it is for.
    pub meaning: Meaning,
}

/// Where a button is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contact {
    /// A key of an evdev device.
    Key {
        /// The device: its path, best a stable one, or its name; `*` in a name stands for anything.
        device: String,
        /// The key.
        key: Key,
    },
    /// A GPIO line.
    Line(Line),
}

/// A keypad.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeypadSettings {
    /// The device, as with a button.
    pub device: String,
    /// The key that dials; without it, every key that is usual for it.
    pub enter: Option<Key>,
    /// The key that forgets; without it, every key that is usual for it.
    pub clear: Option<Key>,
    /// How it dials.
    pub dialling: Dialling,
}

/// The door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorSettings {
    /// What opens it.
    pub relay: RelaySettings,
    /// Active while the door is open.
    pub contact: Option<Line>,
    /// Active while the panel's housing is open.
    pub tamper: Option<Line>,
}

/// What happens at the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A person wants something.
    Wanted(Action),
    /// Something about the door.
    Door(DoorEvent),
    /// A number was dialled that nobody has.
    Unlisted {
        /// The number.
        number: String,
    },
    /// A part is lost, or cannot be used.
    Fault {
        /// Which.
        part: String,
        /// What is wrong with it.
        text: String,
    },
    /// It works again.
    Recovered {
        /// Which.
        part: String,
    },
}

/// The panel edge. Its tasks end when it is dropped.
#[derive(Debug)]
pub struct Panel {
    _inputs: JoinSet<()>,
    lamps: JoinSet<()>,
    scenes: watch::Sender<Scene>,
    relay: Option<Keeper>,
    events: mpsc::Sender<Event>,
}

impl Panel {
    /// Starts everything there is, whether its devices are there already or not.
    ///
    /// # Errors
    /// When there is no thread for the door relay.
    pub fn start(settings: Settings, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let Settings { timing, grab, buttons, keypad, lamps, door } = settings;
        let mut inputs = JoinSet::new();
        let mut keyboards = device::Keyboards::new(timing, grab);
        for Button { contact, meaning } in buttons {
            match contact {
                Contact::Key { device, key } => keyboards.add_button(device, key, meaning),
                Contact::Line(line) => drop(inputs.spawn(line::button(line, meaning, timing, events.clone()))),
            }
        }
        keypad.into_iter().for_each(|keypad| keyboards.add_keypad(keypad));
        for keyboard in keyboards {
            inputs.spawn(keyboard.listen(events.clone()));
        }
        let (scenes, scene) = watch::channel(Scene::Offline);
        let mut shining = JoinSet::new();
        for Lamp { bulb, patterns } in lamps {
            let trouble = Trouble::of(format!("lamp {}", bulb.name()), events.clone());
            shining.spawn(lamp::shine(patterns, bulb.opener(), scene.clone(), trouble));
        }
        let mut relay = None;
        if let Some(door) = door {
            relay = Some(Keeper::start(door.relay, events.clone())?);
            for (sense, line) in [(line::Sense::Door, door.contact), (line::Sense::Tamper, door.tamper)] {
                if let Some(line) = line {
                    inputs.spawn(line::contact(line, sense, timing.settle, events.clone()));
                }
            }
        }
        Ok(Self { _inputs: inputs, lamps: shining, scenes, relay, events })
    }

    /// What the lamps show from now on.
    pub fn show(&self, scene: Scene) {
        self.scenes.send_if_modified(|shown| std::mem::replace(shown, scene) != scene);
    }

    /// Pulses the door's relay. An event with the number of this opening tells the outcome. Never waits.
    pub fn unlock(&self, opening: u64) {
        let takes_it = self.relay.as_ref().is_some_and(|relay| relay.unlock(opening));
        if !takes_it && self.events.try_send(Event::Door(DoorEvent::Failed { opening })).is_err() {
            tracing::warn!("the door's relay takes no order");
        }
    }

    /// Closes the relay, darkens the lamps, lets every device go. Bounded in time.
    pub async fn stop(self) {
        let Self { _inputs: inputs, mut lamps, scenes, relay, events: _ } = self;
        // Its thread is waited for, shortly.
        drop(relay);
        drop((inputs, scenes));
        let dark = async { while lamps.join_next().await.is_some() {} };
        if tokio::time::timeout(DARK, dark).await.is_err() {
            tracing::warn!("a lamp does not go dark");
        }
    }
}
