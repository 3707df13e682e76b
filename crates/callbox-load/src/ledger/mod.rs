//! The bookkeeping: what was planned against what each station saw. Pure; it decides whether a call was lost or doubled.

mod verdict;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, UserId};
use callbox_core::protocol::EndReason;

use crate::plan::{Course, Plan};
pub use verdict::Fault;

/// The most strays remembered.
const MAX_STRAYS: usize = 1000;

/// What a station saw of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The caller hears that it rings.
    HeardRinging,
    /// It rings here.
    Rang,
    /// Picked up here.
    Accepted,
    /// The station talks.
    Talks,
    /// The station's peers in a group call are these now.
    Peers(BTreeSet<usize>),
    /// The station wrote its record.
    Ended {
        /// Why.
        reason: EndReason,
        /// Whom it talked with.
        peer: Option<UserId>,
    },
}

/// What one party of a call saw.
#[derive(Clone, Debug, Default)]
struct Party {
    rang: Vec<Instant>,
    accepted: Option<Instant>,
    talks: Vec<Instant>,
    /// What its peers were, and since when.
    peers: Vec<(Instant, BTreeSet<usize>)>,
    ended: Vec<(Instant, EndReason, Option<UserId>)>,
}

/// One call: the plan and what came of it.
#[derive(Clone, Debug)]
struct Entry {
    plan: Plan,
    pressed: Option<Instant>,
    heard_ringing: Option<Instant>,
    caller: Party,
    /// In the order of the plan's callees.
    callees: Vec<Party>,
}

/// How long each step took, in calls that went well.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latencies {
    /// How late the load generator itself was.
    pub lag: Vec<Duration>,
    /// From the moment the caller was to press until it heard that it rings.
    pub press_ringing: Vec<Duration>,
    /// From the callee's press until it was confirmed.
    pub accept_confirm: Vec<Duration>,
    /// From the moment the caller was to press until both talk, less the time the callee let it ring.
    pub press_talking: Vec<Duration>,
}

/// Every call of a run, and who is free to be in the next one.
#[derive(Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
    numbers: HashMap<CallId, usize>,
    strays: Vec<Fault>,
    free: Vec<usize>,
    open: usize,
}

impl Ledger {
    /// An empty ledger; these stations are free.
    pub fn new(stations: impl IntoIterator<Item = usize>) -> Self {
        Self { free: stations.into_iter().collect(), ..Self::default() }
    }

    /// The stations that are in no call. Whoever is taken out is to be named in the next [`Ledger::plan`].
    pub fn free(&mut self) -> &mut Vec<usize> {
        &mut self.free
    }

    /// Notes a call that is to happen; its number comes back.
    pub fn plan(&mut self, plan: Plan) -> usize {
        let (caller, callees) = (Party::default(), vec![Party::default(); plan.callees.len()]);
        self.entries.push(Entry { plan, pressed: None, heard_ringing: None, caller, callees });
        self.open += 1;
        self.entries.len() - 1
    }

    /// The caller of plan `number` pressed the button; the call has this id from now on.
    pub fn pressed(&mut self, at: Instant, number: usize, call: CallId) {
        let known = self.numbers.insert(call, number).is_some();
        match self.entries.get_mut(number) {
            Some(entry) if !known && entry.pressed.is_none() => entry.pressed = Some(at),
            _ => self.stray(format!("call {number} was begun twice")),
        }
    }

    /// A station saw something.
    pub fn note(&mut self, at: Instant, who: usize, call: &CallId, event: Event) {
        let Some(entry) = self.numbers.get(call).and_then(|number| self.entries.get_mut(*number)) else {
            return self.stray(format!("station {who} saw {event:?} of call {call}, which nobody began"));
        };
        let was_over = entry.is_over();
        if !entry.note(at, who, event.clone()) {
            return self.stray(format!("station {who} saw {event:?} of call {call}, which is not for it"));
        }
        if entry.is_over() && !was_over {
            self.open -= 1;
            self.free.push(entry.plan.caller);
            self.free.extend(&entry.plan.callees);
        }
    }

    /// Calls whose end some party has not seen.
    pub fn open(&self) -> usize {
        self.open
    }

    /// How many calls went each way, by the plan.
    pub fn courses(&self) -> BTreeMap<&'static str, usize> {
        let mut courses = BTreeMap::new();
        for entry in &self.entries {
            let name = match entry.plan.course {
                Course::Accept if entry.plan.callees.len() > 1 => "accept_group",
                Course::Accept => "accept",
                Course::Reject => "reject",
                Course::NoAnswer => "no_answer",
                Course::Cancel => "cancel",
                Course::Group => "group",
            };
            *courses.entry(name).or_default() += 1;
        }
        courses
    }

    /// Everything that went otherwise than planned.
    pub fn faults(&self) -> Vec<Fault> {
        let of_calls = self.entries.iter().enumerate();
        let of_calls = of_calls.filter_map(|(number, entry)| verdict::of(entry).map(|fault| fault.of_call(number)));
        of_calls.chain(self.strays.iter().cloned()).collect()
    }

    /// How long each step took.
    pub fn latencies(&self) -> Latencies {
        let mut all = Latencies::default();
        for entry in self.entries.iter().filter(|entry| verdict::of(entry).is_none()) {
            let (due, plan) = (entry.plan.due, &entry.plan);
            all.lag.extend(entry.pressed.map(|at| at.saturating_duration_since(due)));
            all.press_ringing.extend(entry.heard_ringing.map(|at| at.saturating_duration_since(due)));
            if !matches!(plan.course, Course::Accept | Course::Group) {
                continue;
            }
            for party in &entry.callees {
                if let (Some(rang), Some(accepted), Some(talks)) =
                    (party.rang.first(), party.accepted, party.talks.first())
                {
                    let rung = accepted.saturating_duration_since(*rang);
                    all.accept_confirm.push(talks.saturating_duration_since(accepted));
                    all.press_talking.push(talks.saturating_duration_since(due).saturating_sub(rung));
                }
            }
        }
        all
    }

    fn stray(&mut self, text: String) {
        if self.strays.len() < MAX_STRAYS {
            self.strays.push(Fault::Doubled(text));
        }
    }
}

impl Entry {
    /// Whether every party has seen the end.
    fn is_over(&self) -> bool {
        !self.caller.ended.is_empty() && self.callees.iter().all(|party| !party.ended.is_empty())
    }

    /// False when the call is not for this station.
    fn note(&mut self, at: Instant, who: usize, event: Event) -> bool {
        let place = self.plan.callees.iter().position(|callee| *callee == who);
        let party = match place.and_then(|place| self.callees.get_mut(place)) {
            Some(party) => party,
            None if who == self.plan.caller => &mut self.caller,
            None => return false,
        };
        match event {
            Event::HeardRinging => {
                self.heard_ringing.get_or_insert(at);
            }
            Event::Rang => party.rang.push(at),
            Event::Accepted => {
                party.accepted.get_or_insert(at);
            }
            Event::Talks => party.talks.push(at),
            Event::Peers(peers) => party.peers.push((at, peers)),
            Event::Ended { reason, peer } => party.ended.push((at, reason, peer)),
        }
        true
    }
}

#[cfg(test)]
mod tests;
