//! The signalling edge: one handle, whatever transport lies below it.
//!
//! ```text
//! daemon ── Order ──▶ transport task (websocket.rs, or mqtt.rs) ── Event ──▶ daemon
//!                      ├ reconnect.rs: connect for ever, stay away for the right time; the same for every transport
//!                      └ exchange.rs: codec, outbox, duplicates, presence, missed calls; the same for every transport
//! ```

mod exchange;
mod handshake;
mod knock;
mod missed;
mod mqtt;
mod network_change;
mod orders;
mod reconnect;
mod standby;
mod status;
mod ticket;
mod url;
mod websocket;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use callbox_core::client::MissedNotes;
use callbox_core::ids::{Address, AppId, CallId, DeviceId, EnvelopeId, Target, UserId};
use callbox_core::protocol::{Envelope, IceServer, Media, Message, ResultCode};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use callbox_mqtt::{Account, BadBroker, BrokerUrl, Brokers, Identity};
pub use knock::{Entry, Knock, knock};
pub use status::{State, Status};
pub use ticket::{TicketError, TicketSource};
pub use url::{BadUrl, HubUrl};

use exchange::Exchange;
use missed::Missed;
use mqtt::Mqtt;
use network_change::Change;
use standby::Pair;
use status::Board;
use websocket::WebSocket;

/// How many events of a transport task may wait; then it waits itself.
const EVENTS: usize = 256;
/// How long a stop may take: the last hang-up is sent, and proven to have arrived.
const STOP: Duration = Duration::from_millis(1500);

/// Who we are and where the hub, or a broker, is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The tenant.
    pub app: AppId,
    /// Who logs in.
    pub user: UserId,
    /// Which device; stable over restarts.
    pub device: DeviceId,
    /// Where the ticket comes from.
    pub ticket: TicketSource,
    /// Who passes our messages on.
    pub server: Server,
    /// Another one, connected all the time, that does so whenever the first does not.
    pub standby: Option<Server>,
}

/// Who passes our messages on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Server {
    /// A hub, over WebSocket.
    Hub(HubUrl),
    /// MQTT 5 brokers, of which one is used.
    Brokers(Brokers),
}

/// What the transport tells the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Logged in, for the first time or again.
    Up {
        /// The address our messages are stamped with.
        you: Address,
        /// STUN and TURN servers for this session.
        ice_servers: Vec<IceServer>,
    },
    /// Not connected any more.
    Down {
        /// What happened.
        reason: String,
    },
    /// A message of a peer; duplicates are gone already.
    Heard {
        /// Who sent it: vouched for by the hub.
        from: Address,
        /// What it says.
        message: Message,
    },
    /// A device that is watched came or went.
    Presence {
        /// The device.
        peer: Address,
        /// Whether it is there.
        online: bool,
    },
    /// A call came and went while we were away.
    Missed {
        /// The call.
        call: CallId,
        /// Who rang: as the hub says, or as the caller says of itself.
        caller: Address,
        /// Voice or picture.
        media: Media,
        /// How long ago it was sent.
        ago_ms: u64,
    },
    /// How one of our messages fared, when not well.
    Fared {
        /// Which envelope.
        re: Option<EnvelopeId>,
        /// How.
        code: ResultCode,
        /// The call it belonged to.
        call: Option<CallId>,
        /// Its type, while it is remembered.
        about: Option<&'static str>,
        /// Whom it was for, while it is remembered.
        to: Option<Target>,
        /// For a person.
        text: String,
    },
}

/// What the daemon asks of the transport.
#[derive(Debug)]
enum Order {
    Send {
        to: Target,
        message: Message,
    },
    /// Send this, under the id that it has.
    Put(Envelope),
    Watch(Vec<UserId>),
    /// This rang when the daemon before this one ended.
    Rang(Box<Rang>),
    /// Tell callees of the calls that they missed.
    TellMissed(Box<Missed>),
    /// Something about this machine's network, or clock.
    Changed(Change),
    Stop(oneshot::Sender<()>),
}

/// An invite that is not decided.
#[derive(Debug)]
struct Rang {
    from: Address,
    message: Message,
    /// When it had the time that it names.
    since: Instant,
}

/// The signalling edge. Ends its task when stopped or dropped.
#[derive(Debug)]
pub struct Signaling {
    orders: orders::Sender,
    /// Of the first way, and of the stand-by.
    boards: Vec<Board>,
    task: JoinHandle<()>,
}

impl Signaling {
    /// Starts connecting, and goes on for ever.
    pub fn start(settings: Settings, events: mpsc::Sender<Event>) -> Self {
        let (orders, inbox) = orders::queue();
        let (server, board) = (settings.server.clone(), Board::new(""));
        let Some(standby) = settings.standby.clone() else {
            let exchange = Exchange::new(&settings, events, board.clone());
            let boards = vec![board.clone()];
            let task = tokio::spawn(async move { carry(settings, server, &board, exchange, inbox).await });
            return Self { orders, boards, task };
        };
        let boards = vec![board, Board::new("")];
        let pair = Pair::start(&settings, [(server, boards[0].clone()), (standby, boards[1].clone())], events);
        Self { orders, boards, task: tokio::spawn(pair.run(inbox)) }
    }

    /// Sends a message, or keeps it until there is a connection and as long as it still matters.
    pub fn send(&self, to: Target, message: Message) {
        self.order(Order::Send { to, message });
    }

    /// Watches the presence of exactly these users, over reconnects too.
    pub fn watch(&self, users: Vec<UserId>) {
        self.order(Order::Watch(users));
    }

    /// This invite rang, undecided, when the daemon before this one ended: it is heard once more where no server gives it again.
    pub fn rang(&self, from: Address, message: Message) {
        self.order(Order::Rang(Box::new(Rang { from, message, since: Instant::now() })));
    }

    /// Callees are told of the calls that reached none of their devices, where no hub does that: of these, and of those from now on. The
    /// text of each state goes to `saved`.
    pub fn tell_missed(&self, notes: MissedNotes, saved: watch::Sender<String>) {
        self.order(Order::TellMissed(Box::new(Missed::new(notes, saved))));
    }

    /// These addresses of this machine are gone: a connection from one of them is left at once.
    pub fn network_lost(&self, addresses: Vec<IpAddr>) {
        self.order(Order::Changed(Change::Lost(addresses)));
    }

    /// This machine has addresses in place of those it lost: what is under way begins anew, whoever waits for the network tries at once.
    pub fn network_moved(&self) {
        self.order(Order::Changed(Change::Moved));
    }

    /// This machine has addresses that it did not have: whoever waits for the network tries at once.
    pub fn network_gained(&self) {
        self.order(Order::Changed(Change::Gained));
    }

    /// The system's clock was set: whoever waits because of the time tries at once.
    pub fn clock_was_set(&self) {
        self.order(Order::Changed(Change::Clock));
    }

    /// How the connection is.
    pub fn status(&self) -> Status {
        let mut all: Vec<Status> = self.boards.iter().map(Board::status).collect();
        let first = all.iter().position(|status| status.state == State::Up).unwrap_or(0);
        let used = all.remove(first);
        Status { standby: all.pop().map(Box::new), ..used }
    }

    /// Whether the task has moved within this time. It does so every few seconds, connected or not.
    pub fn moves(&self, within: Duration) -> bool {
        !self.task.is_finished() && self.boards.iter().all(|board| board.moved_within(within))
    }

    /// Sends what waits, says good-bye and ends; bounded in time.
    pub async fn stop(mut self) {
        let (done, stopped) = oneshot::channel();
        self.order(Order::Stop(done));
        if tokio::time::timeout(STOP, stopped).await.is_err() {
            tracing::warn!(after_ms = STOP.as_millis(), "signalling did not stop in time");
        }
        self.task.abort();
        // The only error of an aborted task is that it was aborted.
        let _ended = (&mut self.task).await;
    }

    fn order(&self, order: Order) {
        self.orders.give(order);
    }
}

impl Settings {
    /// Reads, or makes, a ticket for the next login.
    async fn fresh_ticket(&self) -> Result<String, String> {
        let (source, app, user) = (self.ticket.clone(), self.app, self.user.clone());
        aside(move || source.ticket(app, &user).map_err(|error| error.to_string())).await
    }
}

/// Runs what may block, such as reading a file, beside the runtime's own threads.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, String> + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.to_string()))
}

/// One way, from the first attempt to the stop.
async fn carry(settings: Settings, server: Server, board: &Board, exchange: Exchange, inbox: orders::Receiver) {
    match server {
        Server::Hub(url) => {
            board.at(url.as_str());
            reconnect::run(WebSocket { settings, url }, exchange, inbox).await;
        }
        Server::Brokers(brokers) => reconnect::run(Mqtt::new(settings, brokers), exchange, inbox).await,
    }
}

impl Drop for Signaling {
    fn drop(&mut self) {
        self.task.abort();
    }
}
