//! Several ways to the same place, begun one after the other: the first that works wins, the others are given up.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// How long one attempt has before the next begins beside it (RFC 8305, section 5: Connection Attempt Delay).
const STAGGER: Duration = Duration::from_millis(250);

/// An attempt that did not win.
#[derive(Debug)]
pub struct Attempt {
    /// Where to.
    pub address: SocketAddr,
    /// Why it failed. `None`: no answer until the race was over.
    pub error: Option<io::Error>,
}

/// The attempt that worked.
#[derive(Debug)]
pub struct Won<T> {
    /// What came of it.
    pub value: T,
    /// Where to.
    pub address: SocketAddr,
    /// Attempts that were begun earlier, or beside it.
    pub others: Vec<Attempt>,
}

/// None worked in time.
#[derive(Debug)]
pub struct Lost {
    /// Every attempt that was begun.
    pub attempts: Vec<Attempt>,
}

/// Tries the addresses in their order: the next 250 ms after the one before it, or as soon as that has failed. Attempts go on side
/// by side. The first that succeeds wins; the others are dropped, as all are at the deadline.
///
/// # Errors
/// [`Lost`], when none succeeds before `until`.
pub async fn race<T, F>(
    addresses: Vec<SocketAddr>,
    until: Instant,
    mut connect: impl FnMut(SocketAddr) -> F,
) -> Result<Won<T>, Lost>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut running: JoinSet<(SocketAddr, io::Result<T>)> = JoinSet::new();
    let mut attempts: Vec<Attempt> = Vec::new();
    let mut next_at = Instant::now();
    loop {
        if running.is_empty() && waiting.len() == 0 {
            return Err(Lost { attempts });
        }
        tokio::select! {
            () = sleep_until(until) => return Err(Lost { attempts }),
            () = sleep_until(next_at), if waiting.len() > 0 => {
                next_at += STAGGER;
                if let Some(address) = waiting.next() {
                    attempts.push(Attempt { address, error: None });
                    let attempt = connect(address);
                    running.spawn(async move { (address, attempt.await) });
                }
            }
            Some(ended) = running.join_next() => {
                // A task that panicked or was aborted has nobody's answer: its attempt stays "no answer".
                let Ok((address, outcome)) = ended else { continue };
                match outcome {
                    Ok(value) => {
                        attempts.retain(|attempt| attempt.address != address);
                        return Ok(Won { value, address, others: attempts });
                    }
                    Err(error) => {
                        let attempt = attempts.iter_mut().find(|attempt| attempt.address == address);
                        if let Some(attempt) = attempt {
                            attempt.error = Some(error);
                        }
                        next_at = Instant::now();
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMIT: Duration = Duration::from_secs(20);

    fn addresses(count: u16) -> Vec<SocketAddr> {
        (1..=count).map(|port| ([127, 0, 0, 1], port).into()).collect()
    }

    /// Port 1 never answers, port 2 refuses at once, port 3 answers after 100 ms.
    async fn connect(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            2 => Err(io::ErrorKind::ConnectionRefused.into()),
            3 => {
                tokio::time::sleep(SECOND / 10).await;
                Ok(3)
            }
            _ => std::future::pending().await,
        }
    }

    #[tokio::test]
    async fn the_next_begins_after_250_ms_or_at_once_after_a_failure() {
        let began = Instant::now();
        let won = race(addresses(3), began + LIMIT, connect).await.unwrap();
        assert!(won.value == 3 && began.elapsed() >= STAGGER + SECOND / 10);
        let others: Vec<_> =
            won.others.iter().map(|attempt| (attempt.address.port(), attempt.error.is_some())).collect();
        assert_eq!(others, [(1, false), (2, true)]);
    }

    #[tokio::test]
    async fn one_deadline_holds_for_all_of_them() {
        let silent = |_| std::future::pending::<io::Result<()>>();
        let began = Instant::now();
        let lost = race(addresses(8), began + SECOND / 3, silent).await.unwrap_err();
        assert!(began.elapsed() >= SECOND / 3 && lost.attempts.iter().all(|attempt| attempt.error.is_none()));
    }

    #[tokio::test]
    async fn nobody_waits_when_all_have_failed() {
        let refuse = |_| async { Err::<(), _>(io::ErrorKind::ConnectionRefused.into()) };
        let began = Instant::now();
        let lost = race(addresses(8), began + 1000 * LIMIT, refuse).await.unwrap_err();
        assert!(lost.attempts.iter().all(|attempt| attempt.error.is_some()) && lost.attempts.len() == 8);
        assert!(race(Vec::new(), began + SECOND, refuse).await.unwrap_err().attempts.is_empty());
    }
}
