//! All the stations that are connected: more of them, fewer of them, orders for one of them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{sleep_until, timeout};

use crate::cast::{Cast, user};
use crate::device::{self, Books, Device, Order};
use crate::media::MediaEdge;
use crate::transport::{Lost, Transport};

/// Connections that are being made at the same time.
const AT_ONCE: usize = 64;
/// Orders that wait for one station: at most its part in one call.
const MAX_ORDERS: usize = 4;
/// All goodbyes together take at most this long.
const GOODBYES: Duration = Duration::from_secs(15);

/// Why not everybody is there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrowError {
    /// One of them cannot connect.
    #[error("{user} could not log in, {connected} others could: {lost}")]
    Lost {
        /// Who.
        user: String,
        /// How many are there.
        connected: usize,
        /// Why.
        lost: Lost,
    },
    /// Somebody wanted to stop.
    #[error("stopped while stations were connecting")]
    Stopped,
}

/// The connected stations, numbered from 0.
pub struct Population<T: Transport> {
    cast: Cast,
    transport: T,
    books: Arc<Books>,
    stations: Vec<Member>,
}

struct Member {
    orders: mpsc::Sender<Order>,
    task: JoinHandle<()>,
}

impl<T: Transport> Population<T> {
    /// Nobody yet.
    pub fn new(cast: Cast, transport: T, books: Arc<Books>) -> Self {
        Self { cast, transport, books, stations: Vec::new() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.stations.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.stations.is_empty()
    }

    /// What they write into.
    pub fn books(&self) -> &Books {
        &self.books
    }

    /// Connects more, at most so many a second, until there are `to`. The time it took comes back.
    ///
    /// # Errors
    /// [`GrowError`]; those who are connected stay.
    pub async fn grow(
        &mut self,
        to: usize,
        per_second: f64,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Duration, GrowError> {
        let (began, first) = (Instant::now(), self.stations.len());
        let (cast, transport, books) = (self.cast.clone(), self.transport.clone(), self.books.clone());
        let mut arrivals = stream::iter(first..to)
            .map(|index| {
                let (login, transport, books) = (cast.login(index), transport.clone(), books.clone());
                let at = began + Duration::from_secs_f64((index - first) as f64 / per_second);
                async move {
                    sleep_until(at.into()).await;
                    let wire = device::connect(&transport, &login, &books.tally).await;
                    (index, login, wire)
                }
            })
            .buffered(AT_ONCE);
        loop {
            let arrived = tokio::select! {
                arrived = arrivals.next() => arrived,
                _ = stop.wait_for(|stop| *stop) => return Err(GrowError::Stopped),
            };
            let Some((index, login, wire)) = arrived else { return Ok(began.elapsed()) };
            let connected = self.stations.len();
            let wire = wire.map_err(|lost| GrowError::Lost { user: user(index).into(), connected, lost })?;
            let seed = std::array::from_fn(|_| fastrand::u8(..));
            let parts = (self.cast.station(index, seed), MediaEdge::new(self.cast.link));
            let (orders, inbox) = mpsc::channel(MAX_ORDERS);
            let device = Device::new(index, parts, (self.transport.clone(), login), self.books.clone(), inbox);
            self.stations.push(Member { orders, task: tokio::spawn(device.run(wire)) });
        }
    }

    /// Lets the last ones go until there are `to`.
    pub async fn shrink(&mut self, to: usize) {
        let keep = to.min(self.stations.len());
        let (senders, mut tasks): (Vec<_>, Vec<_>) =
            self.stations.split_off(keep).into_iter().map(|member| (member.orders, member.task)).unzip();
        // A station without orders to wait for leaves.
        drop(senders);
        let all = async {
            for task in &mut tasks {
                if let Err(error) = task.await {
                    self.books.tally.incident(format!("a station failed: {error}"));
                }
            }
        };
        if timeout(GOODBYES, all).await.is_err() {
            self.books.tally.incident(format!("not everybody had left after {GOODBYES:?}"));
            tasks.iter().for_each(JoinHandle::abort);
        }
    }

    /// Tells one station what to do.
    pub fn order(&self, index: usize, order: Order) {
        let told = self.stations.get(index).map(|member| member.orders.try_send(order));
        if !matches!(told, Some(Ok(()))) {
            self.books.tally.incident("a station takes no orders".to_owned());
        }
    }
}
