//! The door's relay: pulsed on order, and told what became of it.

use std::time::Duration;

use callbox_core::station::DoorEvent;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Orders that may wait; more of them are one pulse anyway.
const WAITING: usize = 4;

/// How the door is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DoorSettings {
    /// What opens it.
    pub relay: Relay,
    /// How long it is opened for.
    pub pulse: Duration,
}

/// What opens a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay {
    /// Nothing: a line in the log, for tests and demonstrations.
    Test,
}

/// The task that owns the relay.
#[derive(Debug)]
pub(super) struct Door {
    orders: mpsc::Sender<()>,
    _task: JoinSet<()>,
}

impl Door {
    pub(super) fn start(settings: DoorSettings, events: mpsc::Sender<DoorEvent>) -> Self {
        let (orders, inbox) = mpsc::channel(WAITING);
        let mut task = JoinSet::new();
        task.spawn(serve(settings, inbox, events));
        Self { orders, _task: task }
    }

    /// Pulses the relay; the outcome comes as an event.
    pub(super) fn unlock(&self) {
        if let Err(error) = self.orders.try_send(()) {
            tracing::warn!(%error, "the door's relay takes no order");
        }
    }
}

async fn serve(settings: DoorSettings, mut orders: mpsc::Receiver<()>, events: mpsc::Sender<DoorEvent>) {
    while orders.recv().await.is_some() {
        match settings.relay {
            Relay::Test => tracing::info!(relay = "test", pulse_ms = settings.pulse.as_millis(), "door relay on"),
        }
        if events.send(DoorEvent::Unlocked).await.is_err() {
            return;
        }
        tokio::time::sleep(settings.pulse).await;
        match settings.relay {
            Relay::Test => tracing::info!(relay = "test", "door relay off"),
        }
    }
}
