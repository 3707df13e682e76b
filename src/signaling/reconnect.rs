//! What every transport does around its sessions: connect for ever, stay away for the right time, end when told.

use std::future::Future;
use std::time::{Duration, Instant};

use callbox_core::client::Backoff;
use callbox_core::protocol::Bye;
use tokio::time::sleep_until;

use super::exchange::Exchange;
use super::network_change::Cause;
use super::orders;
use super::status::State;

/// The ticket has expired, by the clocks as they are: a new ticket, or another clock, heals that.
const EXPIRED: u32 = 70001;
/// The ticket cannot be read, or was made in the future by the clocks as they are.
const UNREADABLE: u32 = 70003;
/// Refusals of a ticket that asking again does not heal. The same ticket file is read again all the same, rarely: somebody may replace it.
const FINAL: [u32; 5] = [70002, UNREADABLE, 70009, 70013, 70014];
/// A session that lasted this long was a good one: the next failure begins with short delays.
const GOOD: Duration = Duration::from_secs(10);
/// The shortest wait after an attempt that took long.
const LEAST: Duration = Duration::from_millis(250);
const AFTER_REPLACED: Duration = Duration::from_secs(30);
const AFTER_REFUSED: Duration = Duration::from_secs(60);
/// However long a hub tells us to stay away: it may be wrong.
const LONGEST: Duration = Duration::from_secs(600);

/// One way to carry messages.
pub(super) trait Transport: Send {
    /// The delays between attempts.
    fn backoff(&self) -> Backoff;

    /// One session, from connecting to its end.
    fn session(&mut self, exchange: &mut Exchange, orders: &mut orders::Receiver) -> impl Future<Output = End> + Send;
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
        retry_ms: Option<u32>,
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
            Self::Bye { reason, code, text, .. } => {
                let code = code.map(|code| format!(" {code}")).unwrap_or_default();
                format!("the hub said good-bye: {reason:?}{code} {text}").trim_end().to_owned()
            }
            Self::Renew => "logging in with the renewed ticket".to_owned(),
        }
    }
}

/// Connects for ever, until told to stop.
pub(super) async fn run<T: Transport>(mut transport: T, mut exchange: Exchange, mut orders: orders::Receiver) {
    let mut pause = Pause::new(transport.backoff());
    loop {
        exchange.board.enter(State::Connecting);
        exchange.changes.begin();
        exchange.beat(Instant::now()).await;
        let began = Instant::now();
        let end = transport.session(&mut exchange, &mut orders).await;
        let (wait, cause) = pause.after(&end, began.elapsed());
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
        match rest(wait, cause, &mut exchange, &mut orders).await {
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

    /// How long, and what ends it early.
    fn after(&mut self, end: &End, lasted: Duration) -> (Duration, Cause) {
        if lasted >= GOOD {
            self.backoff.reset();
        }
        match end {
            End::Renew => return (Duration::ZERO, Cause::Unreached),
            End::Moved(_) => {
                self.backoff.reset();
                return (Duration::ZERO, Cause::Unreached);
            }
            _ => {}
        }
        let expired = matches!(
            end,
            End::Bye { reason: Bye::TicketExpired, .. } | End::Bye { code: Some(EXPIRED), .. } | End::Refused(_)
        );
        let again = std::mem::replace(&mut self.expired, expired);
        match end {
            End::Bye { retry_ms: Some(ms), code, .. } => {
                (told(*ms), if code.is_some() { Cause::Time } else { Cause::Refused })
            }
            _ if expired && !again => (Duration::from_secs(1), Cause::Time),
            _ if expired => (AFTER_REFUSED, Cause::Time),
            End::Bye { reason: Bye::Replaced, .. } | End::TakenOver(_) => {
                tracing::warn!("this device logged in elsewhere too: give each installation its own user.device");
                (AFTER_REPLACED, Cause::Refused)
            }
            End::Bye { code: Some(UNREADABLE), .. } => (AFTER_REFUSED, Cause::Time),
            End::Bye { code: Some(code), .. } if FINAL.contains(code) => (AFTER_REFUSED, Cause::Refused),
            // An attempt that nobody answered was a wait of its own.
            _ => (self.backoff.next(chance()).saturating_sub(lasted).max(LEAST), Cause::Unreached),
        }
    }
}

/// As long as the hub says, and up to half of it more by chance, so that not all come back at once.
fn told(retry_ms: u32) -> Duration {
    let least = Duration::from_millis(retry_ms.into()).clamp(LEAST, LONGEST);
    least.mul_f64(1.0 + f64::from(chance()) / f64::from(u32::MAX) / 2.0)
}

/// A number nobody can guess; the middle, should the system have no randomness to give.
fn chance() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX / 2)
}

/// How a wait ended.
enum Rest {
    Over,
    /// What it failed by may have changed: another network, another time.
    Hurry,
    Stop,
}

/// Waits while orders come in.
async fn rest(wait: Duration, cause: Cause, exchange: &mut Exchange, orders: &mut orders::Receiver) -> Rest {
    let until = tokio::time::Instant::now() + wait;
    loop {
        // What changed while the attempt that failed was under way counts too.
        if exchange.changes.ends_wait(cause) {
            return Rest::Hurry;
        }
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bye(reason: Bye, code: Option<u32>) -> End {
        End::Bye { reason, code, text: String::new(), retry_ms: None }
    }

    fn pause() -> Pause {
        Pause::new(Backoff::default())
    }

    fn wait(pause: &mut Pause, end: &End) -> u64 {
        pause.after(end, Duration::ZERO).0.as_secs()
    }

    fn cause(end: &End) -> Cause {
        pause().after(end, Duration::ZERO).1
    }

    #[test]
    fn a_hub_that_names_a_time_is_not_asked_earlier_and_not_by_all_at_once() {
        let told = |retry_ms| End::Bye { reason: Bye::NotLoggedIn, code: None, text: String::new(), retry_ms };
        for _ in 0..50 {
            let wait = pause().after(&told(Some(8000)), Duration::from_secs(20)).0;
            assert!((8000..=12_000).contains(&wait.as_millis()), "{wait:?}");
        }
        assert!(pause().after(&told(Some(u32::MAX)), Duration::ZERO).0 <= LONGEST * 2);
        assert!(pause().after(&told(Some(0)), Duration::ZERO).0 >= LEAST);
        assert!(wait(&mut pause(), &told(None)) < 1, "with back-off, as any other failure");
        let unknown = bye(Bye::NotLoggedIn, Some(70_500));
        assert!(wait(&mut pause(), &unknown) < 1, "a code that is not known is not final");
    }

    #[test]
    fn what_ends_a_wait_depends_on_why_it_is_waited() {
        assert_eq!(cause(&End::Lost(String::new())), Cause::Unreached);
        assert_eq!(cause(&bye(Bye::Shutdown, None)), Cause::Unreached);
        for by_time in [bye(Bye::NotLoggedIn, Some(EXPIRED)), bye(Bye::NotLoggedIn, Some(UNREADABLE))] {
            assert_eq!(cause(&by_time), Cause::Time);
        }
        assert_eq!(cause(&bye(Bye::TicketExpired, None)), Cause::Time);
        assert_eq!(cause(&End::Refused(String::new())), Cause::Time, "a broker does not say why");
        for refused in [bye(Bye::Replaced, None), bye(Bye::NotLoggedIn, Some(70009)), End::TakenOver(String::new())] {
            assert_eq!(cause(&refused), Cause::Refused);
        }
    }

    #[test]
    fn a_new_address_is_no_new_ticket() {
        let (mut pause, expired) = (pause(), bye(Bye::NotLoggedIn, Some(EXPIRED)));
        assert_eq!(wait(&mut pause, &expired), 1);
        assert_eq!(wait(&mut pause, &End::Moved(String::new())), 0);
        assert_eq!(wait(&mut pause, &expired), 60, "it was asked once already");
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
        assert!(pause.after(&lost, Duration::from_secs(5)).0 <= Duration::from_secs(10));
        assert_eq!(pause.after(&End::Moved(String::new()), Duration::ZERO).0, Duration::ZERO);
        assert_eq!(pause.after(&lost, Duration::from_secs(5)).0, LEAST);
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
        assert!(pause.after(&lost, Duration::ZERO).0 > Duration::from_secs(7));
        assert!(pause.after(&lost, GOOD).0 <= Duration::from_millis(500));
    }
}
