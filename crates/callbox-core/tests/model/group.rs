//! Every order of a few things in a group call: two are rung, and come in or not, while the caller leaves.
//!
//! Media is not part of it: a talk that has lost its picture ends by its own clocks, which other worlds go through.

use std::time::Duration;

use callbox_core::station::Phase;
use stateright::{Checker, Model, Property};

use super::assert_all;
use super::town::{Act, Button, CALLER, Chance, DESK, PHONE, Town};

/// One world of three devices of three users.
struct World {
    buttons: Vec<(usize, Button)>,
    chance: Chance,
}

/// The rosters are quiet long before: after the last change they are said for half a minute at most.
const LONGEST: Duration = Duration::from_secs(600);
const MOST_HOPS: u8 = 12;

impl Model for World {
    type State = Town;
    type Action = Act;

    fn init_states(&self) -> Vec<Town> {
        vec![Town::group(self.chance)]
    }

    fn actions(&self, town: &Town, acts: &mut Vec<Act>) {
        acts.extend(town.messages_and_presses(&self.buttons));
        if town.may_pass() {
            acts.push(Act::Pass);
        }
    }

    fn next_state(&self, town: &Town, act: Act) -> Option<Town> {
        Some(town.after(act))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always("at rest all agree", |_, town| !town.at_rest() || town.group_agrees()),
            Property::<Self>::always("every wait ends", |_, town| town.elapsed() < LONGEST && town.hops() < MOST_HOPS),
            Property::<Self>::always("no tick in the past", |_, town| !town.ticked_in_vain),
            Property::<Self>::sometimes("all three talk", |_, town| {
                [CALLER, PHONE, DESK].iter().all(|who| town.peers(*who).len() == 2)
            }),
            Property::<Self>::sometimes("two talk without the caller", |_, town| {
                town.phase(CALLER) == Phase::Idle && town.peers(PHONE).contains(&DESK)
            }),
            Property::<Self>::sometimes("it is over", |_, town| town.at_rest() && town.phase(CALLER) == Phase::Idle),
        ]
    }
}

fn go_through(world: World, depth: usize, least: usize) {
    assert_all(&world.checker().threads(2).target_max_depth(depth).spawn_dfs().join(), least);
}

fn caller_leaves(losses: u8, repeats: u8, late: u8) -> World {
    let buttons = vec![(PHONE, Button::Accept), (DESK, Button::Accept), (CALLER, Button::Hangup)];
    World { buttons, chance: Chance { losses, repeats, late } }
}

#[test]
fn two_come_in_while_the_caller_leaves() {
    go_through(caller_leaves(0, 0, 0), 16, 50_000);
}

#[test]
#[ignore = "takes minutes: run it after a change to the station, with --release"]
fn two_come_in_while_the_caller_leaves_and_messages_are_lost_or_late() {
    go_through(caller_leaves(0, 0, 0), 24, 1_000_000);
    go_through(caller_leaves(1, 0, 0), 18, 500_000);
    go_through(caller_leaves(0, 1, 0), 16, 200_000);
    go_through(caller_leaves(0, 0, 1), 18, 500_000);
}
