//! Places of those who have not logged in: bounded for all, and shared fairly between clients.
//!
//! Each connection holds a place from the moment it is accepted until its WebSocket has logged in. When all are taken, the client
//! with most of them loses its oldest, so a client that takes as many as it can closes the hub for nobody but itself.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::network::client;

/// All places.
#[derive(Debug)]
pub(super) struct Places {
    capacity: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    next: u64,
    total: usize,
    /// By client, oldest first.
    by_client: HashMap<IpAddr, BTreeMap<u64, watch::Sender<bool>>>,
}

/// One place. It is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
    holder: Mutex<IpAddr>,
    lost: watch::Receiver<bool>,
}

impl Places {
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, taken: Mutex::default() })
    }

    /// Takes a place for this address. Gives the client that lost one for it, if all were taken.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> (Place, Option<IpAddr>) {
        let (holder, mut taken) = (client(address), self.taken());
        let (sender, lost) = watch::channel(false);
        let number = taken.next;
        taken.next += 1;
        taken.insert(holder, number, sender);
        let loser = (taken.total > self.capacity).then(|| taken.evict_one()).flatten();
        drop(taken);
        (Place { places: self.clone(), number, holder: Mutex::new(holder), lost }, loser)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn insert(&mut self, holder: IpAddr, number: u64, sender: watch::Sender<bool>) {
        self.by_client.entry(holder).or_default().insert(number, sender);
        self.total += 1;
    }

    fn remove(&mut self, holder: IpAddr, number: u64) -> Option<watch::Sender<bool>> {
        let of_client = self.by_client.get_mut(&holder)?;
        let sender = of_client.remove(&number)?;
        if of_client.is_empty() {
            self.by_client.remove(&holder);
        }
        self.total -= 1;
        Some(sender)
    }

    /// The client with most places loses its oldest; among several such, the oldest of all.
    fn evict_one(&mut self) -> Option<IpAddr> {
        let rank = |places: &BTreeMap<u64, watch::Sender<bool>>| {
            (places.len(), std::cmp::Reverse(places.keys().next().copied()))
        };
        let (holder, places) = self.by_client.iter().max_by_key(|(_, places)| rank(places))?;
        let (holder, number) = (*holder, *places.keys().next()?);
        self.remove(holder, number)?.send_replace(true);
        Some(holder)
    }
}

impl Place {
    /// A proxy has said for whom this connection is used now.
    pub(super) fn belongs_to(&self, address: IpAddr) {
        let (new, mut holder) = (client(address), self.holder());
        if *holder == new {
            return;
        }
        let mut taken = self.places.taken();
        if let Some(sender) = taken.remove(*holder, self.number) {
            taken.insert(new, self.number, sender);
        }
        *holder = new;
    }

    /// Resolves when another client needs this place.
    pub(super) async fn lost(&self) {
        let mut lost = self.lost.clone();
        if lost.wait_for(|lost| *lost).await.is_err() {
            // Its sender is dropped only with the place itself.
            std::future::pending::<()>().await;
        }
    }

    fn holder(&self) -> MutexGuard<'_, IpAddr> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let holder = *self.holder();
        self.places.taken().remove(holder, self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn ip(last: u8) -> IpAddr {
        IpAddr::V4([192, 0, 2, last].into())
    }

    async fn is_lost(place: &Place) -> bool {
        tokio::time::timeout(Duration::from_millis(1), place.lost()).await.is_ok()
    }

    #[tokio::test]
    async fn the_greediest_loses_its_oldest_and_nobody_else_anything() {
        let places = Places::new(4);
        let (good, _) = places.take(ip(1));
        let greedy: Vec<_> = (0..3).map(|_| places.take(ip(2)).0).collect();
        let (more, loser) = places.take(ip(2));
        assert_eq!(loser, Some(ip(2)));
        let (newcomer, loser) = places.take(ip(3));
        assert_eq!(loser, Some(ip(2)));
        let mut fate = Vec::new();
        for place in [&good, &greedy[0], &greedy[1], &greedy[2], &more, &newcomer] {
            fate.push(is_lost(place).await);
        }
        assert_eq!(fate, [false, true, true, false, false, false]);
    }

    #[tokio::test]
    async fn one_ipv6_network_is_one_client() {
        let places = Places::new(3);
        let of = |text: &str| places.take(text.parse().unwrap()).0;
        let good = of("2001:db8:1::1");
        let greedy = [of("2001:db8:2::1"), of("2001:db8:2::2"), of("2001:db8:2::3")];
        assert!(is_lost(&greedy[0]).await && !is_lost(&good).await);
    }

    #[tokio::test]
    async fn whoever_a_proxy_names_has_the_place() {
        let (places, proxy) = (Places::new(3), ip(9));
        let all: Vec<_> = (0..3).map(|_| places.take(proxy).0).collect();
        all[0].belongs_to(ip(1));
        all[1].belongs_to(ip(2));
        all[2].belongs_to(ip(2));
        let _newcomer = places.take(proxy);
        assert!(!is_lost(&all[0]).await && is_lost(&all[1]).await && !is_lost(&all[2]).await);
    }

    #[test]
    fn a_place_is_given_back() {
        let places = Places::new(2);
        for n in 0..100 {
            let (place, loser) = places.take(ip(n));
            place.belongs_to(ip(n.wrapping_add(1)));
            assert_eq!(loser, None);
        }
        assert!(places.taken().by_client.is_empty() && places.taken().total == 0);
        let kept: Vec<_> = (0..50).map(|n| places.take(ip(n)).0).collect();
        assert_eq!(places.taken().total, 2);
        drop(kept);
        assert_eq!(places.taken().total, 0);
    }
}
