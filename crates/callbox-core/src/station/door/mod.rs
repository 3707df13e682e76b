//! The door, our own and that at the other end: the same in every state of a call.

mod far;
mod news;
mod own;

use std::time::Instant;

use serde::Serialize;

use super::desk::Desk;
use super::input::{Action, Input};
use super::{Effect, State};
use crate::ids::{Address, CallId};
use crate::protocol::{DoorState, Message, ResultCode};

use own::{Command, Standing};

pub(super) use far::FarDoors;
pub use news::{DoorEntry, DoorEvent, DoorNews, Opener};
pub(super) use own::Door;

/// How our own door stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct DoorView {
    /// What its contact says; absent: it has none, or has not said anything yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<DoorState>,
    /// Somebody tampers with the panel.
    pub tamper: bool,
}

/// When there is something to do about any door.
pub(super) fn deadline(desk: &Desk) -> Option<Instant> {
    desk.door.deadline().into_iter().chain(desk.far.deadline()).min()
}

/// Our own door, for a person.
pub(super) fn view(desk: &Desk) -> Option<DoorView> {
    desk.policy.door.as_ref().map(|_| DoorView { state: desk.door.contact, tamper: desk.door.tamper })
}

impl State {
    /// What is about a door is done here; everything else is the call's.
    pub(super) fn on_door(self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::Door(event) => self.door(now, event, desk),
            Input::Pressed(Action::Unlock { by }) => {
                if !desk.open_here(now, by.clone()) {
                    match (self.call().cloned(), desk.far.among(&self.parties())) {
                        (Some(call), Some(at)) => desk.ask(now, at, call, by),
                        _ => desk.ignore("there is no door to open"),
                    }
                }
                self
            }
            Input::Heard { from, message: Message::Command { call, name, nonce, challenge } } => {
                let standing = self.standing(&call, &from);
                desk.commanded(now, Command { from, call, nonce }, &name, challenge.as_ref(), standing);
                self
            }
            Input::Heard { from, message: Message::Door { call, .. } } => {
                if self.standing(&call, &from) == Standing::Party {
                    desk.door_seen(from);
                }
                self
            }
            Input::Heard { from, message: Message::Challenge { nonce, challenge, .. } } => {
                desk.challenged(now, &from, &nonce, challenge);
                self
            }
            Input::Heard { from, message: Message::Result { re, code, .. } } => {
                desk.answered(now, &from, re.as_ref(), code);
                self
            }
            Input::Tick => {
                let news = desk.door_tick(now);
                desk.wish_tick(now);
                self.show_all(news, desk);
                self.on_call(now, Input::Tick, desk)
            }
            other => self.on_call(now, other, desk),
        }
    }

    fn door(self, now: Instant, event: DoorEvent, desk: &mut Desk) -> State {
        let news = match event {
            DoorEvent::Unlocked { opening } if desk.relay_answers(now, opening, ResultCode::Ok) => {
                return self.unlocked(now, desk);
            }
            DoorEvent::Unlocked { .. } => false,
            DoorEvent::Failed { opening } => {
                desk.relay_answers(now, opening, ResultCode::Failed);
                false
            }
            DoorEvent::Opened => desk.contact(now, true),
            DoorEvent::Closed => desk.contact(now, false),
            DoorEvent::Tamper(on) => desk.tamper(now, on),
        };
        self.show_all(news, desk);
        self
    }

    /// The door opens: nobody has to be rung any more.
    fn unlocked(self, now: Instant, desk: &mut Desk) -> State {
        let hang_up = desk.policy.door.as_ref().is_some_and(|door| door.hang_up);
        match self {
            State::Inviting(state) => state.let_in(now, desk),
            State::Ringing(state) => state.let_in(now, desk),
            State::Accepting(state) if hang_up => state.let_in(now, desk),
            State::Talking(state) if hang_up => state.let_in(now, desk),
            other => other,
        }
    }

    /// Tells everybody who may open it how the door stands.
    fn show_all(&self, news: bool, desk: &mut Desk) {
        if !news {
            return;
        }
        desk.out.push(Effect::Show);
        if let Some(call) = self.call() {
            self.parties().iter().for_each(|party| desk.show_door(call, party));
        }
    }

    fn standing(&self, call: &CallId, who: &Address) -> Standing {
        match self.call() {
            Some(live) if live == call && self.parties().contains(who) => Standing::Party,
            Some(live) if live == call => Standing::Stranger,
            _ => Standing::Over,
        }
    }

    /// The call that lives.
    pub(super) fn call(&self) -> Option<&CallId> {
        match self {
            State::Idle(_) => None,
            State::Inviting(state) => Some(&state.call.id),
            State::Ringing(state) => Some(&state.call.id),
            State::Accepting(state) => Some(&state.call.id),
            State::Talking(state) => Some(&state.call.id),
        }
    }

    /// The devices that ring or talk in it, beside this one.
    pub(super) fn parties(&self) -> Vec<Address> {
        match self {
            State::Idle(_) => Vec::new(),
            State::Inviting(state) => state.invitations.devices().cloned().collect(),
            State::Ringing(state) => vec![state.call.caller.clone()],
            State::Accepting(state) => vec![state.call.caller.clone()],
            State::Talking(state) => state.parties().cloned().collect(),
        }
    }
}
