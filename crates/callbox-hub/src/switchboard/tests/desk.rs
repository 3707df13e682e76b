//! A switchboard with a clock of its own, and what its devices hear.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, AppId, IdSource, Target};
use callbox_core::protocol::{Agent, Bye, EarlyMedia, EndReason, Envelope, Kind, Media, Message};

use crate::switchboard::{
    Change, Effect, Frame, Input, KeptInvite, Now, Remembered, SessionId, Switchboard, TenantSettings,
};

pub(super) const APP: AppId = AppId(1);
pub(super) const OTHER: AppId = AppId(2);

/// The hub's desk in a story.
pub(super) struct Desk {
    pub(super) now: Now,
    pub(super) switchboard: Switchboard,
    pub(super) stored: Vec<Change>,
    heard: BTreeMap<SessionId, Vec<Envelope>>,
    pub(super) forwarded: Vec<(SessionId, String)>,
    pub(super) closed: Vec<(SessionId, Bye)>,
    next_session: u64,
    said: u64,
}

pub(super) fn address(text: &str) -> Address {
    let (user, device) = text.split_once('/').unwrap();
    Address { user: user.parse().unwrap(), device: device.parse().unwrap() }
}

pub(super) fn target(text: &str) -> Target {
    match text.contains('/') {
        true => address(text).into(),
        false => Target { user: text.parse().unwrap(), device: None },
    }
}

pub(super) fn invite(call: &str, callees: &[&str], remaining_ms: u32) -> Message {
    Message::Invite {
        call: call.parse().unwrap(),
        kind: Kind::Single,
        media: Media::Video,
        callees: callees.iter().map(|user| user.parse().unwrap()).collect(),
        remaining_ms,
        agent: Agent::Browser,
        early: EarlyMedia::Connect,
    }
}

pub(super) fn cancel(call: &str, reason: EndReason) -> Message {
    Message::Cancel { call: call.parse().unwrap(), reason, by: None }
}

pub(super) fn reject(call: &str, reason: EndReason) -> Message {
    Message::Reject { call: call.parse().unwrap(), reason }
}

pub(super) fn ringing(call: &str) -> Message {
    Message::Ringing { call: call.parse().unwrap(), agent: Agent::Browser, early: EarlyMedia::Connect, link: 0 }
}

pub(super) fn confirm(call: &str) -> Message {
    Message::Confirm { call: call.parse().unwrap() }
}

impl Desk {
    pub(super) fn new() -> Self {
        Self::with(TenantSettings::default())
    }

    pub(super) fn with(settings: TenantSettings) -> Self {
        let now = Now { steady: Instant::now(), unix_ms: 1_600_000_000_000 };
        Self::opened(now, settings, Remembered::default())
    }

    fn opened(now: Now, settings: TenantSettings, remembered: Remembered) -> Self {
        let apps = [(APP, settings), (OTHER, TenantSettings::default())];
        let switchboard = Switchboard::new(now, apps, remembered, IdSource::new([7; 32]));
        let mut desk = Self {
            now,
            switchboard,
            stored: Vec::new(),
            heard: BTreeMap::new(),
            forwarded: Vec::new(),
            closed: Vec::new(),
            next_session: 0,
            said: 0,
        };
        desk.drain();
        desk
    }

    /// The hub stops and starts again after this long; the wall clock is off by `jump_ms` then.
    pub(super) fn restart(self, down: Duration, jump_ms: i64) -> Self {
        let remembered = remembered(&self.stored);
        let unix_ms = self.now.unix_ms.saturating_add_signed(i64::try_from(down.as_millis()).unwrap() + jump_ms);
        let mut desk =
            Self::opened(Now { steady: self.now.steady + down, unix_ms }, TenantSettings::default(), remembered);
        desk.stored.splice(0..0, self.stored);
        desk
    }

    /// A device was there once: its name is none that somebody invented.
    pub(super) fn was_there(&mut self, who: &str) {
        let session = self.log_in(who);
        self.log_out(session);
        self.heard(session);
    }

    /// A device logs in.
    pub(super) fn log_in(&mut self, who: &str) -> SessionId {
        self.log_in_to(APP, who, Duration::from_secs(86_400))
    }

    pub(super) fn log_in_to(&mut self, app: AppId, who: &str, ticket_left: Duration) -> SessionId {
        self.next_session += 1;
        let session = SessionId(self.next_session);
        self.input(Input::LoggedIn { session, app, address: address(who), ticket_left });
        session
    }

    pub(super) fn log_out(&mut self, session: SessionId) {
        self.input(Input::Closed { session });
    }

    /// A device says something to somebody (`user` or `user/device`) or to the hub (``).
    pub(super) fn say(&mut self, session: SessionId, to: &str, message: Message) {
        self.said += 1;
        let id = format!("m{}", self.said).parse().unwrap();
        let to = (!to.is_empty()).then(|| target(to));
        // What the body claims of its sender must not matter.
        let from = Some(address("mallory/forged"));
        self.input(Input::Heard { session, frame: Frame::Known(Envelope { id, from, to, message }) });
    }

    pub(super) fn frame(&mut self, session: SessionId, json: &str) {
        self.input(Input::Heard { session, frame: Frame::read(json.as_bytes()) });
    }

    /// Time passes; every deadline on the way is kept.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now.steady + time;
        while let Some(deadline) = self.switchboard.deadline().filter(|deadline| *deadline <= until) {
            self.set_clock(deadline.max(self.now.steady));
            self.input(Input::Tick);
        }
        self.set_clock(until);
    }

    /// Everything a session has heard since it was last asked.
    pub(super) fn heard(&mut self, session: SessionId) -> Vec<Envelope> {
        self.heard.remove(&session).unwrap_or_default()
    }

    /// The same as words: `type`, or `type:code`.
    pub(super) fn words(&mut self, session: SessionId) -> Vec<String> {
        self.heard(session).iter().map(|envelope| word(&envelope.message)).collect()
    }

    pub(super) fn input(&mut self, input: Input) {
        self.switchboard.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.switchboard.poll_effect() {
            match effect {
                Effect::Welcome { session, you } => {
                    let message = Message::Welcome { you, heartbeat_ms: 1, ice_servers: Vec::new() };
                    let envelope = Envelope { id: "w".parse().unwrap(), from: None, to: None, message };
                    self.heard.entry(session).or_default().push(envelope);
                }
                Effect::Deliver { session, envelope } => self.heard.entry(session).or_default().push(envelope),
                Effect::Forward { session, text } => self.forwarded.push((session, text)),
                Effect::Close { session, reason, .. } => self.closed.push((session, reason)),
                Effect::Store(change) => self.stored.push(change),
            }
        }
    }

    fn set_clock(&mut self, steady: Instant) {
        let passed = steady.saturating_duration_since(self.now.steady);
        self.now = Now { steady, unix_ms: self.now.unix_ms + u64::try_from(passed.as_millis()).unwrap() };
    }
}

fn word(message: &Message) -> String {
    match message {
        Message::Result { code, .. } => format!("result:{}", code.as_str()),
        Message::Presence { user, device: Some(device), online } => format!("presence:{user}/{device}:{online}"),
        Message::Presence { user, device: None, online } => format!("presence:{user}:{online}"),
        Message::Missed { call, .. } => format!("missed:{call}"),
        Message::Invite { call, .. } => format!("invite:{call}"),
        other => other.type_name().to_owned(),
    }
}

/// What a store that has seen these changes holds.
pub(super) fn remembered(changes: &[Change]) -> Remembered {
    let mut held = Remembered::default();
    let is =
        |invite: &KeptInvite, user: &_, call: &_| invite.user == *user && invite.envelope.message.call() == Some(call);
    for change in changes {
        match change {
            Change::Keep(invite) => held.invites.push(invite.clone()),
            Change::Reached { user, call, .. } => {
                held.invites
                    .iter_mut()
                    .filter(|invite| is(invite, user, call))
                    .for_each(|invite| invite.reached = true);
            }
            Change::Forget { user, call, .. } => held.invites.retain(|invite| !is(invite, user, call)),
            Change::Miss(missed) => held.missed.push(missed.clone()),
            Change::DropMissed { user, call, .. } => {
                held.missed.retain(|missed| missed.user != *user || missed.call != *call);
            }
            Change::Unseen { user, .. } => held.seen.retain(|(_, seen)| seen != user),
            Change::Seen { app, user } => held.seen.push((*app, user.clone())),
        }
    }
    held
}
