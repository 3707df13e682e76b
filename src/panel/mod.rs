//! The panel edge: buttons, that is evdev keys. One task a device, each owns its device and outlives its unplugging.

mod action;
mod device;
mod door;

use callbox_core::station::DoorEvent;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use action::{Action, BadAction};
pub use device::Key;
pub use door::{DoorSettings, Relay};

/// One button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Button {
    /// The device: its path, best a stable one, or its name.
    pub device: String,
    /// The key.
    pub key: Key,
    /// What pressing it means.
    pub action: Action,
}

/// Every button there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The buttons.
    pub buttons: Vec<Button>,
    /// The door, if there is one.
    pub door: Option<DoorSettings>,
}

/// The panel edge. Its tasks end when it is dropped.
#[derive(Debug)]
pub struct Panel {
    _tasks: JoinSet<()>,
    door: Option<door::Door>,
}

impl Panel {
    /// Starts to listen to every device that has a button, whether it is there already or not.
    pub fn start(settings: Settings, actions: &mpsc::Sender<Action>, doors: mpsc::Sender<DoorEvent>) -> Self {
        let mut tasks = JoinSet::new();
        let mut rest = settings.buttons;
        while let Some(first) = rest.first() {
            let device = first.device.clone();
            let (of_device, others) = rest.into_iter().partition(|button: &Button| button.device == device);
            tasks.spawn(device::listen(device, of_device, actions.clone()));
            rest = others;
        }
        Self { _tasks: tasks, door: settings.door.map(|door| door::Door::start(door, doors)) }
    }

    /// Pulses the door's relay. What became of it is told as an event.
    pub fn unlock(&self) {
        match &self.door {
            Some(door) => door.unlock(),
            None => tracing::error!("there is no door to unlock"),
        }
    }
}
