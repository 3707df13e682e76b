//! The candidates of a link: ours into its description, the peer's into webrtcbin, a bounded number of both.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use callbox_core::station::{LinkEvent, LinkFailure};
use gstreamer::prelude::*;

use super::Link;
use crate::media::description::{Candidate, Type};
use crate::media::mdns;
use crate::media::outbox::Outbox;

/// Most candidates of a peer that a link takes, wherever they come from.
const MAX_REMOTE: usize = 32;
/// Most candidates of ours that a link tells.
const MAX_OWN: usize = 24;
/// Host candidates are there at once; this long the description waits for them at most.
const HOST: Duration = Duration::from_millis(60);
/// Gathering that does not say it ended has ended (webrtcbin before 1.28 may forget to).
const GATHERING: Duration = Duration::from_secs(5);

/// How far ICE is on a link.
#[derive(Debug, Default)]
pub(super) struct Ice {
    /// Gathering goes on since then.
    gathering: Option<Instant>,
    gathered: bool,
    /// Ours that wait for the description.
    own: Vec<Candidate>,
    found: usize,
    /// The peer's that wait for its description, with their m-line.
    waiting: Vec<(u32, Candidate)>,
    taken: usize,
}

impl Ice {
    /// Our description is set: gathering has begun.
    pub(super) fn begin(&mut self, now: Instant) {
        if !self.gathered {
            self.gathering = Some(now);
        }
    }

    /// The candidates to be told with the description, and whether they are all.
    pub(super) fn take_own(&mut self) -> (Vec<Candidate>, bool) {
        (std::mem::take(&mut self.own), self.gathered)
    }

    /// When [`Link::tick_ice`] has something to do.
    pub(super) fn deadline(&self, is_told: bool) -> Option<Instant> {
        self.gathering.map(|since| since + if is_told { GATHERING } else { HOST })
    }
}

impl Link {
    /// webrtcbin found a candidate of ours.
    pub(super) fn own_candidate(&mut self, text: &str, outbox: &mut Outbox) {
        let Some(candidate) = Candidate::read(text).filter(Candidate::is_usable) else { return };
        self.ice.found += 1;
        if self.ice.found > MAX_OWN {
            return tracing::debug!(link = %self.id, %candidate, "more candidates than a peer needs");
        }
        if self.negotiation.untold.is_none() {
            let (candidate, mline) = (candidate.to_string(), self.told_mline());
            return outbox.link(&self.id, LinkEvent::Candidate { candidate, mline });
        }
        let is_host = candidate.kind == Type::Host;
        self.ice.own.push(candidate);
        if !is_host {
            self.tell_description(outbox);
        }
    }

    /// Gathering has ended.
    pub(super) fn gathered(&mut self, outbox: &mut Outbox) {
        if std::mem::replace(&mut self.ice.gathered, true) {
            return;
        }
        self.ice.gathering = None;
        if self.ice.found == 0 {
            let reason = "no ICE candidate of our own: no free UDP port in [network] ports, no network address, or no TURN server";
            tracing::warn!(link = %self.id, reason, "link has no path");
            return self.fail(LinkFailure::Transport, outbox);
        }
        if self.negotiation.untold.is_some() {
            return self.tell_description(outbox);
        }
        let mline = self.told_mline();
        outbox.link(&self.id, LinkEvent::Candidate { candidate: String::new(), mline });
    }

    /// Looks after gathering's deadlines.
    pub(super) fn tick_ice(&mut self, now: Instant, outbox: &mut Outbox) {
        let Some(since) = self.ice.gathering else { return };
        if now >= since + HOST && self.ice.found > 0 {
            self.tell_description(outbox);
        }
        if now >= since + GATHERING {
            self.gathered(outbox);
        }
    }

    /// Takes a candidate of the peer; empty: there are no more.
    pub(crate) fn remote_candidate(&mut self, mline: u32, text: &str) {
        if text.is_empty() || self.is_failed() {
            return;
        }
        let Some(candidate) = Candidate::read(text).filter(Candidate::is_usable) else {
            return tracing::debug!(link = %self.id, "a candidate of the peer was left out");
        };
        if self.negotiation.remote_set {
            self.take_candidate(mline, candidate);
        } else if self.ice.waiting.len() < MAX_REMOTE {
            self.ice.waiting.push((mline, candidate));
        }
    }

    /// The peer's description is set: what waited for it may be used.
    pub(super) fn flush_candidates(&mut self) {
        let Some(peer) = &mut self.negotiation.peer else { return };
        let mline = u32::from(peer.tagged);
        let inside = std::mem::take(&mut peer.candidates).into_iter().map(|candidate| (mline, candidate));
        let inside = inside.filter(|(_, candidate)| candidate.is_usable());
        for (mline, candidate) in inside.chain(std::mem::take(&mut self.ice.waiting)).collect::<Vec<_>>() {
            self.take_candidate(mline, candidate);
        }
    }

    /// A `.local` name was looked up.
    pub(super) fn resolved(&mut self, candidate: Candidate, address: Option<IpAddr>) {
        match address {
            Some(address) => self.add_candidate(&candidate.at(address)),
            // We send our own addresses: the peer finds us, and its address comes with its checks.
            None => tracing::debug!(link = %self.id, "a .local candidate was left out"),
        }
    }

    /// A bundle has one transport: candidates of other m-lines lead nowhere.
    fn take_candidate(&mut self, mline: u32, candidate: Candidate) {
        if self.negotiation.peer.as_ref().is_none_or(|peer| u32::from(peer.tagged) != mline) {
            return;
        }
        if self.ice.taken == MAX_REMOTE {
            return tracing::debug!(link = %self.id, "the peer has more candidates than a link takes");
        }
        self.ice.taken += 1;
        match candidate.local_name() {
            Some(_) => mdns::look_up(&self.inbox, self.key, candidate),
            None => self.add_candidate(&candidate),
        }
    }

    /// To webrtcbin the bundle's transport is always the first m-line's.
    fn add_candidate(&self, candidate: &Candidate) {
        if candidate.is_usable() {
            self.webrtc.emit_by_name::<()>("add-ice-candidate", &[&0u32, &candidate.to_string()]);
        }
    }

    fn told_mline(&self) -> u16 {
        self.negotiation.peer.as_ref().map_or(0, |peer| peer.tagged)
    }
}
