//! One login at a gateway: a device's socket on one side, its session at the broker on the other. It decides nothing but when to
//! connect again; `device_session.rs` does.

use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::client::Backoff;
use callbox_core::protocol::{Bye, Envelope};
use callbox_mqtt::{Connection, End, Event, Instance, Login};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::sleep_until;
use tracing::{debug, error, info, warn};

use super::Shared;
use super::device_session::{DeviceSession, Effect};
use super::watching::Focus;
use crate::server::{Farewell, Outbox};
use crate::switchboard::{Frame, SessionId};

/// Two minutes of attempts at most 4 s apart, then up to 15 s: calls work again within 5 s of the broker's return.
const HOPEFUL: u32 = 40;
/// A connection that lasted this long was a good one: the next failure begins with short delays.
const GOOD: Duration = Duration::from_secs(10);
/// A device is welcome though the broker does not answer: it need not try again and again, and what it says is kept.
const WELCOME: Duration = Duration::from_secs(3);
/// How long to wait when as many as may be connect already.
const CROWDED: Duration = Duration::from_millis(100);
/// UserSig's code for a ticket that ran out.
const EXPIRED: u32 = 70001;

/// What the gateway tells a session.
#[derive(Debug)]
pub(super) enum Order {
    /// The device said something. Boxed: thousands of these queues are empty.
    Frame(Box<Frame>),
    /// End without a word to the broker: the device is, or will soon be, logged in elsewhere.
    Leave,
}

/// A login.
pub(super) struct Session {
    pub(super) id: SessionId,
    pub(super) login: Login,
    /// What the broker is shown; empty where the gateway's certificate is enough.
    pub(super) password: String,
    pub(super) outbox: Outbox,
    pub(super) device: DeviceSession,
    pub(super) ticket_until: Instant,
    /// How often the device is welcomed anew, so that its TURN credentials stay good.
    pub(super) renew_every: Option<Duration>,
    pub(super) shared: Arc<Shared>,
}

/// Why a session is over.
enum Over {
    /// The device's socket is gone.
    Gone,
    /// The device is, or will be, elsewhere.
    Moved,
    /// The device is told why.
    Bye(Bye, Option<u32>, String),
}

/// The way to the broker.
struct Way {
    connection: Option<Connection>,
    /// One of those that may connect at the same time.
    permit: Option<OwnedSemaphorePermit>,
    backoff: Backoff,
    began: Instant,
    retry_at: Instant,
    clean_start: bool,
    /// The login of the last connection that was up.
    instance: Option<Instance>,
    is_up: bool,
    /// The device was welcomed, and is to be welcomed (again) then.
    welcomed: bool,
    welcome_at: Option<Instant>,
}

impl Session {
    /// Serves until the socket or the ticket ends, or the device logs in elsewhere.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        let now = Instant::now();
        let mut way = Way {
            connection: None,
            permit: None,
            backoff: Backoff::hopeful(HOPEFUL),
            began: now,
            retry_at: now,
            clean_start: false,
            instance: None,
            is_up: false,
            welcomed: false,
            welcome_at: Some(now + WELCOME),
        };
        let over = self.serve(&mut way, &mut orders).await;
        let connection = way.connection.take();
        match over {
            // Dropped without a word: the broker waits for the device, and tells nobody meanwhile.
            Over::Moved => {}
            Over::Gone => close(connection).await,
            Over::Bye(reason, code, text) => {
                info!(session = self.id.0, ?reason, text, "cut");
                self.outbox.close(Farewell::new(self.shared.envelope_id(), reason, code, text));
                if reason != Bye::Replaced {
                    close(connection).await;
                }
            }
        }
    }

    async fn serve(&mut self, way: &mut Way, orders: &mut mpsc::Receiver<Order>) -> Over {
        loop {
            let times = [self.device.deadline(), way.welcome_at, Some(self.ticket_until)];
            let wake_at = times.into_iter().flatten().min().unwrap_or(self.ticket_until);
            tokio::select! {
                event = next(&mut way.connection), if way.connection.is_some() => match event {
                    Ok(event) => {
                        if event == Event::Up {
                            self.up(way);
                        }
                        if let Event::Heard(opened) = &event {
                            let Login { app, address, .. } = &self.login;
                            self.shared.unanswered().heard(Instant::now(), *app, address, opened);
                        }
                        self.device.event(Instant::now(), event);
                    }
                    Err(end) => if let Some(over) = self.lost(way, end) {
                        return over;
                    },
                },
                () = sleep_until(way.retry_at.into()), if way.connection.is_none() => self.connect(way),
                order = orders.recv() => match order {
                    Some(Order::Frame(frame)) => {
                        if let Frame::Known(envelope) = &*frame {
                            self.shared.unanswered().said(self.login.app, &self.login.address, &envelope.message);
                        }
                        self.device.heard(Instant::now(), *frame);
                    }
                    Some(Order::Leave) => return Over::Moved,
                    None => return Over::Gone,
                },
                () = sleep_until(wake_at.into()) => {
                    let now = Instant::now();
                    if now >= self.ticket_until {
                        let text = "the ticket has run out: log in with a new one";
                        return Over::Bye(Bye::TicketExpired, Some(EXPIRED), text.to_owned());
                    }
                    if way.welcome_at.is_some_and(|at| now >= at) {
                        if !way.is_up {
                            info!(session = self.id.0, "welcome without a broker: what the device says waits");
                        }
                        self.welcome(way, now);
                    }
                    self.device.tick(now);
                }
            }
            if let Err(over) = self.carry_out(way) {
                return over;
            }
        }
    }

    /// Begins to connect, unless too many do so already.
    fn connect(&mut self, way: &mut Way) {
        let now = Instant::now();
        let Ok(permit) = self.shared.connecting.clone().try_acquire_owned() else {
            way.retry_at = now + CROWDED.mul_f64(0.5 + f64::from(chance()) / f64::from(u32::MAX));
            return;
        };
        way.began = now;
        let brokers = self.shared.brokers.clone();
        let tls = self.shared.tls();
        let opened = Connection::open(self.login.clone(), brokers, tls, self.password.clone(), way.clean_start);
        match opened {
            Ok(connection) => {
                let connection = match way.instance.clone() {
                    Some(instance) => connection.resume(instance),
                    None => connection,
                };
                way.connection = Some(connection);
                way.permit = Some(permit);
            }
            Err(end) => self.wait(way, &end),
        }
    }

    /// The connection is gone: whether the session is over by that.
    fn lost(&mut self, way: &mut Way, end: End) -> Option<Over> {
        let connection = way.connection.take();
        way.clean_start = connection.is_some_and(|connection| connection.is_poisoned());
        way.permit = None;
        way.is_up = false;
        self.device.down();
        match end {
            End::TakenOver => {
                let text = "the same device logged in again, the newer login stays".to_owned();
                Some(Over::Bye(Bye::Replaced, None, text))
            }
            End::Refused(reason) => {
                error!(session = self.id.0, user = %self.login.party(), reason, "the broker refuses a user whose ticket is good");
                let text = "the broker behind this hub does not let you in: its operator has to see to it".to_owned();
                Some(Over::Bye(Bye::Shutdown, None, text))
            }
            end @ End::Lost(_) => {
                self.wait(way, &end);
                None
            }
        }
    }

    fn wait(&self, way: &mut Way, end: &End) {
        let now = Instant::now();
        if now.saturating_duration_since(way.began) >= GOOD {
            way.backoff.reset();
        }
        let wait = way.backoff.next(chance());
        way.retry_at = now + wait;
        warn!(session = self.id.0, reason = %end, retry_ms = wait.as_millis(), "the broker is away");
    }

    /// Carries out what the device session wants, and hands out what waits.
    fn carry_out(&mut self, way: &mut Way) -> Result<(), Over> {
        let now = Instant::now();
        while let Some(effect) = self.device.poll_effect() {
            match effect {
                Effect::Say(text) => {
                    // What waited at the broker may come before the broker has said that we are in.
                    if !way.welcomed {
                        self.welcome(way, now);
                    }
                    self.push(text)?;
                }
                Effect::Watch(focus) => {
                    let asked = way.connection.as_mut().is_some_and(|connection| match focus {
                        Focus::Everybody => connection.watch_all(),
                        Focus::Users(users) => connection.watch(users),
                    });
                    if !asked {
                        self.device.watching(now);
                    }
                }
                Effect::Pass(foreign) => {
                    let text = foreign.stamped(&self.login.address);
                    let connection = way.connection.as_mut();
                    if !connection.is_some_and(|way| way.publish_foreign(&foreign.to, foreign.id.clone(), text)) {
                        self.device.not_passed(&foreign);
                    }
                }
            }
        }
        let Some(connection) = way.connection.as_mut() else { return Ok(()) };
        while connection.has_room() {
            let Some(envelope) = self.device.next_envelope(now) else { break };
            if let Some(kept) = connection.publish(envelope) {
                error!(
                    session = self.id.0,
                    message = kept.message.type_name(),
                    "a message without a receiver is not sent"
                );
            }
        }
        Ok(())
    }

    /// The broker has let us in.
    fn up(&mut self, way: &mut Way) {
        way.permit = None;
        way.is_up = true;
        let is_first = way.instance.is_none();
        if let Some(connection) = way.connection.as_mut() {
            way.instance = Some(connection.instance());
            if is_first {
                // What the device was handed on an earlier socket, and did not answer.
                let unanswered = self.shared.unanswered().of(Instant::now(), self.login.app, &self.login.address);
                unanswered.into_iter().for_each(|kept| connection.give_again(kept.since, kept.invite));
            }
        }
        if way.welcomed {
            debug!(session = self.id.0, "back at the broker");
        } else {
            self.welcome(way, Instant::now());
        }
    }

    /// Welcomes the device, for the first time or again.
    fn welcome(&mut self, way: &mut Way, now: Instant) {
        way.welcomed = true;
        way.welcome_at = self.renew_every.map(|every| now + every);
        let message = self.shared.welcome(self.login.address.clone());
        let envelope = Envelope { id: self.shared.envelope_id(), from: None, to: None, message };
        if self.outbox.push(envelope.encode()).is_err() {
            debug!(session = self.id.0, "no room for a welcome: cut soon");
        }
    }

    fn push(&mut self, text: String) -> Result<(), Over> {
        let slow = || Over::Bye(Bye::TooSlow, None, "messages came faster than they were read".to_owned());
        self.outbox.push(text).map_err(|_| slow())
    }
}

/// What happens next on a connection that is there.
async fn next(connection: &mut Option<Connection>) -> Result<Event, End> {
    match connection {
        Some(connection) => connection.next().await,
        None => std::future::pending().await,
    }
}

async fn close(connection: Option<Connection>) {
    if let Some(connection) = connection {
        connection.close().await;
    }
}

/// A number nobody can guess; the middle, should the system have no randomness to give.
fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}
