//! TCP to a host by its name.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use crate::address::interleave;
use crate::race::{Attempt, Won, race};

/// Finds the addresses of a name.
pub trait Resolve {
    /// Returns the addresses, best first.
    fn resolve(&self, host: &str, port: u16) -> impl Future<Output = io::Result<Vec<SocketAddr>>> + Send;
}

/// The system's resolver, `getaddrinfo(3)`, which sorts by RFC 6724.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Resolve for System {
    #[expect(clippy::disallowed_methods, reason = "every address it finds is tried")]
    async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(tokio::net::lookup_host((host, port)).await?.collect())
    }
}

/// A connection.
#[derive(Debug)]
pub struct Dialled {
    /// The stream, with `TCP_NODELAY`.
    pub stream: TcpStream,
    /// The address that answered first.
    pub address: SocketAddr,
    /// Addresses of the name that were tried and did not answer, or refused.
    pub passed_over: Vec<Attempt>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The name cannot be looked up.
    #[error("cannot look up {host}: {source}")]
    LookUp {
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// The resolver does not answer.
    #[error("cannot look up {host}: the name server did not answer within {} s", .limit.as_secs_f32())]
    LookUpTimeout {
        /// The name.
        host: String,
        /// The deadline of the whole attempt.
        limit: Duration,
    },
    /// The name has no address.
    #[error("cannot look up {host}: the name has no address")]
    NoAddress {
        /// The name.
        host: String,
    },
    /// No address answered in time.
    #[error("{}", Attempts(attempts, *limit))]
    Unreachable {
        /// Every address that was tried.
        attempts: Vec<Attempt>,
        /// The deadline of the whole attempt.
        limit: Duration,
    },
}

/// Connects to a host: a name, an IPv4 address, or an IPv6 address with or without brackets. `limit` covers look-up and all attempts.
///
/// # Errors
/// [`DialError`].
pub async fn dial(host: &str, port: u16, limit: Duration) -> Result<Dialled, DialError> {
    dial_with(&System, host, port, limit).await
}

/// Does what [`dial`] does with another resolver.
///
/// # Errors
/// [`DialError`].
pub async fn dial_with(resolver: &impl Resolve, host: &str, port: u16, limit: Duration) -> Result<Dialled, DialError> {
    let until = Instant::now() + limit;
    let addresses = look_up_with(resolver, host, port, limit).await?;
    match race(addresses, until, connect).await {
        Ok(Won { value: stream, address, others }) => Ok(Dialled { stream, address, passed_over: others }),
        Err(lost) => Err(DialError::Unreachable { attempts: lost.attempts, limit }),
    }
}

/// Returns the addresses of a host in the order in which they are to be tried, for [`race`]; never none.
///
/// # Errors
/// [`DialError`].
pub async fn look_up(host: &str, port: u16, limit: Duration) -> Result<Vec<SocketAddr>, DialError> {
    look_up_with(&System, host, port, limit).await
}

async fn look_up_with(
    resolver: &impl Resolve,
    host: &str,
    port: u16,
    limit: Duration,
) -> Result<Vec<SocketAddr>, DialError> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = match timeout(limit, resolver.resolve(host, port)).await {
        Ok(Ok(resolved)) => interleave(resolved),
        Ok(Err(source)) => return Err(DialError::LookUp { host: host.to_owned(), source }),
        Err(_) => return Err(DialError::LookUpTimeout { host: host.to_owned(), limit }),
    };
    if addresses.is_empty() { Err(DialError::NoAddress { host: host.to_owned() }) } else { Ok(addresses) }
}

#[expect(clippy::disallowed_methods, reason = "one address of several")]
async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// What became of each attempt, in one line.
struct Attempts<'a>(&'a [Attempt], Duration);

impl fmt::Display for Attempts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(attempts, limit) = self;
        for (number, attempt) in attempts.iter().enumerate() {
            let pause = if number > 0 { "; " } else { "" };
            match &attempt.error {
                Some(error) => write!(f, "{pause}{}: {error}", attempt.address)?,
                None => write!(f, "{pause}{}: no answer within {} s", attempt.address, limit.as_secs_f32())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    /// A name with these addresses.
    struct Name(Vec<SocketAddr>);

    impl Resolve for Name {
        async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(self.0.clone())
        }
    }

    /// An address that swallows packets: Linux drops a SYN when the listener's queue is full.
    struct Swallows {
        address: SocketAddr,
        _listener: TcpListener,
        _queued: Vec<tokio::task::JoinHandle<()>>,
    }

    impl Swallows {
        async fn at(host: &str) -> Self {
            let socket = TcpSocket::new_v4().unwrap();
            socket.bind(format!("{host}:0").parse().unwrap()).unwrap();
            let listener = socket.listen(1).unwrap();
            let address = listener.local_addr().unwrap();
            let fill = |_| {
                tokio::spawn(async move {
                    let _held = connect(address).await;
                    std::future::pending::<()>().await;
                })
            };
            let queued = (0..4).map(fill).collect();
            tokio::time::sleep(Duration::from_millis(100)).await;
            Self { address, _listener: listener, _queued: queued }
        }
    }

    #[tokio::test]
    async fn an_address_that_swallows_packets_does_not_hide_the_next_one() {
        let swallows = Swallows::at("127.0.0.2").await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let good = listener.local_addr().unwrap();
        let dialled = dial_with(&Name(vec![swallows.address, good]), "name", 1, LIMIT).await.unwrap();
        assert_eq!((dialled.address, dialled.stream.peer_addr().unwrap()), (good, good));
        assert!(dialled.stream.nodelay().unwrap());
        assert_eq!(dialled.passed_over[0].address, swallows.address);
    }

    #[tokio::test]
    async fn what_became_of_each_address_is_told() {
        let swallows = Swallows::at("127.0.0.2").await;
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let limit = Duration::from_millis(600);
        let error = dial_with(&Name(vec![swallows.address, closed]), "name", 1, limit).await.unwrap_err().to_string();
        assert!(error.contains(&format!("{}: no answer", swallows.address)), "{error}");
        assert!(error.contains(&format!("{closed}: Connection refused")), "{error}");
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_named() {
        let error = dial_with(&Name(Vec::new()), "name", 1, LIMIT).await.unwrap_err().to_string();
        assert_eq!(error, "cannot look up name: the name has no address");
        let error = dial("no-such-name.invalid", 1, LIMIT).await.unwrap_err();
        assert!(error.to_string().starts_with("cannot look up no-such-name.invalid"), "{error}");
    }

    #[tokio::test]
    async fn a_name_server_that_does_not_answer_costs_no_more_than_the_limit() {
        struct Silent;
        impl Resolve for Silent {
            async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
                std::future::pending().await
            }
        }
        let error = dial_with(&Silent, "name", 1, Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, DialError::LookUpTimeout { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_address_in_brackets_is_an_address() {
        let Ok(listener) = TcpListener::bind("[::1]:0").await else { return };
        let port = listener.local_addr().unwrap().port();
        assert!(dial("[::1]", port, LIMIT).await.is_ok() && dial("::1", port, LIMIT).await.is_ok());
    }
}
