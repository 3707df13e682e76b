//! Users whom this device rings, and the devices of theirs that ring.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::call::Call;
use super::callees::Callees;
use super::desk::Desk;
use super::effect::{Effect, Flow, Tone};
use super::input::LinkEvent;
use super::peer_links::{News, PeerLinks};
use crate::ids::{Address, LinkId, Target, UserId};
use crate::protocol::{Agent, EarlyMedia, EndReason, Message, ResultCode};

/// The callee's own timer is authoritative; ours is a backstop this much later.
const BACKSTOP: Duration = Duration::from_secs(5);
/// The invite is not said again to a device that came online sooner than this after the last time: it has that one.
const SAY_AGAIN: Duration = Duration::from_secs(3);
/// The most devices that ring for one invite; further ones are told that they are too late.
const MOST_DEVICES: usize = 32;

/// One invite to some users.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Invitations {
    /// Everybody who is rung by it.
    users: Vec<UserId>,
    /// When the callees' own timers end.
    until: Instant,
    callees: Callees,
    devices: BTreeMap<Address, PeerLinks>,
    /// Those of them that see our picture before they accept.
    previews: BTreeSet<Address>,
    /// Devices that refused: what they said before that, and arrives after it, counts no more.
    left: BTreeSet<Address>,
    /// When the invite was said last.
    said: Instant,
    /// Who rings, as our camera sees it.
    picture: Option<String>,
    /// Nobody talks yet: whoever rings hears that it does.
    audible: bool,
}

/// What a device that rings has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing that ends its ringing.
    None,
    /// It refused, or cannot be talked with.
    Refused,
    /// Somebody sits in between.
    Unsafe,
}

impl Invitations {
    /// Sends the invite. `audible`: the person here hears when it rings there.
    pub(super) fn begin(now: Instant, call: &Call, users: Vec<UserId>, audible: bool, desk: &mut Desk) -> Self {
        let (callees, until) = (Callees::new(&users), now + desk.policy.ring);
        let (devices, previews, left) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        let invitations = Self { users, until, callees, devices, previews, left, said: now, picture: None, audible };
        invitations.say(now, call, desk);
        invitations
    }

    /// Rings everybody anew who may still answer, with the time that is left: what was said before may be lost.
    pub(super) fn say_again(&mut self, now: Instant, call: &Call, desk: &mut Desk) {
        self.said = now;
        self.say(now, call, desk);
    }

    /// A device of a callee came online and has said nothing yet: what was said while it was away may be nowhere any more.
    pub(super) fn came(&mut self, now: Instant, call: &Call, device: &Address, desk: &mut Desk) {
        let rings = self.devices.contains_key(device) || self.left.contains(device);
        if !rings && self.callees.is_open(&device.user) && now >= self.said + SAY_AGAIN {
            self.said = now;
            self.say_to(now, call, &device.user, desk);
        }
    }

    /// When [`Invitations::settle`] or [`Invitations::is_over`] may have news.
    pub(super) fn deadline(&self) -> Instant {
        self.callees.deadline().into_iter().fold(self.until + BACKSTOP, Instant::min)
    }

    /// The callees' time is over, and they have not said so.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        now >= self.until + BACKSTOP
    }

    /// The reason when nobody is left who may answer: the kindest truth.
    pub(super) fn settle(&mut self, now: Instant) -> Option<EndReason> {
        self.callees.settle(now)
    }

    /// A device that rings, or whose user is rung, says something that is not about taking part.
    pub(super) fn heard(
        &mut self,
        now: Instant,
        call: &mut Call,
        from: &Address,
        message: Message,
        desk: &mut Desk,
    ) -> Answer {
        match message {
            Message::Ringing { .. } if self.is_out(from) => self.tell_out(call, from, desk),
            Message::Ringing { agent, early, link, .. } => {
                let early = early.min(desk.policy.early);
                self.rings(now, call, from, Ringer { agent, early, link }, desk);
            }
            Message::Reject { reason, .. } | Message::Hangup { reason, .. } => {
                self.refused(now, call, from, reason, desk);
                return Answer::Refused;
            }
            message @ (Message::Offer { .. } | Message::Answer { .. } | Message::Candidate { .. }) => {
                if let Some(links) = self.devices.get_mut(from) {
                    links.heard(now, message, &mut desk.out);
                }
            }
            _ => {}
        }
        Answer::None
    }

    /// This device, or its user, has refused already.
    pub(super) fn is_out(&self, device: &Address) -> bool {
        self.left.contains(device) || !self.callees.is_open(&device.user)
    }

    /// Tells a device that its user has refused already.
    pub(super) fn tell_out(&self, call: &Call, device: &Address, desk: &mut Desk) {
        let reason = self.callees.refusal(&device.user).map_or(EndReason::Cancelled, told);
        desk.out.send(device.clone(), Message::Cancel { call: call.id.clone(), reason, by: None });
    }

    /// The hub or the broker says how the invite to this user fared. That it was passed on, or waits, is nobody's answer. Says
    /// whether the user is out.
    pub(super) fn fared(&mut self, user: &UserId, code: ResultCode) -> bool {
        let reason = match code {
            ResultCode::Ok | ResultCode::Queued => return false,
            ResultCode::Offline | ResultCode::UnknownUser => EndReason::Offline,
            ResultCode::UnsupportedVersion => EndReason::UnsupportedVersion,
            _ => EndReason::EndedByServer,
        };
        let rings = self.devices.keys().any(|device| device.user == *user);
        if rings || !self.callees.is_open(user) {
            return false;
        }
        self.callees.give_up(user, reason);
        true
    }

    /// Those who ring see it now, those who come later when they do.
    pub(super) fn pictured(&mut self, call: &Call, jpeg: String, desk: &mut Desk) {
        self.picture = Some(jpeg);
        for device in self.devices.keys() {
            self.show_picture(call, device, desk);
        }
    }

    /// The camera is sent to those who see a preview, or is not.
    pub(super) fn gate(&mut self, call: &Call, desk: &mut Desk) {
        for device in self.devices.keys().cloned().collect::<Vec<_>>() {
            let flow = self.flow_to(call, &device);
            self.devices.entry(device).and_modify(|links| links.gate(flow, &mut desk.out));
        }
    }

    /// A device refused: its links go.
    pub(super) fn refused(&mut self, now: Instant, call: &Call, from: &Address, reason: EndReason, desk: &mut Desk) {
        let rang = !self.devices.is_empty();
        if let Some(mut links) = self.devices.remove(from) {
            links.close(&mut desk.out);
        }
        self.left.insert(from.clone());
        let others_ring = self.devices.keys().any(|device| device.user == from.user);
        if self.callees.declined(now, &from.user, reason, others_ring) {
            self.silence(call, &from.user, EndReason::RejectedElsewhere, None, desk);
        }
        if self.audible && rang && self.devices.is_empty() {
            desk.out.tone(Tone::Silence);
        }
        desk.out.push(Effect::Show);
    }

    /// Stops every device of a user: it has answered, for all of them.
    fn silence(&mut self, call: &Call, user: &UserId, reason: EndReason, by: Option<&Address>, desk: &mut Desk) {
        for (_, links) in self.devices.iter_mut().filter(|(device, _)| device.user == *user) {
            links.close(&mut desk.out);
        }
        self.devices.retain(|device, _| device.user != *user);
        let message = Message::Cancel { call: call.id.clone(), reason, by: by.cloned() };
        desk.out.send(Target::from(user.clone()), message);
    }

    /// This device comes in: its links, if it had any. It is no callee any more.
    pub(super) fn take(&mut self, device: &Address) -> Option<PeerLinks> {
        self.devices.remove(device)
    }

    /// A device of this user is in: its others need not ring. In a group the remaining callees ring on.
    pub(super) fn answered(&mut self, call: &Call, by: &Address, desk: &mut Desk) {
        self.audible = false;
        self.silence(call, &by.user, EndReason::AnsweredElsewhere, Some(by), desk);
        self.callees.give_up(&by.user, EndReason::AnsweredElsewhere);
    }

    /// Tells every callee that it need not ring, and tears down the links that were not chosen.
    pub(super) fn cancel(&mut self, call: &Call, reason: EndReason, by: Option<&Address>, desk: &mut Desk) {
        self.close(desk);
        let answered = |user: &&UserId| self.callees.refusal(user) == Some(EndReason::AnsweredElsewhere);
        for user in self.callees.all().filter(|user| !answered(user)) {
            let message = Message::Cancel { call: call.id.clone(), reason, by: by.cloned() };
            desk.out.send(user.clone(), message);
        }
    }

    /// Lets go of every link without a word: others let the devices in.
    pub(super) fn close(&mut self, desk: &mut Desk) {
        for links in self.devices.values_mut() {
            links.close(&mut desk.out);
        }
    }

    /// Something happened on a link to a device that rings. An early link that breaks costs only its head start: the next one is
    /// made after accept.
    pub(super) fn linked(
        &mut self,
        now: Instant,
        call: &Call,
        link: &LinkId,
        event: LinkEvent,
        desk: &mut Desk,
    ) -> Answer {
        let Some(links) = self.devices.get_mut(&link.peer) else { return Answer::None };
        match links.event(now, call, link.number, event, &mut desk.out) {
            News::Unsafe => Answer::Unsafe,
            // This device is out, and learns it at once; the others ring on.
            News::Refused => {
                let message = Message::Cancel { call: call.id.clone(), reason: EndReason::MediaFailed, by: None };
                desk.out.send(link.peer.clone(), message);
                self.refused(now, call, &link.peer, EndReason::MediaFailed, desk);
                Answer::Refused
            }
            News::None | News::Path => Answer::None,
        }
    }

    fn say(&self, now: Instant, call: &Call, desk: &mut Desk) {
        self.callees.open().for_each(|user| self.say_to(now, call, user, desk));
    }

    fn say_to(&self, now: Instant, call: &Call, user: &UserId, desk: &mut Desk) {
        let left = self.until.saturating_duration_since(now).as_millis();
        let remaining_ms = u32::try_from(left).unwrap_or(u32::MAX);
        if remaining_ms == 0 {
            return;
        }
        let message = Message::Invite {
            call: call.id.clone(),
            kind: call.kind,
            media: call.media,
            callees: self.users.clone(),
            remaining_ms,
            agent: desk.agent,
            early: desk.policy.early,
        };
        desk.out.send(user.clone(), message);
    }

    /// One more device rings, or one of them rings again after a restart.
    fn rings(&mut self, now: Instant, call: &mut Call, from: &Address, ringer: Ringer, desk: &mut Desk) {
        if let Some(links) = self.devices.get_mut(from) {
            if ringer.link == 0 {
                links.start_over(now, &mut desk.out);
            }
            desk.show_door(&call.id, from);
            self.show_picture(call, from, desk);
            return;
        }
        if self.devices.len() >= MOST_DEVICES {
            return;
        }
        self.callees.rings(&from.user);
        if self.audible && self.devices.is_empty() {
            desk.out.tone(Tone::RingBack);
        }
        call.timing.ringing_ms.get_or_insert(call.at(now));
        let we_offer = call.we_offer(&desk.me, desk.agent, from, ringer.agent);
        let mut links = PeerLinks::new(call, from.clone(), we_offer);
        if ringer.early == EarlyMedia::Preview {
            self.previews.insert(from.clone());
        }
        links.gate(self.flow_to(call, from), &mut desk.out);
        if ringer.early != EarlyMedia::Off {
            links.offer_next(&mut desk.out);
        }
        desk.show_door(&call.id, from);
        self.show_picture(call, from, desk);
        self.devices.insert(from.clone(), links);
        desk.out.push(Effect::Show);
    }

    /// Before accept nothing passes but our picture, and that only as a preview.
    fn flow_to(&self, call: &Call, device: &Address) -> Flow {
        Flow { send_video: call.camera && self.previews.contains(device), ..Flow::default() }
    }

    fn show_picture(&self, call: &Call, to: &Address, desk: &mut Desk) {
        if let Some(jpeg) = &self.picture {
            desk.out.send(to.clone(), Message::Picture { call: call.id.clone(), jpeg: jpeg.clone() });
        }
    }
}

/// What a `ringing` says of its device.
struct Ringer {
    agent: Agent,
    early: EarlyMedia,
    link: u32,
}

// ---- what can be seen ----
impl Invitations {
    /// The time that is left to answer.
    pub(super) fn remaining(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }

    /// The devices that ring.
    pub(super) fn devices(&self) -> impl Iterator<Item = &Address> {
        self.devices.keys()
    }

    pub(super) fn contains(&self, user: &UserId) -> bool {
        self.callees.contains(user)
    }

    /// This user may still answer.
    pub(super) fn is_open(&self, user: &UserId) -> bool {
        self.callees.is_open(user)
    }

    /// Users who may still answer.
    pub(super) fn open(&self) -> impl Iterator<Item = &UserId> {
        self.callees.open()
    }

    /// Users who will not come, and why.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (&UserId, EndReason)> {
        let refusals = self.callees.all().filter_map(|user| Some((user, self.callees.refusal(user)?)));
        refusals.filter(|(_, reason)| *reason != EndReason::AnsweredElsewhere)
    }
}

/// What a callee is told when the call ends for this reason.
pub(super) fn told(reason: EndReason) -> EndReason {
    match reason {
        EndReason::Rejected => EndReason::RejectedElsewhere,
        EndReason::Offline => EndReason::NoAnswer,
        other => other,
    }
}
