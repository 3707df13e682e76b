//! The daemon's orders to the transport task. The daemon never waits; what decides a call of this device cannot be lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callbox_core::client::{Addressed, OwnCalls, overtakes, receiver};
use callbox_core::coalesce::{Coalesce, CoalescingQueue, Meeting};
use tokio::sync::mpsc;

use super::Order;
use super::network_change::Change;

/// Places for orders that may be lost: descriptions, candidates, answers to strangers.
const PLACES: usize = 256;

/// Makes a queue.
pub(super) fn queue() -> (Sender, Receiver) {
    let shared =
        Arc::new(Mutex::new(Shared { queue: CoalescingQueue::new(PLACES), own_calls: OwnCalls::default(), lost: 0 }));
    // One place is enough: it only wakes the reader, who then takes everything.
    let (wake, woken) = mpsc::channel(1);
    (Sender { shared: Arc::clone(&shared), wake }, Receiver { shared, woken })
}

#[derive(Debug)]
struct Shared {
    queue: CoalescingQueue<Entry>,
    own_calls: OwnCalls,
    lost: u64,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The giving end.
#[derive(Clone, Debug)]
pub(super) struct Sender {
    shared: Arc<Mutex<Shared>>,
    wake: mpsc::Sender<()>,
}

impl Sender {
    /// Gives an order; never waits.
    pub(super) fn give(&self, order: Order) {
        if self.wake.is_closed() {
            tracing::debug!("signalling has ended: order dropped");
            return;
        }
        let mut shared = lock(&self.shared);
        let is_own = addressed(&order).is_some_and(|(_, message)| shared.own_calls.decides(message));
        if shared.queue.push(Entry { order, is_own }).is_some() {
            shared.lost += 1;
            // A flood must not fill the log as well.
            if shared.lost.is_power_of_two() {
                tracing::warn!(
                    lost = shared.lost,
                    "signalling is busy: a message that decides no call of ours was dropped"
                );
            }
        }
        drop(shared);
        // Full: the reader will wake anyway.
        let _is_woken = self.wake.try_send(());
    }
}

/// The taking end.
#[derive(Debug)]
pub(super) struct Receiver {
    shared: Arc<Mutex<Shared>>,
    woken: mpsc::Receiver<()>,
}

impl Receiver {
    /// Waits for the next order; none: all senders are gone. Nothing is lost when the wait is given up.
    pub(super) async fn recv(&mut self) -> Option<Order> {
        loop {
            let entry = lock(&self.shared).queue.pop();
            if let Some(entry) = entry {
                return Some(entry.order);
            }
            self.woken.recv().await?;
        }
    }
}

#[derive(Debug)]
struct Entry {
    order: Order,
    /// It decides a call of this device.
    is_own: bool,
}

fn addressed(order: &Order) -> Option<Addressed<'_>> {
    match order {
        Order::Send { to, message } => Some((Some(to), message)),
        Order::Put(envelope) => Some((envelope.to.as_ref(), &envelope.message)),
        _ => None,
    }
}

impl Coalesce for Entry {
    type Share = u64;

    fn meets(&self, older: &Self) -> Meeting {
        if let (Some(newer), Some(older)) = (addressed(&self.order), addressed(&older.order)) {
            return if overtakes(newer, older) { Meeting::Replace } else { Meeting::Stay };
        }
        match (&self.order, &older.order) {
            (Order::Watch(_), Order::Watch(_)) => Meeting::Replace,
            (Order::Changed(change), Order::Changed(other)) if change == other => Meeting::Replace,
            (Order::Rang(_), Order::Rang(_))
            | (Order::TellMissed(_), Order::TellMissed(_))
            | (Order::Stop(_), Order::Stop(_)) => Meeting::Yield,
            _ => Meeting::Stay,
        }
    }

    fn share(&self) -> Option<u64> {
        match (&self.order, addressed(&self.order)) {
            (_, Some((to, _))) if !self.is_own => Some(receiver(to)),
            // The keep-alive notices it too.
            (Order::Changed(Change::Lost(_)), _) => Some(0),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use callbox_core::ids::{CallId, Target, UserId};
    use callbox_core::protocol::{Agent, EndReason, Message};
    use tokio::sync::oneshot;
    use tokio::time::timeout;

    use super::*;

    fn call(name: &str) -> CallId {
        name.parse().unwrap()
    }

    fn send(user: &str, message: Message) -> Order {
        Order::Send { to: Target::from(user.parse::<UserId>().unwrap()), message }
    }

    /// Our own candidates, and answers to strangers about calls that they invented.
    fn flood(orders: &Sender) {
        for number in 0..2000 {
            let candidate = Message::Candidate { call: call("c"), link: 1, candidate: "x".into(), mline: 0 };
            orders.give(send("anna", candidate));
            let answer = Message::Hangup { call: call(&format!("invented-{number}")), reason: EndReason::NetworkLost };
            orders.give(send(&format!("stranger-{number}"), answer));
            orders.give(Order::Watch(vec!["anna".parse().unwrap()]));
        }
    }

    #[tokio::test]
    async fn the_end_of_an_own_call_passes_a_full_queue() {
        let (orders, mut taken) = queue();
        orders.give(send("anna", Message::Accept { call: call("c"), agent: Agent::Panel }));
        flood(&orders);
        orders.give(send("anna", Message::Hangup { call: call("c"), reason: EndReason::Hangup }));
        let (done, _stopped) = oneshot::channel();
        flood(&orders);
        orders.give(Order::Stop(done));
        drop(orders);
        let mut all = Vec::new();
        while let Some(order) = taken.recv().await {
            all.push(order);
        }
        let is_end = |order: &Order| matches!(order, Order::Send { message: Message::Hangup { call: ended, .. }, .. } if *ended == call("c"));
        assert!(all.iter().any(is_end));
        assert!(all.iter().any(|order| matches!(order, Order::Stop(_))));
        assert!(all.len() <= PLACES + 3, "{}", all.len());
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken_and_a_wait_that_is_given_up_loses_nothing() {
        let (orders, mut taken) = queue();
        assert!(timeout(Duration::from_millis(10), taken.recv()).await.is_err());
        orders.give(Order::Changed(Change::Gained));
        assert!(matches!(taken.recv().await, Some(Order::Changed(Change::Gained))));
        let later = tokio::spawn(async move { orders.give(Order::Changed(Change::Gained)) });
        assert!(matches!(taken.recv().await, Some(Order::Changed(Change::Gained))));
        later.await.unwrap();
        assert!(taken.recv().await.is_none());
    }
}
