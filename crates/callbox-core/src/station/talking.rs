//! We talk, with one device or with several. A media path may break and be mended (`media_recovery.rs`); the call goes on until
//! somebody hangs up or nobody is left to talk with. What is true of one peer is true of each; who may come and go in a group is
//! decided in `group/`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::State;
use super::call::Call;
use super::desk::{Desk, End};
use super::effect::{Direction, Effect, Timing, Tone};
use super::group::Group;
use super::input::{Action, Input};
use super::media_recovery::Verdict;
use super::peer::Peer;
use super::peer_links::PeerLinks;
use super::view::CallView;
use crate::ids::Address;
use crate::protocol::{EndReason, Message, PictureSize};

/// The one button that accepted does not hang up sooner than this.
const DEBOUNCE: Duration = Duration::from_secs(1);

/// Up to this many peers are shown in full size.
const SHOWN_FULL: usize = 2;

/// We talk.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Talking {
    pub(super) call: Call,
    pub(super) peers: BTreeMap<Address, Peer>,
    /// Who takes part; absent: a single call.
    pub(super) group: Option<Group>,
    /// The first device that we talked with, for the record.
    first: Option<Address>,
    since: Instant,
    /// The operator's limit.
    end_at: Option<Instant>,
}

impl Talking {
    /// A single call: talks with the one peer.
    pub(super) fn begin(now: Instant, call: Call, links: PeerLinks, desk: &mut Desk) -> Self {
        let mut talking = Self::with_nobody(now, call, None, desk);
        talking.add_peer(now, links, desk);
        talking
    }

    /// A talk that has no peer yet.
    pub(super) fn with_nobody(now: Instant, call: Call, group: Option<Group>, desk: &mut Desk) -> Self {
        let end_at = desk.policy.longest.map(|longest| now + longest);
        if call.direction == Direction::Incoming {
            // A ring that was answered costs nothing.
            desk.rings.give_back(&call.caller.user);
        }
        desk.out.tone(Tone::Silence);
        Self { call, peers: BTreeMap::new(), group, first: None, since: now, end_at }
    }

    pub(super) fn on(mut self: Box<Self>, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Heard { from, message } if message.call() == Some(&self.call.id) => {
                return self.heard(now, from, message, desk);
            }
            Input::Heard { from, message } => desk.foreign(now, &from, message),
            Input::Pressed(Action::Toggle) if now < self.since + DEBOUNCE => {
                desk.ignore("the button that picked up hangs up a second later at the earliest");
            }
            Input::Pressed(Action::Hangup | Action::Reject | Action::Toggle) => {
                return self.leave(now, EndReason::Hangup, desk);
            }
            Input::Pressed(action @ (Action::SetMicrophone(_) | Action::SetCamera(_))) => {
                if self.call.choose(&action) {
                    self.apply_mute(desk);
                }
            }
            Input::Pressed(Action::Add { users }) => self.add(now, users, desk),
            Input::Link { link, event } if link.call == self.call.id => {
                if let Some(peer) = self.peers.get_mut(&link.peer) {
                    let verdict = peer.path.event(now, &self.call, link.number, event, &mut desk.out);
                    return self.look(now, &link.peer, verdict, desk);
                }
                return self.linked_while_ringing(now, &link, event, desk);
            }
            Input::Presence { peer, online } => self.presence(now, &peer, online, desk),
            Input::SignalingUp => self.signaling_up(now, desk),
            Input::SignalingDown => {
                self.peers.values_mut().for_each(|peer| peer.path.signaling(now, false, &mut desk.out));
            }
            Input::NetworkChanged => {
                self.peers.values_mut().for_each(|peer| peer.path.network_changed(now, &mut desk.out));
            }
            Input::Tick if self.end_at.is_some_and(|end| now >= end) => {
                return self.leave(now, EndReason::Hangup, desk);
            }
            Input::Tick => return self.tick(now, desk),
            Input::InviteResult { call, user, code } if call == self.call.id => {
                return self.fared(now, &user, code, desk);
            }
            Input::Picture { call, jpeg } if call == self.call.id => self.pictured(&jpeg, desk),
            Input::Pressed(_) => desk.ignore("there is a talk already"),
            Input::Picture { .. }
            | Input::InviteResult { .. }
            | Input::Door(_)
            | Input::LocalTime(_)
            | Input::MediaReady(_)
            | Input::Link { .. } => {}
        }
        State::Talking(self)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let of_peers = self.peers.values().filter_map(|peer| peer.path.deadline());
        let of_group = self.group.iter().filter_map(Group::deadline);
        of_peers.chain(of_group).chain(self.end_at).min()
    }

    pub(super) fn view(&self, now: Instant) -> CallView {
        let since = |then: Instant| u64::try_from(now.saturating_duration_since(then).as_millis()).unwrap_or(u64::MAX);
        let lost: Option<Vec<Instant>> = self.peers.values().map(|peer| peer.path.broken_since()).collect();
        let view = CallView {
            peer: self.peers.keys().next().cloned(),
            remaining_ms: None,
            talk_ms: Some(since(self.since)),
            lost_ms: lost.and_then(|lost| lost.into_iter().max()).map(since),
            timing: self.timing(),
            ..self.call.view(Duration::ZERO)
        };
        match &self.group {
            Some(group) => CallView {
                peers: self.peers.iter().map(|(device, peer)| peer.view(device)).collect(),
                ringing_devices: group.ringing().count(),
                roster: group.view(),
                ..view
            },
            None => view,
        }
    }

    /// The devices that talk, or ring, in this call, beside this one.
    pub(super) fn parties(&self) -> impl Iterator<Item = &Address> {
        self.peers.keys().chain(self.group.iter().flat_map(Group::ringing))
    }

    fn heard(mut self: Box<Self>, now: Instant, from: Address, message: Message, desk: &mut Desk) -> State {
        if let Message::Roster { entries, .. } = message {
            return self.roster_heard(now, &from, &entries, desk);
        }
        if self.group.is_some() {
            return self.heard_in_group(now, from, message, desk);
        }
        let Some(peer) = self.peers.get_mut(&from) else {
            self.tell_late(from, &message, desk);
            return State::Talking(self);
        };
        match message {
            Message::Hangup { reason, .. } | Message::Reject { reason, .. } => return self.end(now, reason, desk),
            // Only the inviter cancels.
            Message::Cancel { reason, by, .. }
                if self.call.direction == Direction::Incoming && by.as_ref() != Some(&desk.me) =>
            {
                return self.end(now, reason, desk);
            }
            // Our confirm was lost, or theirs is slow to arrive.
            Message::Accept { .. } if self.call.direction == Direction::Outgoing => {
                desk.out.send(from, Message::Confirm { call: self.call.id.clone() });
            }
            message => peer.heard(now, message, &mut desk.out),
        }
        State::Talking(self)
    }

    /// Another device that rings or accepts late is told who was faster.
    fn tell_late(&self, from: Address, message: &Message, desk: &mut Desk) {
        let was_asked = self.call.direction == Direction::Outgoing && self.call.callees.contains(&from.user);
        if was_asked && matches!(message, Message::Ringing { .. } | Message::Accept { .. }) {
            let by = self.peers.keys().next().cloned();
            let reason = EndReason::AnsweredElsewhere;
            desk.out.send(from, Message::Cancel { call: self.call.id.clone(), reason, by });
        }
    }

    fn presence(&mut self, now: Instant, device: &Address, online: bool, desk: &mut Desk) {
        if let Some(peer) = self.peers.get_mut(device) {
            peer.path.presence(now, online, &mut desk.out);
            if online {
                // A device that was restarted knows nothing of this call, and says so.
                peer.tell_mute(&self.call, &mut desk.out);
            }
        } else if online {
            self.came(now, device, desk);
        }
    }

    fn signaling_up(&mut self, now: Instant, desk: &mut Desk) {
        for peer in self.peers.values_mut() {
            peer.tell_mute(&self.call, &mut desk.out);
            peer.path.signaling(now, true, &mut desk.out);
            desk.show_door(&self.call.id, peer.path.peer());
        }
        self.say_again(now, desk);
    }

    fn tick(mut self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        let devices: Vec<Address> = self.peers.keys().cloned().collect();
        for device in devices {
            let Some(peer) = self.peers.get_mut(&device) else { continue };
            let verdict = peer.path.tick(now, &mut desk.out);
            match self.look(now, &device, verdict, desk) {
                State::Talking(talking) => self = talking,
                over => return over,
            }
        }
        self.tick_group(now, desk)
    }

    /// What became of the media path to a peer.
    fn look(mut self: Box<Self>, now: Instant, device: &Address, verdict: Verdict, desk: &mut Desk) -> State {
        match verdict {
            Verdict::Same => {}
            Verdict::Changed => desk.out.push(Effect::Show),
            Verdict::Over(reason) if self.group.is_none() => return self.leave(now, reason, desk),
            Verdict::Over(reason) => {
                self.lose(now, device, reason, desk);
                return self.settle(now, reason, desk);
            }
        }
        State::Talking(self)
    }

    /// The talk with one more device begins.
    pub(super) fn add_peer(&mut self, now: Instant, links: PeerLinks, desk: &mut Desk) {
        let device = links.peer().clone();
        self.first.get_or_insert_with(|| device.clone());
        let peer = Peer::begin(now, &self.call, links, desk);
        self.peers.insert(device, peer);
        self.want_pictures(desk);
    }

    /// Several pictures are shown small, and asked for in that size.
    pub(super) fn want_pictures(&mut self, desk: &mut Desk) {
        let want = if self.peers.len() > SHOWN_FULL { PictureSize::Small } else { PictureSize::Full };
        if want != self.call.want {
            self.call.want = want;
            self.peers.values().for_each(|peer| peer.tell_mute(&self.call, &mut desk.out));
        }
    }

    fn apply_mute(&mut self, desk: &mut Desk) {
        self.peers.values_mut().for_each(|peer| peer.open_gates(&self.call, &mut desk.out));
        self.gate_ringing(desk);
        desk.out.push(Effect::Show);
        self.peers.values().for_each(|peer| peer.tell_mute(&self.call, &mut desk.out));
    }

    /// The door was opened, and that ends a call here.
    pub(super) fn let_in(self: Box<Self>, now: Instant, desk: &mut Desk) -> State {
        self.leave(now, EndReason::Hangup, desk)
    }

    pub(super) fn leave(mut self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        if self.group.is_some() {
            self.leave_group(now, reason, desk);
        } else {
            for device in self.peers.keys() {
                desk.out.send(device.clone(), Message::Hangup { call: self.call.id.clone(), reason });
            }
        }
        self.end(now, reason, desk)
    }

    pub(super) fn end(mut self: Box<Self>, now: Instant, reason: EndReason, desk: &mut Desk) -> State {
        self.call.timing = self.timing();
        for peer in self.peers.values_mut() {
            peer.path.close(&mut desk.out);
        }
        let parties = self.group.take().map(|group| group.parties(now)).unwrap_or_default();
        let talk = self.first.map(|first| (first, now.saturating_duration_since(self.since)));
        desk.end(now, self.call, End { reason, by: None, talk, parties })
    }

    /// The set-up times of the first peer that is still there.
    fn timing(&self) -> Timing {
        let first = self.first.as_ref().and_then(|first| self.peers.get(first));
        let peer = first.or_else(|| self.peers.values().next());
        peer.map_or(self.call.timing, |peer| peer.path.timing(self.call.timing))
    }

    /// When the talk began.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Keeps the set-up times of a peer that goes, for the record.
    pub(super) fn keep_timing(&mut self) {
        self.call.timing = self.timing();
    }
}
