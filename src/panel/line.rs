//! What hangs at a GPIO input: a button, the door's contact, the tamper contact.

use std::io;
use std::time::{Duration, Instant};

use callbox_core::station::DoorEvent;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::Event;
use super::action::Meaning;
use super::gpio::{Input, Line};
use super::press::{Key, Timing};
use super::trouble::Trouble;

/// What a contact senses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// The door is open.
    Door,
    /// The panel's housing is open.
    Tamper,
}

impl Sense {
    fn says(self, is_active: bool) -> DoorEvent {
        match (self, is_active) {
            (Self::Door, true) => DoorEvent::Opened,
            (Self::Door, false) => DoorEvent::Closed,
            (Self::Tamper, is_active) => DoorEvent::Tamper(is_active),
        }
    }
}

/// Listens to a button, for ever.
pub(super) async fn button(line: Line, meaning: Meaning, timing: Timing, events: mpsc::Sender<Event>) {
    let part = format!("button {}", line.id);
    let mut trouble = Trouble::of(part.clone(), events.clone());
    loop {
        let error = match hold(&line, timing.settle).await {
            Ok(input) => {
                trouble.is_over().await;
                presses(&part, &input, &meaning, timing, &events).await
            }
            Err(error) => error,
        };
        trouble.is(&error).await;
    }
}

/// Tells of a contact, for ever.
pub(super) async fn contact(line: Line, sense: Sense, settle: Duration, events: mpsc::Sender<Event>) {
    let part = format!("{} {}", if sense == Sense::Door { "door contact" } else { "tamper contact" }, line.id);
    let mut trouble = Trouble::of(part, events.clone());
    let mut told = None;
    loop {
        let error = match hold(&line, settle).await {
            Ok(input) => {
                trouble.is_over().await;
                changes(&input, &mut told, sense, &events).await
            }
            Err(error) => error,
        };
        trouble.is(&error).await;
    }
}

async fn hold(line: &Line, settle: Duration) -> io::Result<Input> {
    let line = line.clone();
    // Every chip may be opened to find a line.
    let request = tokio::task::spawn_blocking(move || Input::hold(&line, settle)).await.map_err(io::Error::other)??;
    Input::new(request)
}

/// Follows a button until it fails.
async fn presses(
    part: &str,
    input: &Input,
    meaning: &Meaning,
    timing: Timing,
    events: &mpsc::Sender<Event>,
) -> io::Error {
    let is_down = match input.is_active() {
        Ok(is_down) => is_down,
        Err(error) => return error,
    };
    let mut key = Key::new(timing, meaning.long.is_some(), meaning.double.is_some(), is_down, Instant::now());
    let failure = loop {
        let due = key.deadline();
        tokio::select! {
            biased;
            edge = input.edge() => match edge {
                Ok((at, is_down)) => key.edge(at, is_down),
                Err(error) => break error,
            },
            () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => key.tick(Instant::now()),
        }
        while let Some(outcome) = key.poll() {
            if let Some(event) = meaning.event(part, outcome) {
                tell(events, event).await;
            }
        }
    };
    if key.is_ill() {
        tell(events, Event::Recovered { part: part.to_owned() }).await;
    }
    failure
}

/// Follows a contact until it fails. What it says first is told too, unless that is known.
async fn changes(input: &Input, told: &mut Option<bool>, sense: Sense, events: &mpsc::Sender<Event>) -> io::Error {
    let mut now = input.is_active();
    loop {
        match now {
            Ok(is_active) => {
                if told.replace(is_active) != Some(is_active) {
                    tell(events, Event::Door(sense.says(is_active))).await;
                }
            }
            Err(error) => return error,
        }
        now = input.edge().await.map(|(_, is_active)| is_active);
    }
}

async fn tell(events: &mpsc::Sender<Event>, event: Event) {
    if events.send(event).await.is_err() {
        tracing::debug!("nobody wants to hear of the panel any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_active_contact_is_an_open_door_or_housing() {
        assert_eq!((Sense::Door.says(true), Sense::Door.says(false)), (DoorEvent::Opened, DoorEvent::Closed));
        assert_eq!(Sense::Tamper.says(true), DoorEvent::Tamper(true));
    }
}
