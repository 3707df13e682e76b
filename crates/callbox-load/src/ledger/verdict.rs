//! Whether a call went as planned, and if not, how badly.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Instant;

use callbox_core::protocol::EndReason;

use super::{Entry, Party};
use crate::cast;
use crate::plan::Course;

/// What went wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Somebody never rang, never talked or never saw the end.
    Lost(String),
    /// It rang or ended twice, or had two winners.
    Doubled(String),
    /// It ended for another reason than planned.
    Otherwise(String),
    /// The members of a group call did not agree who is in.
    Diverged(String),
}

impl Fault {
    /// The same, with the number of the call.
    pub(super) fn of_call(self, number: usize) -> Self {
        let with = |text: String| format!("call {number}: {text}");
        match self {
            Self::Lost(text) => Self::Lost(with(text)),
            Self::Doubled(text) => Self::Doubled(with(text)),
            Self::Otherwise(text) => Self::Otherwise(with(text)),
            Self::Diverged(text) => Self::Diverged(with(text)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(text) => write!(f, "lost: {text}"),
            Self::Doubled(text) => write!(f, "doubled: {text}"),
            Self::Otherwise(text) => write!(f, "ended otherwise: {text}"),
            Self::Diverged(text) => write!(f, "diverged: {text}"),
        }
    }
}

/// The worst fault of a call, if it has any.
pub(super) fn of(entry: &Entry) -> Option<Fault> {
    let worst = doubled(entry).map(Fault::Doubled).or_else(|| lost(entry).map(Fault::Lost));
    worst.or_else(|| diverged(entry).map(Fault::Diverged)).or_else(|| otherwise(entry).map(Fault::Otherwise))
}

/// Every party with its number.
fn parties(entry: &Entry) -> impl Iterator<Item = (usize, &Party)> {
    std::iter::once((entry.plan.caller, &entry.caller)).chain(callees(entry))
}

fn callees(entry: &Entry) -> impl Iterator<Item = (usize, &Party)> {
    entry.plan.callees.iter().copied().zip(&entry.callees)
}

fn winners(entry: &Entry) -> Vec<usize> {
    callees(entry).filter(|(_, party)| !party.talks.is_empty()).map(|(who, _)| who).collect()
}

fn doubled(entry: &Entry) -> Option<String> {
    let winners = winners(entry);
    let is_group = entry.plan.course == Course::Group;
    if winners.len() > 1 && !is_group {
        return Some(format!("{winners:?} all talk with {}", entry.plan.caller));
    }
    for (who, party) in parties(entry) {
        let counts = [("rang", party.rang.len()), ("talked", party.talks.len()), ("ended", party.ended.len())];
        if let Some((what, times)) = counts.into_iter().find(|(_, times)| *times > 1) {
            return Some(format!("it {what} {times} times at {who}"));
        }
    }
    if is_group {
        return None;
    }
    let peer_of = |party: &Party| party.ended.first().and_then(|(_, _, peer)| peer.clone());
    let winner = winners.first().map(|winner| cast::user(*winner));
    match (peer_of(&entry.caller), winner) {
        (Some(peer), Some(winner)) if peer != winner => {
            Some(format!("the caller talked with {peer}, but {winner} with the caller"))
        }
        _ => None,
    }
}

fn lost(entry: &Entry) -> Option<String> {
    if entry.pressed.is_none() {
        return Some(format!("{} never rang anybody", entry.plan.caller));
    }
    if let Some((who, _)) = callees(entry).find(|(_, party)| party.rang.is_empty()) {
        return Some(format!("it never rang at {who}"));
    }
    if let Some((who, _)) = parties(entry).find(|(_, party)| party.ended.is_empty()) {
        return Some(format!("{who} never saw the end"));
    }
    let silent =
        parties(entry).find(|(_, party)| party.talks.is_empty()).filter(|_| entry.plan.course == Course::Group);
    if let Some((who, party)) = silent {
        return Some(format!("{who} never came in; it ended as {:?}", reason(party)));
    }
    let talks = entry.plan.course == Course::Accept;
    if talks && (winners(entry).is_empty() || entry.caller.talks.is_empty()) {
        let reasons: Vec<_> = parties(entry).map(|(_, party)| reason(party)).collect();
        return Some(format!("somebody picked up and nobody talks; it ended as {reasons:?}"));
    }
    None
}

/// Whether somebody saw others as in than were, when one left and when the rest did: both are moments after a long quiet.
fn diverged(entry: &Entry) -> Option<String> {
    if entry.plan.course != Course::Group {
        return None;
    }
    let leaver = entry.plan.leaver();
    let ends = |who: &usize| parties(entry).find(|(party, _)| party == who).and_then(|(_, party)| ended_at(party));
    let everybody: BTreeSet<usize> = entry.plan.parties().collect();
    let mut rest = everybody.clone();
    rest.remove(&leaver);
    let last = rest.iter().filter_map(ends).min();
    for (members, moment) in [(&everybody, ends(&leaver)), (&rest, last)] {
        let Some(moment) = moment else { continue };
        for (who, party) in parties(entry).filter(|(who, _)| members.contains(who)) {
            let mut expected = members.clone();
            expected.remove(&who);
            let seen = peers_before(party, moment);
            if seen != Some(&expected) {
                return Some(format!("{members:?} are in, and the peers of {who} are {seen:?}"));
            }
        }
    }
    None
}

fn peers_before(party: &Party, moment: Instant) -> Option<&BTreeSet<usize>> {
    party.peers.iter().rev().find(|(since, _)| *since < moment).map(|(_, peers)| peers)
}

fn ended_at(party: &Party) -> Option<Instant> {
    party.ended.first().map(|(at, ..)| *at)
}

fn otherwise(entry: &Entry) -> Option<String> {
    let winners = winners(entry);
    if !matches!(entry.plan.course, Course::Accept | Course::Group) && !winners.is_empty() {
        return Some(format!("{winners:?} talked, though nobody was to pick up"));
    }
    for (who, party) in parties(entry) {
        let expected = match entry.plan.course {
            Course::Accept if who == entry.plan.caller || winners.contains(&who) => EndReason::Hangup,
            Course::Group => EndReason::Hangup,
            Course::Accept => EndReason::AnsweredElsewhere,
            Course::Reject => EndReason::Rejected,
            Course::NoAnswer => EndReason::NoAnswer,
            Course::Cancel => EndReason::Cancelled,
        };
        let found = reason(party);
        if found != Some(expected) {
            let found = found.map_or("nothing", EndReason::as_str);
            return Some(format!("{who} saw `{found}`, not `{expected}`"));
        }
    }
    None
}

fn reason(party: &Party) -> Option<EndReason> {
    party.ended.first().map(|(_, reason, _)| *reason)
}
