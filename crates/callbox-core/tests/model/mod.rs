//! Every order of a few things: a caller and two devices of the callee, on a wire that loses, repeats, delays and reorders.
//!
//! The stations are the real ones. Time passes from deadline to deadline, and may do so while messages are under way. How many get
//! lost, come twice or cross a deadline is bounded; that they overtake each other is not. Everybody presses each button once, at any
//! moment or never.

mod group;
mod town;

use std::time::Duration;

use callbox_core::station::Phase;
use stateright::{Checker, Model, Property};

use town::{Act, Button, CALLER, Chance, DESK, PHONE, Town};

/// One world to go through in every order.
struct World {
    buttons: Vec<(usize, Button)>,
    chance: Chance,
    media: bool,
}

/// A call and all that follows is over long before.
const LONGEST: Duration = Duration::from_secs(240);
/// No answer is answered for ever.
const MOST_HOPS: u8 = 8;

impl Model for World {
    type State = Town;
    type Action = Act;

    fn init_states(&self) -> Vec<Town> {
        vec![Town::new(self.chance, self.media)]
    }

    fn actions(&self, town: &Town, acts: &mut Vec<Act>) {
        acts.extend(town.messages_and_presses(&self.buttons));
        acts.extend(town.silent_ends().map(Act::FallSilent));
        if town.may_pass() {
            acts.push(Act::Pass);
        }
    }

    fn next_state(&self, town: &Town, act: Act) -> Option<Town> {
        Some(town.after(act))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("never two winners", |_, town| town.winners().len() <= 1),
            Property::<Self>::always("at rest all agree", |_, town| !town.at_rest() || town.agree()),
            Property::<Self>::always("every call ends", |_, town| town.elapsed() < LONGEST && town.hops() < MOST_HOPS),
            Property::<Self>::always("no tick in the past", |_, town| !town.ticked_in_vain),
            Property::<Self>::sometimes("somebody wins", |_, town| {
                town.phase(CALLER) == Phase::Talking && !town.winners().is_empty()
            }),
            Property::<Self>::sometimes("it is over", |_, town| town.at_rest() && town.phase(CALLER) == Phase::Idle),
        ]
    }
}

/// Goes through all of it, and fails if the world turns out to be smaller than it should be.
fn go_through(world: World, least: usize) {
    assert_all(&world.checker().threads(2).spawn_dfs().join(), least);
}

/// Fails where a property does not hold, and where there were fewer states than this.
fn assert_all<M: Model<State = Town, Action = Act>>(checker: &impl Checker<M>, least: usize) {
    checker.assert_properties();
    let states = checker.unique_state_count();
    eprintln!("{states} states, at most {} steps deep", checker.max_depth());
    assert!(states >= least, "only {states} states");
}

/// Both devices pick up, and the caller gives up, each at any moment or never.
fn pick_up(losses: u8, repeats: u8, late: u8, media: bool) -> World {
    let buttons = vec![(PHONE, Button::Accept), (DESK, Button::Accept), (CALLER, Button::Hangup)];
    World { buttons, chance: Chance { losses, repeats, late }, media }
}

/// The phone picks up and hangs up, the desk declines, and the caller gives up, each at any moment or never.
fn decline(losses: u8, repeats: u8, late: u8, media: bool) -> World {
    let phone = [(PHONE, Button::Accept), (PHONE, Button::Hangup)];
    let buttons = phone.into_iter().chain([(DESK, Button::Reject), (CALLER, Button::Hangup)]).collect();
    World { buttons, chance: Chance { losses, repeats, late }, media }
}

#[test]
fn two_devices_pick_up_and_two_messages_are_lost() {
    go_through(pick_up(2, 0, 0, false), 30_000);
}

#[test]
fn two_devices_pick_up_and_a_message_comes_twice() {
    go_through(pick_up(0, 1, 0, false), 50_000);
}

#[test]
fn two_devices_pick_up_and_messages_cross_a_deadline() {
    go_through(pick_up(0, 0, 1, false), 50_000);
}

#[test]
fn two_devices_pick_up_and_the_talk_is_lost_and_mended() {
    go_through(pick_up(1, 0, 0, true), 50_000);
}

#[test]
fn one_device_declines_while_the_other_picks_up() {
    go_through(decline(1, 0, 0, false), 10_000);
}

#[test]
fn one_device_declines_while_the_other_picks_up_and_talks() {
    go_through(decline(0, 0, 0, true), 10_000);
}

#[test]
#[ignore = "takes minutes: run it after a change to the station, with --release"]
fn everything_goes_wrong_at_once() {
    go_through(pick_up(1, 0, 1, false), 200_000);
    go_through(pick_up(1, 1, 0, false), 100_000);
    go_through(pick_up(1, 0, 1, true), 200_000);
    go_through(decline(1, 1, 0, false), 100_000);
    go_through(decline(1, 0, 1, false), 100_000);
    go_through(decline(1, 0, 0, true), 50_000);
}
