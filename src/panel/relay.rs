//! The door relay: a pulse that ends by itself, on a thread of its own, so that nothing else can hold the door open.
//!
//! Three things close it: the end of the pulse; the limit, however often it is asked for meanwhile; and, should this
//! process die, `callbox panel relay-off`, which the service runs when it ends, and this thread when it starts again: both
//! take the line as an output that is off. A frozen loop or a runtime under load does not stop this thread.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use callbox_core::station::DoorEvent;
use tokio::sync::mpsc;

use super::Event;
use super::gpio::{self, Line};
use super::output::{Opener, Output};
use super::trouble::Trouble;

/// Orders that wait: a second one while the first is carried out changes nothing.
const ORDERS: usize = 4;
/// How long to wait for the relay to be off when all ends.
const LAST: Duration = Duration::from_secs(1);
/// What the relay is called in faults.
const PART: &str = "door relay";

/// The door's relay and its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelaySettings {
    /// What switches.
    pub relay: Relay,
    /// How long one order keeps it on.
    pub pulse: Duration,
    /// How long it stays on at most, however often it is ordered.
    pub limit: Duration,
}

/// What opens a door.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relay {
    /// Nothing: a line in the log, for tests and demonstrations.
    Test,
    /// A GPIO line.
    Line(Line),
}

impl Relay {
    fn opener(self) -> Opener {
        Box::new(move || {
            Ok(match &self {
                Self::Test => Box::new(Log) as Box<dyn Output>,
                Self::Line(line) => Box::new(gpio::output(line)?),
            })
        })
    }
}

/// Takes the line as an output that is off, and lets it go: what is left to do when a daemon died in a pulse.
///
/// # Errors
/// When the line is not there, or a daemon that lives holds it.
pub fn relay_off(relay: &Relay) -> io::Result<()> {
    relay.clone().opener()().map(drop)
}

/// A relay that is only told of.
struct Log;

impl Output for Log {
    fn set(&mut self, is_on: bool) -> io::Result<()> {
        tracing::info!(is_on, "test relay");
        Ok(())
    }
}

/// The thread that holds the relay. It is off, and the thread ends, when this is dropped.
#[derive(Debug)]
pub(super) struct Keeper {
    /// One pulse each, for this opening.
    orders: Option<SyncSender<u64>>,
    /// Closes when the thread has ended.
    ended: Receiver<()>,
}

impl Keeper {
    pub(super) fn start(settings: RelaySettings, events: mpsc::Sender<Event>) -> io::Result<Self> {
        Self::with(Pulse::new(settings.pulse, settings.limit), settings.relay.opener(), events)
    }

    fn with(pulse: Pulse, open: Opener, events: mpsc::Sender<Event>) -> io::Result<Self> {
        let (orders, inbox) = sync_channel(ORDERS);
        let (ends, ended) = sync_channel(1);
        thread::Builder::new().name(PART.to_owned()).spawn(move || {
            let trouble = Trouble::of(PART.to_owned(), events.clone());
            Holder { pulse, orders: inbox, events, trouble }.run(open);
            drop(ends);
        })?;
        Ok(Self { orders: Some(orders), ended })
    }

    /// Orders one pulse. An event with the number of this opening tells the outcome. False: it takes no more orders.
    pub(super) fn unlock(&self, opening: u64) -> bool {
        self.orders.as_ref().is_some_and(|orders| orders.try_send(opening).is_ok())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.orders = None;
        if self.ended.recv_timeout(LAST) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the door relay does not answer: it may still be on");
        }
    }
}

/// When the relay is on. Pure.
#[derive(Clone, Copy, Debug)]
struct Pulse {
    length: Duration,
    limit: Duration,
    on: Option<(Instant, Instant)>,
}

impl Pulse {
    fn new(length: Duration, limit: Duration) -> Self {
        Self { length, limit, on: None }
    }

    /// It is ordered: on from now, or for longer.
    fn order(&mut self, now: Instant) {
        let since = self.on.map_or(now, |(since, _)| since);
        self.on = Some((since, (now + self.length).min(since + self.limit)));
    }

    /// When it has to go off.
    fn until(&self) -> Option<Instant> {
        self.on.map(|(_, until)| until)
    }
}

/// What the thread does.
struct Holder {
    pulse: Pulse,
    orders: Receiver<u64>,
    events: mpsc::Sender<Event>,
    trouble: Trouble,
}

impl Holder {
    fn run(mut self, mut open: Opener) {
        loop {
            let error = match open() {
                Ok(output) => {
                    let recovery = self.trouble.over();
                    self.tell(recovery);
                    match self.hold(output) {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            // The line is closed now: the kernel has it back, and whatever pulse there was is over for us.
            if self.pulse.on.take().is_some() {
                tracing::warn!(%error, "door relay lost in a pulse");
            }
            let fault = self.trouble.is_new(&error);
            self.tell(fault);
            let again = Instant::now() + self.trouble.next_pause();
            loop {
                match self.orders.recv_timeout(again.saturating_duration_since(Instant::now())) {
                    Ok(opening) => self.tell(Some(Event::Door(DoorEvent::Failed { opening }))),
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => return,
                }
            }
        }
    }

    /// Carries orders out until there are none any more, or the line fails.
    fn hold(&mut self, mut output: Box<dyn Output>) -> io::Result<()> {
        loop {
            let order = match self.pulse.until() {
                None => self.orders.recv().map_err(RecvTimeoutError::from),
                Some(until) => self.orders.recv_timeout(until.saturating_duration_since(Instant::now())),
            };
            let now = Instant::now();
            let is_over = self.pulse.until().is_some_and(|until| until <= now);
            let is_last = order == Err(RecvTimeoutError::Disconnected);
            if is_over || is_last && self.pulse.on.is_some() {
                output.set(false)?;
                self.pulse.on = None;
                tracing::info!("door relay off");
            }
            match order {
                Ok(opening) => {
                    self.pulse.order(now);
                    if let Err(error) = output.set(true) {
                        self.tell(Some(Event::Door(DoorEvent::Failed { opening })));
                        return Err(error);
                    }
                    tracing::info!(pulse_ms = self.pulse.length.as_millis(), "door relay on");
                    self.tell(Some(Event::Door(DoorEvent::Unlocked { opening })));
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Never waits: the door has to close whether anybody listens or not.
    fn tell(&self, event: Option<Event>) {
        if let Some(Err(error)) = event.map(|event| self.events.try_send(event)) {
            tracing::warn!(%error, "nobody heard what became of the door relay");
        }
    }
}

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
