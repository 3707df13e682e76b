//! Our own door: who may open it, and what becomes of each try.
//!
//! A command from afar takes two steps, so that nobody's clock has to be believed. It is answered by a challenge that is good once, for a
//! few seconds of our own clock, for this device, this call and this command; only the command that brings it back opens.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::super::desk::Desk;
use super::super::effect::Effect;
use super::news::{DoorEntry, DoorNews, Opener};
use crate::bucket::Bucket;
use crate::ids::{Address, CallId, CommandName, EnvelopeId};
use crate::protocol::{DoorState, Message, ResultCode, UNLOCK};

/// A challenge has to come back within this.
const CHALLENGE: Duration = Duration::from_secs(5);
/// The relay has to be switched within this.
const SWITCH: Duration = Duration::from_secs(3);
/// So many openings from afar at once, and one more in each …
const OPENINGS: u32 = 5;
const OPENING_EVERY: Duration = Duration::from_secs(10);
/// So many refusals are told and written down at once, and one more in each …
const REFUSALS: u32 = 10;
const REFUSAL_EVERY: Duration = Duration::from_secs(6);
/// Bounds everything that others can make us remember.
const MOST: usize = 32;

/// A door, and who wants it opened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in super::super) struct Door {
    /// Challenges that are out, one a device.
    asked: BTreeMap<Address, Asked>,
    /// Commands of this call that were judged: a repeated one is told the same and does nothing.
    spent: VecDeque<Spent>,
    opening: Option<Opening>,
    /// The number of the newest opening.
    newest: u64,
    openings: Bucket,
    refusals: Bucket,
    pub(super) contact: Option<DoorState>,
    /// When it will have been open for too long.
    alarm: Option<Instant>,
    pub(super) tamper: bool,
    /// What happened since the call began.
    entries: VecDeque<(Instant, DoorNews)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Asked {
    nonce: EnvelopeId,
    challenge: EnvelopeId,
    until: Instant,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Spent {
    from: Address,
    nonce: EnvelopeId,
    code: ResultCode,
}

/// The relay is being switched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Opening {
    /// The relay's answer names it: an answer to an earlier opening may come this late.
    number: u64,
    wanted: Vec<Wanted>,
    until: Instant,
}

/// Somebody who is to hear what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Wanted {
    Here(Opener),
    Far(Command),
}

/// A command that came in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Command {
    pub(super) from: Address,
    pub(super) call: CallId,
    pub(super) nonce: EnvelopeId,
}

/// What the sender of a command has to do with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// A device that rings or talks in the very call that lives.
    Party,
    /// That call lives, and it has no part in it.
    Stranger,
    /// That call does not live here.
    Over,
}

impl Default for Door {
    fn default() -> Self {
        Self {
            asked: BTreeMap::new(),
            spent: VecDeque::new(),
            opening: None,
            newest: 0,
            openings: Bucket::new(OPENINGS, OPENING_EVERY),
            refusals: Bucket::new(REFUSALS, REFUSAL_EVERY),
            contact: None,
            alarm: None,
            tamper: false,
            entries: VecDeque::new(),
        }
    }
}

impl Door {
    /// When there is something to do about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.opening.iter().map(|opening| opening.until).chain(self.alarm).min()
    }

    /// A call begins: nothing of an earlier one counts.
    pub(in super::super) fn begin_call(&mut self) {
        self.asked.clear();
        self.spent.clear();
        self.entries.clear();
    }

    /// The call that began then is over: what happened in it.
    pub(in super::super) fn end_call(&mut self, started: Instant) -> Vec<DoorEntry> {
        let entries = std::mem::take(&mut self.entries);
        self.begin_call();
        let entry = |(at, news): (Instant, _)| DoorEntry { at: at.saturating_duration_since(started), news };
        entries.into_iter().map(entry).collect()
    }

    fn spend(&mut self, command: &Command, code: ResultCode) {
        if self.spent.len() == MOST {
            self.spent.pop_front();
        }
        self.spent.push_back(Spent { from: command.from.clone(), nonce: command.nonce.clone(), code });
    }

    fn is_under_way(&self, command: &Command) -> bool {
        let wanted = self.opening.iter().flat_map(|opening| &opening.wanted);
        wanted.into_iter().any(|wanted| matches!(wanted, Wanted::Far(known) if known == command))
    }

    /// Takes the challenge back that is out for this command, if it is this one and still good.
    fn redeem(&mut self, now: Instant, command: &Command, challenge: &EnvelopeId) -> bool {
        let Some(asked) = self.asked.remove(&command.from) else { return false };
        asked.nonce == command.nonce && asked.challenge == *challenge && now < asked.until
    }

    /// Keeps what is told of the door for the record; refusals make room for the rest.
    fn keep(&mut self, now: Instant, news: DoorNews) {
        if self.entries.len() == MOST {
            let least = self.entries.iter().position(|(_, news)| news.is_refusal()).unwrap_or(0);
            self.entries.remove(least);
        }
        self.entries.push_back((now, news));
    }
}

impl Desk {
    /// Tells a device of the call that it may open our door, if it may.
    pub(in super::super) fn show_door(&mut self, call: &CallId, to: &Address) {
        if self.policy.door.as_ref().is_some_and(|door| door.may_open(&to.user)) {
            let (state, tamper) = (self.door.contact, self.door.tamper);
            self.out.send(to.clone(), Message::Door { call: call.clone(), state, tamper });
        }
    }

    /// A command from afar.
    pub(super) fn commanded(
        &mut self,
        now: Instant,
        command: Command,
        name: &CommandName,
        challenge: Option<&EnvelopeId>,
        standing: Standing,
    ) {
        let may = self.policy.door.as_ref().is_some_and(|door| door.may_open(&command.from.user));
        if standing == Standing::Over {
            return self.refuse(now, &command, standing, ResultCode::Expired, "this call is over here");
        }
        if standing == Standing::Stranger || !may {
            return self.refuse(now, &command, standing, ResultCode::Forbidden, "you may not open a door here");
        }
        if name.as_str() != UNLOCK {
            let text = "only `unlock` is understood here";
            return self.refuse(now, &command, standing, ResultCode::BadMessage, text);
        }
        let is_same = |spent: &&Spent| spent.from == command.from && spent.nonce == command.nonce;
        if let Some(code) = self.door.spent.iter().find(is_same).map(|spent| spent.code) {
            return self.tell(&command, code, "as before: a new wish needs a new nonce");
        }
        match challenge {
            _ if self.door.is_under_way(&command) => {}
            None => self.challenge(now, &command),
            Some(challenge) if !self.door.redeem(now, &command, challenge) => {
                self.door.spend(&command, ResultCode::Expired);
                self.refuse(now, &command, standing, ResultCode::Expired, "too late: ask again");
            }
            Some(_) if !self.door.openings.take(now) => {
                self.door.spend(&command, ResultCode::TooMany);
                self.refuse(now, &command, standing, ResultCode::TooMany, "too often: wait a moment");
            }
            Some(_) => self.open(now, Wanted::Far(command)),
        }
    }

    /// A button or the control socket. Says whether there is a door.
    pub(super) fn open_here(&mut self, now: Instant, by: Opener) -> bool {
        if self.policy.door.is_some() {
            self.open(now, Wanted::Here(by));
        }
        self.policy.door.is_some()
    }

    /// The relay was switched, or was not, for this opening. Says whether it was the one under way.
    pub(super) fn relay_answers(&mut self, now: Instant, number: u64, code: ResultCode) -> bool {
        match self.door.opening.take_if(|opening| opening.number == number) {
            Some(opening) => self.tell_all(now, opening, code),
            None => {
                self.ignore("the relay answers an opening that is over");
                return false;
            }
        }
        true
    }

    /// Everybody who wanted this opening hears what became of it.
    fn tell_all(&mut self, now: Instant, opening: Opening, code: ResultCode) {
        for wanted in opening.wanted {
            let by = match wanted {
                Wanted::Here(by) => by,
                Wanted::Far(command) => {
                    self.door.spend(&command, code);
                    self.tell(
                        &command,
                        code,
                        if code == ResultCode::Ok { "" } else { "the door's relay does not answer" },
                    );
                    Opener::Far(command.from)
                }
            };
            self.note(now, DoorNews::Unlock { by, outcome: code, at: None });
        }
    }

    /// What a contact says. True when a party of the call has something new to show.
    pub(super) fn contact(&mut self, now: Instant, open: bool) -> bool {
        let (state, news) =
            if open { (DoorState::Open, DoorNews::Opened) } else { (DoorState::Closed, DoorNews::Closed) };
        let same = self.door.contact.is_some_and(|was| (was != DoorState::Closed) == open);
        if self.policy.door.is_none() || same {
            return false;
        }
        let first = self.door.contact.replace(state).is_none();
        let limit = self.policy.door.as_ref().and_then(|door| door.open_limit).filter(|_| open);
        self.door.alarm = limit.map(|limit| now + limit);
        // That it is closed when the panel starts is no news.
        if !first || open {
            self.note(now, news);
        }
        true
    }

    /// What the tamper contact says. True when it is new.
    pub(super) fn tamper(&mut self, now: Instant, on: bool) -> bool {
        let news = self.policy.door.is_some() && self.door.tamper != on;
        if news {
            self.door.tamper = on;
            self.note(now, if on { DoorNews::Tamper } else { DoorNews::TamperOver });
        }
        news
    }

    /// Time passed. True when a party of the call has something new to show.
    pub(super) fn door_tick(&mut self, now: Instant) -> bool {
        if let Some(opening) = self.door.opening.take_if(|opening| now >= opening.until) {
            self.tell_all(now, opening, ResultCode::Failed);
        }
        let late = self.door.alarm.is_some_and(|alarm| now >= alarm);
        if late {
            self.door.alarm = None;
            self.door.contact = Some(DoorState::OpenTooLong);
            self.note(now, DoorNews::OpenTooLong);
        }
        late
    }

    /// Logged, told, written down.
    pub(super) fn note(&mut self, now: Instant, news: DoorNews) {
        self.out.push(Effect::Door(news.clone()));
        self.door.keep(now, news);
    }

    fn challenge(&mut self, now: Instant, command: &Command) {
        let challenge = self.ids.envelope();
        if self.door.asked.len() >= MOST && !self.door.asked.contains_key(&command.from) {
            self.door.asked.retain(|_, asked| now < asked.until);
        }
        if self.door.asked.len() >= MOST && !self.door.asked.contains_key(&command.from) {
            return self.tell(command, ResultCode::TooMany, "too many at once: wait a moment");
        }
        let asked = Asked { nonce: command.nonce.clone(), challenge: challenge.clone(), until: now + CHALLENGE };
        self.door.asked.insert(command.from.clone(), asked);
        let message = Message::Challenge {
            call: command.call.clone(),
            nonce: command.nonce.clone(),
            challenge,
            remaining_ms: u32::try_from(CHALLENGE.as_millis()).unwrap_or(u32::MAX),
        };
        self.out.send(command.from.clone(), message);
    }

    /// Two who want it at once get it by one pulse.
    fn open(&mut self, now: Instant, wanted: Wanted) {
        match (&mut self.door.opening, wanted) {
            (Some(opening), wanted) if opening.wanted.len() < MOST => opening.wanted.push(wanted),
            (Some(_), Wanted::Far(command)) => {
                self.tell(&command, ResultCode::TooMany, "too many at once: wait a moment")
            }
            // A key that chatters while the relay is being switched: the first of its presses are told.
            (Some(_), Wanted::Here(Opener::Button | Opener::Far(_))) => {}
            (Some(_), Wanted::Here(by)) => {
                self.note(now, DoorNews::Unlock { by, outcome: ResultCode::TooMany, at: None });
            }
            (None, wanted) => {
                self.door.newest += 1;
                let number = self.door.newest;
                self.door.opening = Some(Opening { number, wanted: vec![wanted], until: now + SWITCH });
                self.out.push(Effect::Unlock { opening: number });
            }
        }
    }

    /// Refuses, and writes it down; a stranger who goes on and on is not answered any more.
    fn refuse(&mut self, now: Instant, command: &Command, standing: Standing, code: ResultCode, text: &str) {
        let told = self.door.refusals.take(now);
        if told {
            let by = Opener::Far(command.from.clone());
            self.note(now, DoorNews::Unlock { by, outcome: code, at: None });
        }
        if told || standing == Standing::Party {
            self.tell(command, code, text);
        }
    }

    fn tell(&mut self, command: &Command, code: ResultCode, text: &str) {
        let (re, call) = (Some(command.nonce.clone()), Some(command.call.clone()));
        self.out.send(command.from.clone(), Message::Result { re, code, call, text: text.to_owned() });
    }
}
