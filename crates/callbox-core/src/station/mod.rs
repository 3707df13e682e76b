//! The station: the pure state machine of one device. It decides; the edges carry out.
//!
//! ```text
//! handle(now, input)      one thing happened
//! poll_effect()           drain before the next handle
//! deadline()              when to hand in Input::Tick
//! ```

mod accepting;
mod budgets;
mod call;
mod callees;
mod decided;
mod desk;
mod door;
mod effect;
mod group;
mod idle;
mod input;
mod invitations;
mod inviting;
mod joinable;
mod media_recovery;
mod peer;
mod peer_links;
mod plan;
mod policy;
mod ringing;
mod shares;
mod talking;
mod view;

use std::time::Instant;

use crate::ids::Address;
use crate::protocol::Agent;

use accepting::Accepting;
use call::Call;
use desk::Desk;
use idle::Idle;
use inviting::Inviting;
use ringing::Ringing;
use talking::Talking;

pub use crate::protocol::PictureSize;
pub use door::{DoorEntry, DoorEvent, DoorNews, DoorView, Opener};
pub use effect::{CallRecord, Direction, Effect, Flow, MediaOrder, PartyRecord, Timing, Tone};
pub use input::{Action, Input, LinkEvent, LinkFailure};
pub use plan::{BadPlan, Plan};
pub use policy::{
    AutoAnswer, Callers, DoorPolicy, LocalTime, MayOpen, Policy, QuietPolicy, QuietTime, SHORTEST_WARNING, Users,
    Weekday,
};
pub use view::{CallView, Ended, JoinableView, PartState, PartView, PeerState, PeerView, Phase, View};

/// Everything one device knows about calls.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Station {
    desk: Desk,
    state: State,
}

/// The one call a station can have, by how far it got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum State {
    Idle(Idle),
    Inviting(Inviting),
    Ringing(Ringing),
    Accepting(Accepting),
    Talking(Box<Talking>),
}

impl Station {
    /// An idle station. `seed` is chance for its call ids: 32 bytes of the system's randomness, or a constant in a test.
    pub fn new(me: Address, agent: Agent, policy: Policy, seed: [u8; 32]) -> Self {
        Self { desk: Desk::new(me, agent, policy, seed), state: State::Idle(Idle) }
    }

    /// The operator decided otherwise: for what happens from now on.
    pub fn set_policy(&mut self, policy: Policy) {
        self.desk.policy = policy;
    }

    /// One thing happened.
    pub fn handle(&mut self, now: Instant, input: Input) {
        let state = std::mem::replace(&mut self.state, State::Idle(Idle));
        self.state = state.on(now, input, &mut self.desk);
    }

    /// The next thing to do. Drain before the next `handle`.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.desk.out.take()
    }

    /// When to hand in [`Input::Tick`].
    pub fn deadline(&self) -> Option<Instant> {
        let call = match &self.state {
            State::Idle(_) => None,
            State::Inviting(state) => Some(state.deadline()),
            State::Ringing(state) => Some(state.deadline()),
            State::Accepting(state) => Some(state.deadline()),
            State::Talking(state) => state.deadline(),
        };
        call.into_iter().chain(door::deadline(&self.desk)).min()
    }

    /// The state's name.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::Idle(_) => Phase::Idle,
            State::Inviting(_) => Phase::Inviting,
            State::Ringing(_) => Phase::Ringing,
            State::Accepting(_) => Phase::Accepting,
            State::Talking(_) => Phase::Talking,
        }
    }

    /// What a person may see, now.
    pub fn view(&self, now: Instant) -> View {
        let call = match &self.state {
            State::Idle(_) => None,
            State::Inviting(state) => Some(state.view(now)),
            State::Ringing(state) => Some(state.view(now)),
            State::Accepting(state) => Some(state.view(now)),
            State::Talking(state) => Some(state.view(now)),
        };
        let call = call.map(|call| CallView { door: self.desk.far.among(&self.state.parties()).is_some(), ..call });
        let joinable = self.desk.joinable.view(now);
        let quiet = self.desk.quiet.reason().map(str::to_owned);
        View { phase: self.phase(), call, last: self.desk.last.clone(), joinable, door: door::view(&self.desk), quiet }
    }
}

impl State {
    /// One thing happened. What is the same in every state is done here, and in [`door`].
    fn on(self, now: Instant, input: Input, desk: &mut Desk) -> State {
        match input {
            Input::LocalTime(time) => desk.clock(time),
            Input::MediaReady(ready) => desk.media_ready = ready,
            Input::Pressed(Action::DoNotDisturb { on }) => desk.do_not_disturb(on),
            other => return self.on_door(now, other, desk),
        }
        self
    }

    /// What is about the call itself.
    fn on_call(mut self, now: Instant, input: Input, desk: &mut Desk) -> State {
        if let Some(call) = self.rung() {
            call.note(&input);
        }
        match self {
            State::Idle(state) => state.on(now, input, desk),
            State::Inviting(state) => state.on(now, input, desk),
            State::Ringing(state) => state.on(now, input, desk),
            State::Accepting(state) => state.on(now, input, desk),
            State::Talking(state) => state.on(now, input, desk),
        }
    }

    /// The call in which nobody talks yet.
    fn rung(&mut self) -> Option<&mut Call> {
        match self {
            State::Inviting(state) => Some(&mut state.call),
            State::Ringing(state) => Some(&mut state.call),
            State::Accepting(state) => Some(&mut state.call),
            State::Idle(_) | State::Talking(_) => None,
        }
    }
}
