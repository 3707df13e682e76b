//! What every transport does around its sessions: connect for ever, stay away for the right time, end when told.

use std::future::Future;
use std::time::{Duration, Instant};

use callbox_core::client::Backoff;
use callbox_core::protocol::Bye;
use tokio::sync::mpsc;
use tokio::time::sleep_until;

use super::Order;
use super::exchange::Exchange;
use super::status::State;

/// The code of a ticket that has expired: the only refusal that a new ticket heals.
const EXPIRED: u32 = 70001;
/// A session that lasted this long was a good one: the next failure begins with short delays.
const GOOD: Duration = Duration::from_secs(10);
/// The shortest wait after an attempt that took long.
const LEAST: Duration = Duration::from_millis(250);
const AFTER_REPLACED: Duration = Duration::from_secs(30);
const AFTER_REFUSED: Duration = Duration::from_secs(60);

/// One way to carry messages.
pub(super) trait Transport: Send {
    /// The delays between attempts.
    fn backoff(&self) -> Backoff;

    /// One session, from connecting to its end.
    fn session(
        &mut self,
        exchange: &mut Exchange,
        orders: &mut mpsc::Receiver<Order>,
    ) -> impl Future<Output = End> + Send;
}

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    Stopped,
    /// The ticket could not be had.
    NoTicket(String),
    Lost(String),
    /// A hub's words.
    Bye {
        reason: Bye,
        code: Option<u32>,
        text: String,
    },
    /// A broker does not let us in, or not read what is ours.
    Refused(String),
    /// A broker gave our session to another connection.
    TakenOver(String),
    /// Our address is gone, or there is another way out.
    Moved(String),
    /// Log in anew at once: there is a newer ticket.
    Renew,
}

impl End {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Stopped => "stopped".to_owned(),
            Self::NoTicket(text) | Self::Lost(text) | Self::Refused(text) | Self::TakenOver(text) => text.clone(),
            Self::Moved(text) => text.clone(),
            Self::Bye { reason, code, text } => {
                let code = code.map(|code| format!(" {code}")).unwrap_or_default();
                format!("the hub said good-bye: {reason:?}{code} {text}").trim_end().to_owned()
            }
            Self::Renew => "logging in with the renewed ticket".to_owned(),
        }
    }
}

/// Connects for ever, until told to stop.
pub(super) async fn run<T: Transport>(mut transport: T, mut exchange: Exchange, mut orders: mpsc::Receiver<Order>) {
    let mut pause = Pause::new(transport.backoff());
    loop {
        exchange.board.enter(State::Connecting);
        exchange.reach.begin();
        exchange.beat(Instant::now()).await;
        let began = Instant::now();
        let end = transport.session(&mut exchange, &mut orders).await;
        let wait = pause.after(&end, began.elapsed());
        let reason = end.text();
        exchange.went_down(&reason).await;
        match end {
            End::Stopped => break,
            End::Renew => tracing::info!(url = exchange.board.status().url, reason),
            _ => {
                let retry_ms = wait.as_millis();
                tracing::warn!(url = exchange.board.status().url, reason, retry_ms, "signalling is down");
            }
        }
        exchange.board.enter(State::Waiting);
        match rest(wait, &mut exchange, &mut orders).await {
            Rest::Over => {}
            Rest::Hurry => pause.backoff.reset(),
            Rest::Stop => break,
        }
    }
    if let Some(done) = exchange.stopping.take() {
        // Nobody waits any more when the stop took too long.
        let _late = done.send(());
    }
}

/// How long to stay away.
#[derive(Debug)]
struct Pause {
    backoff: Backoff,
    /// The last session ended with an expired ticket, or a broker's refusal, too: a new ticket was not to be had.
    expired: bool,
}

impl Pause {
    fn new(backoff: Backoff) -> Self {
        Self { backoff, expired: false }
    }

    fn after(&mut self, end: &End, lasted: Duration) -> Duration {
        if lasted >= GOOD {
            self.backoff.reset();
        }
        let expired = matches!(
            end,
            End::Bye { reason: Bye::TicketExpired, .. } | End::Bye { code: Some(EXPIRED), .. } | End::Refused(_)
        );
        let again = std::mem::replace(&mut self.expired, expired);
        match end {
            End::Renew => Duration::ZERO,
            End::Moved(_) => {
                self.backoff.reset();
                Duration::ZERO
            }
            _ if expired && !again => Duration::from_secs(1),
            End::Bye { reason: Bye::Replaced, .. } | End::TakenOver(_) => {
                tracing::warn!("this device logged in elsewhere too: give each installation its own user.device");
                AFTER_REPLACED
            }
            // Any other refusal of a ticket does not heal by asking again; the hub may limit whoever insists.
            End::Bye { code: Some(_), .. } => AFTER_REFUSED,
            _ if expired => AFTER_REFUSED,
            // An attempt that nobody answered was a wait of its own.
            _ => self.backoff.next(chance()).saturating_sub(lasted).max(LEAST),
        }
    }
}

/// A number nobody can guess; the middle, should the system have no randomness to give.
fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// How a wait ended.
enum Rest {
    Over,
    /// There is a network (again).
    Hurry,
    Stop,
}

/// Waits while orders come in.
async fn rest(wait: Duration, exchange: &mut Exchange, orders: &mut mpsc::Receiver<Order>) -> Rest {
    let until = tokio::time::Instant::now() + wait;
    loop {
        tokio::select! {
            () = sleep_until(until) => return Rest::Over,
            order = orders.recv() => match order {
                Some(order) => exchange.take(Instant::now(), order),
                None => return Rest::Stop,
            },
            () = sleep_until(exchange.beat_due().into()) => exchange.beat(Instant::now()).await,
        }
        if exchange.stopping.is_some() {
            return Rest::Stop;
        }
        if exchange.reach.hurries() {
            return Rest::Hurry;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bye(reason: Bye, code: Option<u32>) -> End {
        End::Bye { reason, code, text: String::new() }
    }

    fn pause() -> Pause {
        Pause::new(Backoff::default())
    }

    fn wait(pause: &mut Pause, end: &End) -> u64 {
        pause.after(end, Duration::ZERO).as_secs()
    }

    #[test]
    fn only_an_expired_ticket_is_renewed_at_once_and_only_once() {
        let mut pause = pause();
        assert_eq!(wait(&mut pause, &bye(Bye::NotLoggedIn, Some(EXPIRED))), 1);
        assert_eq!(wait(&mut pause, &bye(Bye::NotLoggedIn, Some(EXPIRED))), 60);
        assert_eq!(wait(&mut pause, &bye(Bye::NotLoggedIn, Some(70003))), 60);
        assert_eq!(wait(&mut pause, &bye(Bye::TicketExpired, None)), 1);
    }

    #[test]
    fn a_broker_that_refuses_is_asked_once_more_and_then_rarely() {
        let (mut pause, refused) = (pause(), End::Refused(String::new()));
        assert_eq!(wait(&mut pause, &refused), 1);
        assert_eq!(wait(&mut pause, &refused), 60);
        assert_eq!(wait(&mut pause, &End::Renew), 0);
    }

    #[test]
    fn an_attempt_that_took_long_is_followed_soon_and_another_network_at_once() {
        let mut pause = pause();
        let lost = End::Lost(String::new());
        for _ in 0..10 {
            pause.after(&lost, Duration::ZERO);
        }
        assert!(pause.after(&lost, Duration::from_secs(5)) <= Duration::from_secs(10));
        assert_eq!(pause.after(&End::Moved(String::new()), Duration::ZERO), Duration::ZERO);
        assert_eq!(pause.after(&lost, Duration::from_secs(5)), LEAST);
    }

    #[test]
    fn who_was_replaced_does_not_fight() {
        assert_eq!(wait(&mut pause(), &bye(Bye::Replaced, None)), 30);
        assert_eq!(wait(&mut pause(), &End::TakenOver(String::new())), 30);
    }

    #[test]
    fn a_good_session_makes_the_next_delay_short_again() {
        let mut pause = pause();
        let lost = End::Lost(String::new());
        for _ in 0..10 {
            pause.after(&lost, Duration::ZERO);
        }
        assert!(pause.after(&lost, Duration::ZERO) > Duration::from_secs(7));
        assert!(pause.after(&lost, GOOD) <= Duration::from_millis(500));
    }
}
