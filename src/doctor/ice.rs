//! STUN and TURN servers: each is asked over the transport that its address names, TURN servers for an allocation.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::{Duration, Instant};

use callbox_core::ice::{BadIceUrl, IceKind, IceTransport, IceUrl};
use callbox_core::protocol::IceServer;
use callbox_net::tls::{self, Trust};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use super::Board;
use super::finding::Finding;
use super::stun::{self, Answer, Method, Proof};

const SUBJECT: &str = "STUN, TURN";
/// One server, names and all.
const LIMIT: Duration = Duration::from_secs(8);
const CONNECT: Duration = Duration::from_secs(4);
/// When a UDP request is sent again (RFC 8489, section 6.2.1, cut short).
const AGAIN: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(1), Duration::from_secs(1), Duration::from_secs(1)];
const LARGEST: usize = 2048;

/// Every server that is configured, and those that the hub has named to the running daemon.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let named = board.daemon.ice_urls().into_iter().map(|url| (url, None));
    let own = board.settings.ice_servers.iter();
    let own = own.flat_map(|server| server.urls.iter().map(|url| (url.clone(), Some(server.clone()))));
    let mut servers: Vec<(String, Option<IceServer>)> = own.collect();
    for (url, nobody) in named {
        if servers.iter().all(|(known, _)| *known != url) {
            servers.push((url, nobody));
        }
    }
    if servers.is_empty() {
        let text = "none known: calls reach the same network only, unless the hub names some (start the daemon to see)";
        return vec![Finding::ok(SUBJECT, text)];
    }
    let asked: Vec<_> = servers
        .into_iter()
        .map(|(url, server)| {
            let (tell, told) = sync_channel(1);
            let address = url.clone();
            thread::spawn(move || {
                // Nobody listens any more when it took too long.
                let _ = tell.try_send(ask(&address, server.as_ref()));
            });
            (url, told)
        })
        .collect();
    let until = Instant::now() + LIMIT;
    asked
        .into_iter()
        .map(|(url, told)| {
            let answer = told.recv_timeout(until.saturating_duration_since(Instant::now()));
            judge(&url, answer.unwrap_or_else(|_| Err(Trouble::Unreached("no answer in time".to_owned()))))
        })
        .collect()
}

/// What is wrong with a server.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    Unreached(String),
    Refused { code: u16, reason: String },
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Unreached("no answer".to_owned()),
            _ => Self::Unreached(error.to_string()),
        }
    }
}

fn judge(url: &str, answer: Result<&'static str, Trouble>) -> Finding {
    match answer {
        Ok(text) => Finding::ok(SUBJECT, format!("{url} {text}")),
        Err(Trouble::Unreached(error)) => {
            let fix = match Place::parse(url) {
                Ok(place) if place.transport == Transport::Udp => {
                    format!("nc -zuv {} {}  # a firewall may drop UDP", place.host, place.port)
                }
                Ok(place) => format!("nc -zv {} {}", place.host, place.port),
                Err(_) => "sudoedit /etc/callbox/callbox.toml".to_owned(),
            };
            Finding::fail(SUBJECT, format!("{url} is not reached: {error}")).fix(fix)
        }
        Err(Trouble::Refused { code, reason }) => Finding::fail(SUBJECT, format!("{url} refuses: {code} {reason}"))
            .fix("sudoedit /etc/callbox/callbox.toml  # username and credential of network.ice_servers"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Udp,
    Tcp,
    Tls,
}

/// An address taken apart (RFC 7064, RFC 7065).
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    is_turn: bool,
    host: String,
    port: u16,
    transport: Transport,
}

impl Place {
    fn parse(url: &str) -> Result<Self, BadIceUrl> {
        let url: IceUrl = url.parse()?;
        let transport = match (url.is_secure, url.transport) {
            (true, _) => Transport::Tls,
            (false, Some(IceTransport::Tcp)) => Transport::Tcp,
            (false, _) => Transport::Udp,
        };
        Ok(Self { is_turn: url.kind == IceKind::Turn, host: url.host, port: url.port, transport })
    }
}

fn ask(url: &str, server: Option<&IceServer>) -> Result<&'static str, Trouble> {
    let place = Place::parse(url).map_err(|error| Trouble::Unreached(error.to_string()))?;
    let asking = Arc::new((place, server.cloned()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(first_answer(asking));
    // A look-up cannot be broken off, nor an address that is still waited for; nobody waits for them.
    runtime.shutdown_background();
    answer
}

/// Asks every address of the name, one beside the other where they do not answer (RFC 8305): a refusal is an answer too.
async fn first_answer(asking: Arc<(Place, Option<IceServer>)>) -> Result<&'static str, Trouble> {
    let Place { host, port, .. } = &asking.0;
    let unreached = |error: &dyn std::fmt::Display| Trouble::Unreached(error.to_string());
    let addresses = callbox_net::look_up(host, *port, CONNECT).await.map_err(|error| unreached(&error))?;
    let until = tokio::time::Instant::now() + LIMIT;
    let ask_one = |address| {
        let asking = Arc::clone(&asking);
        async move {
            let asked = move || match converse(&asking.0, address, asking.1.as_ref()) {
                Err(Trouble::Unreached(error)) => Err(io::Error::other(error)),
                answer => Ok(answer),
            };
            tokio::task::spawn_blocking(asked).await.map_err(io::Error::other)?
        }
    };
    match callbox_net::race(addresses, until, ask_one).await {
        Ok(won) => won.value,
        Err(lost) => {
            let errors = lost.attempts.iter().filter_map(|attempt| attempt.error.as_ref());
            let errors: Vec<_> = errors.map(ToString::to_string).collect();
            Err(Trouble::Unreached(if errors.is_empty() { "no answer".to_owned() } else { errors.join("; ") }))
        }
    }
}

fn converse(place: &Place, address: SocketAddr, server: Option<&IceServer>) -> Result<&'static str, Trouble> {
    let mut line = Line::connect(place, address)?;
    if !place.is_turn {
        return match line.ask(Method::Binding, None)? {
            Answer::Success => Ok("answers"),
            Answer::Error { code, reason, .. } => Err(Trouble::Refused { code, reason }),
        };
    }
    let (realm, nonce) = match line.ask(Method::Allocate, None)? {
        Answer::Success => return Ok("relays, for anybody"),
        Answer::Error { code: 401, realm, nonce, .. } => (realm, nonce),
        Answer::Error { code, reason, .. } => return Err(Trouble::Refused { code, reason }),
    };
    let Some((username, credential)) =
        server.and_then(|server| Some((server.username.as_ref()?, server.credential.as_ref()?)))
    else {
        return Ok("is there (what the hub hands out for it was not tried)");
    };
    let proof = Proof { username, credential, realm: &realm, nonce: &nonce };
    match line.ask(Method::Allocate, Some(&proof))? {
        Answer::Success => {
            // It would end by itself in ten minutes.
            let _given_back = line.ask(Method::Refresh, Some(&proof));
            Ok("relays for us")
        }
        Answer::Error { code, reason, .. } => Err(Trouble::Refused { code, reason }),
    }
}

/// The way to one server.
enum Line {
    Datagrams(UdpSocket),
    Stream(Box<dyn ReadWrite>),
}

trait ReadWrite: Read + Write + Send {}
impl<T: Read + Write + Send> ReadWrite for T {}

impl Line {
    #[expect(clippy::disallowed_methods, reason = "one address of several")]
    fn connect(place: &Place, address: SocketAddr) -> io::Result<Self> {
        if place.transport == Transport::Udp {
            let socket = UdpSocket::bind(if address.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" })?;
            socket.connect(address)?;
            return Ok(Self::Datagrams(socket));
        }
        let stream = TcpStream::connect_timeout(&address, CONNECT)?;
        stream.set_read_timeout(Some(CONNECT))?;
        stream.set_write_timeout(Some(CONNECT))?;
        if place.transport == Transport::Tcp {
            return Ok(Self::Stream(Box::new(stream)));
        }
        let name = ServerName::try_from(place.host.clone()).map_err(io::Error::other)?;
        let config = tls::client(Trust::default()).map_err(io::Error::other)?;
        let connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        Ok(Self::Stream(Box::new(StreamOwned::new(connection, stream))))
    }

    fn ask(&mut self, method: Method, proof: Option<&Proof<'_>>) -> io::Result<Answer> {
        let mut id = [0; 12];
        getrandom::fill(&mut id).map_err(io::Error::other)?;
        let request = stun::request(method, id, proof);
        match self {
            Self::Datagrams(socket) => ask_by_datagram(socket, &request, method, id),
            Self::Stream(stream) => {
                stream.write_all(&request)?;
                stream.flush()?;
                let mut bytes = vec![0; 20];
                stream.read_exact(&mut bytes)?;
                let length = stun::length(&bytes).filter(|length| *length <= LARGEST);
                bytes.resize(length.ok_or_else(|| io::Error::other("it speaks something else than STUN"))?, 0);
                stream.read_exact(&mut bytes[20..])?;
                stun::answer(&bytes, method, id).ok_or_else(|| io::Error::other("its answer is to something else"))
            }
        }
    }
}

fn ask_by_datagram(socket: &UdpSocket, request: &[u8], method: Method, id: [u8; 12]) -> io::Result<Answer> {
    let mut bytes = [0; LARGEST];
    for wait in AGAIN {
        socket.send(request)?;
        let until = Instant::now() + wait;
        while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
            socket.set_read_timeout(Some(left))?;
            match socket.recv(&mut bytes) {
                Ok(taken) => {
                    if let Some(answer) = stun::answer(&bytes[..taken], method, id) {
                        return Ok(answer);
                    }
                }
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
                Err(error) => return Err(error),
            }
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let place = |url: &str| Place::parse(url).ok().map(|p| (p.is_turn, p.host, p.port, p.transport));
        assert_eq!(place("stun:a.example"), Some((false, "a.example".into(), 3478, Transport::Udp)));
        assert_eq!(place("turn:a:99?transport=tcp"), Some((true, "a".into(), 99, Transport::Tcp)));
        assert_eq!(place("turns:[::1]"), Some((true, "::1".into(), 5349, Transport::Tls)));
        assert_eq!(place("http://a"), None);
        assert_eq!(place("turn::99"), None);
    }

    /// Answers every request: allocations only with a proof, and that one with `verdict`.
    fn reply(request: &[u8], verdict: u16) -> Vec<u8> {
        let kind = u16::from_be_bytes([request[0], request[1]]);
        let has_proof = request.len() > 40;
        let code = match (kind, has_proof) {
            (1 | 4, _) => 0,
            (_, false) => 401,
            (_, true) => verdict,
        };
        let mut answer = Vec::from((kind | if code == 0 { 0x0100 } else { 0x0110 }).to_be_bytes());
        answer.extend([0, 0]);
        answer.extend(&request[4..20]);
        if code != 0 {
            answer.extend([0, 9, 0, 4, 0, 0, (code / 100) as u8, (code % 100) as u8]);
            answer.extend(b"\0\x14\0\x01r\0\0\0\0\x15\0\x01n\0\0\0");
        }
        let length = (answer.len() - 20) as u16;
        answer[2..4].copy_from_slice(&length.to_be_bytes());
        answer
    }

    fn udp_server(verdict: u16) -> u16 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut bytes = [0; LARGEST];
            while let Ok((taken, from)) = socket.recv_from(&mut bytes) {
                socket.send_to(b"noise", from).unwrap();
                socket.send_to(&reply(&bytes[..taken], verdict), from).unwrap();
            }
        });
        port
    }

    fn server(url: &str) -> IceServer {
        IceServer { urls: vec![url.into()], username: Some("u".into()), credential: Some("c".into()) }
    }

    #[test]
    fn a_server_over_udp_serves_or_refuses() {
        let url = format!("turn:127.0.0.1:{}", udp_server(0));
        assert_eq!(ask(&url, Some(&server(&url))), Ok("relays for us"));
        assert!(ask(&url, None).unwrap().starts_with("is there"));
        assert_eq!(ask(&url.replace("turn:", "stun:"), None), Ok("answers"));
        let url = format!("turn:127.0.0.1:{}", udp_server(441));
        assert!(matches!(ask(&url, Some(&server(&url))), Err(Trouble::Refused { code: 441, .. })));
    }

    #[test]
    fn a_server_over_tcp_serves_or_speaks_something_else() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("turn:127.0.0.1:{}?transport=tcp", listener.local_addr().unwrap().port());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut bytes = [0; LARGEST];
            while let Ok(taken @ 1..) = stream.read(&mut bytes) {
                stream.write_all(&reply(&bytes[..taken], 0)).unwrap();
            }
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"220 mail.example ESMTP welcome\r\n").unwrap();
        });
        assert_eq!(ask(&url, Some(&server(&url))), Ok("relays for us"));
        let Err(Trouble::Unreached(why)) = ask(&url, None) else { panic!("it is a mail server") };
        assert!(why.contains("something else than STUN"), "{why}");
    }

    #[test]
    fn nobody_there_is_told_with_what_to_try() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("turn:127.0.0.1:{port}?transport=tcp");
        let found = judge(&url, ask(&url, None));
        assert!(found.text.contains("is not reached") && found.fix.unwrap().starts_with("nc -zv 127.0.0.1"));
    }
}
