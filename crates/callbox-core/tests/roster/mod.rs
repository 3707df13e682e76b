//! Rosters among each other: whatever is lost, repeated or overtaken, all that are in end with the same one; and nobody writes for another.

mod liars;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, UserId};
use callbox_core::protocol::{Agent, EndReason, RosterEntry};
use callbox_core::roster::Roster;
use proptest::prelude::*;

use crate::street::{address, secs, some_instant};

const NAMES: [&str; 4] = ["door/panel", "anna/phone", "bert/phone", "carl/desk"];

/// Devices with a roster each, and a wire that keeps no order.
struct Lab {
    now: Instant,
    rosters: BTreeMap<Address, Roster>,
    gone: BTreeSet<Address>,
    wire: Vec<(Address, Address, Vec<RosterEntry>)>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
enum Step {
    Join(usize),
    Leave(usize),
    Invite(usize, usize),
    Ended(usize, usize),
    Deliver(prop::sample::Index),
    Repeat(prop::sample::Index),
    Lose(prop::sample::Index),
    Wait(u64),
}

impl Lab {
    /// The door has invited everybody, who know that.
    fn new() -> Self {
        let now = some_instant();
        let users: Vec<UserId> = NAMES.iter().map(|name| address(name).user).collect();
        let mut door = Roster::found(address(NAMES[0]), Agent::Panel, 1, []);
        door.invite(now, &users[1..], secs(30));
        let entries: Vec<RosterEntry> = door.entries().cloned().collect();
        let mut rosters = BTreeMap::new();
        for name in &NAMES[1..] {
            let mut guest = Roster::guest(address(name), Agent::Browser, [users[0].clone()]);
            guest.hear(now, &address(NAMES[0]), &entries);
            rosters.insert(address(name), guest);
        }
        rosters.insert(address(NAMES[0]), door);
        Self { now, rosters, gone: BTreeSet::new(), wire: Vec::new() }
    }

    fn send(&mut self, from: &Address, to: BTreeSet<Address>) {
        let roster = &self.rosters[from];
        self.wire.extend(to.into_iter().map(|to| (from.clone(), to.clone(), roster.entries_for(&to))));
    }

    fn deliver(&mut self, at: usize) {
        let (from, to, entries) = self.wire.remove(at);
        self.arrive(&from, &to, &entries);
    }

    fn arrive(&mut self, from: &Address, to: &Address, entries: &[RosterEntry]) {
        if self.gone.contains(to) {
            // A device that is out says so, as a station does that knows no such call.
            let now = self.now;
            let tell = self.rosters.get_mut(from).map(|roster| roster.out(now, to, EndReason::Hangup));
            return self.send(from, tell.unwrap_or_default());
        }
        let Some(roster) = self.rosters.get_mut(to) else { return };
        let tell = roster.hear(self.now, from, entries).tell;
        self.send(to, tell);
    }

    fn is_in(&self, who: &Address) -> bool {
        !self.gone.contains(who) && self.rosters[who].entries().next().is_some_and(|entry| entry.device == *who)
    }

    fn step(&mut self, step: Step) {
        let now = self.now;
        let device = |at: usize| address(NAMES[at % NAMES.len()]);
        match step {
            Step::Join(at) if !self.is_in(&device(at)) && !self.gone.contains(&device(at)) => {
                let who = device(at);
                // A member lets it in, and tells it what it knows.
                let members: Vec<Address> = NAMES.map(address).into_iter().filter(|other| self.is_in(other)).collect();
                let Some(member) = members.iter().find(|member| self.rosters[*member].admits(&who.user)) else {
                    return;
                };
                self.rosters.get_mut(member).unwrap().let_in(now, &who, Agent::Browser);
                let entries = self.rosters[member].entries_for(&who);
                let roster = self.rosters.get_mut(&who).unwrap();
                let mut tell = roster.hear(now, member, &entries).tell;
                tell.extend(roster.join(now));
                tell.extend(roster.doors().cloned());
                self.send(&who, tell);
            }
            Step::Leave(at) if self.is_in(&device(at)) => {
                let who = device(at);
                let tell = self.rosters.get_mut(&who).unwrap().leave(EndReason::Hangup);
                self.send(&who, tell);
                self.gone.insert(who);
            }
            Step::Invite(at, whom) if self.is_in(&device(at)) => {
                let user = address(NAMES[whom % NAMES.len()]).user;
                let tell = self.rosters.get_mut(&device(at)).unwrap().invite(now, &[user], secs(30));
                self.send(&device(at), tell);
            }
            Step::Ended(at, whom) if self.is_in(&device(at)) => {
                let user = address(NAMES[whom % NAMES.len()]).user;
                let tell = self.rosters.get_mut(&device(at)).unwrap().ended(now, &user, EndReason::Busy);
                self.send(&device(at), tell);
            }
            Step::Deliver(at) if !self.wire.is_empty() => self.deliver(at.index(self.wire.len())),
            Step::Repeat(at) if !self.wire.is_empty() => {
                let (from, to, entries) = at.get(&self.wire).clone();
                self.arrive(&from, &to, &entries);
            }
            Step::Lose(at) if !self.wire.is_empty() => {
                self.wire.remove(at.index(self.wire.len()));
            }
            Step::Wait(millis) => self.wait(Duration::from_millis(millis)),
            _ => {}
        }
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        let now = self.now;
        for who in NAMES.map(address) {
            if self.is_in(&who) && self.rosters[&who].deadline().is_some_and(|deadline| deadline <= now) {
                let tell = self.rosters.get_mut(&who).unwrap().tick(now);
                self.send(&who, tell);
            }
        }
    }

    /// Everything arrives, until nothing is left to say. Whoever is gone without a word is missed, for its picture stands still.
    fn settle(&mut self) {
        for second in 0..80 {
            if second == 10 {
                for roster in self.rosters.values_mut() {
                    self.gone.iter().for_each(|gone| roster.lose(gone));
                }
            }
            let mut most = 2000;
            while !self.wire.is_empty() {
                self.deliver(0);
                most -= 1;
                assert!(most > 0, "an answer is answered without end");
            }
            self.wait(secs(1));
        }
        assert!(self.wire.is_empty(), "nothing is left to say");
    }

    /// What a device knows of all, itself included: number and whether it left.
    fn sight(&self, who: &Address) -> BTreeMap<Address, (u32, bool)> {
        let entries = self.rosters[who].entries();
        entries.map(|entry| (entry.device.clone(), (entry.number, entry.left.is_some()))).collect()
    }

    fn members(&self, who: &Address) -> BTreeSet<Address> {
        self.rosters[who].members().map(|entry| entry.device.clone()).collect()
    }

    fn inside(&self) -> Vec<Address> {
        NAMES.map(address).into_iter().filter(|who| self.is_in(who)).collect()
    }

    /// Whoever is in a call with somebody sees what that one sees. Two whose only acquaintance left at the moment when it let one of
    /// them in cannot know of each other; each of them is alone, and its call over.
    fn assert_neighbours_agree(&self) {
        for who in self.inside() {
            for other in self.members(&who) {
                assert!(self.is_in(&other), "{who} takes {other} for in");
                assert_eq!(self.sight(&who), self.sight(&other), "{who} and {other}");
                assert!(self.members(&other).contains(&who), "{other} and {who}");
            }
        }
    }

    fn assert_agree(&self) {
        let inside = self.inside();
        for who in &inside {
            let others: BTreeSet<Address> = inside.iter().filter(|other| *other != who).cloned().collect();
            assert_eq!(self.members(who), others, "who is in, for {who}");
            assert_eq!(self.sight(who), self.sight(&inside[0]), "{who} and {}", inside[0]);
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..NAMES.len();
    prop_oneof![
        3 => at().prop_map(Step::Join),
        1 => at().prop_map(Step::Leave),
        1 => (at(), at()).prop_map(|(who, whom)| Step::Invite(who, whom)),
        1 => (at(), at()).prop_map(|(who, whom)| Step::Ended(who, whom)),
        12 => any::<prop::sample::Index>().prop_map(Step::Deliver),
        2 => any::<prop::sample::Index>().prop_map(Step::Repeat),
        2 => any::<prop::sample::Index>().prop_map(Step::Lose),
        3 => (0u64..4000).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn any_order_any_loss_any_repetition_ends_in_the_same_roster(steps in prop::collection::vec(step(), 1..80)) {
        let mut lab = Lab::new();
        let nobody_leaves = !steps.iter().any(|step| matches!(step, Step::Leave(_)));
        for step in steps {
            lab.step(step);
        }
        lab.settle();
        lab.assert_neighbours_agree();
        if nobody_leaves {
            lab.assert_agree();
        }
    }
}

#[test]
fn those_who_join_while_the_caller_leaves_find_each_other() {
    let mut lab = Lab::new();
    let (door, anna, bert) = (address(NAMES[0]), address(NAMES[1]), address(NAMES[2]));
    lab.step(Step::Join(1));
    lab.settle();
    lab.step(Step::Join(2));
    lab.step(Step::Leave(0));
    lab.settle();
    lab.assert_agree();
    assert!(lab.rosters[&anna].is_in(&bert) && lab.rosters[&bert].is_in(&anna) && !lab.rosters[&anna].is_in(&door));
}

#[test]
fn who_comes_back_with_nothing_remembered_is_in_again() {
    let mut lab = Lab::new();
    for who in 1..3 {
        lab.step(Step::Join(who));
        lab.settle();
    }
    // Killed, and started again: its numbers begin anew, unless somebody tells it.
    let (door, anna) = (address(NAMES[0]), address(NAMES[1]));
    let mut again = Roster::guest(anna.clone(), Agent::Browser, [door.user.clone()]);
    again.hear(lab.now, &door, &lab.rosters[&door].entries_for(&anna));
    lab.rosters.insert(anna.clone(), again);
    lab.step(Step::Join(1));
    lab.settle();
    lab.assert_agree();
}

#[test]
fn more_than_six_are_too_many_and_the_last_ones_leave() {
    let now = some_instant();
    let names: Vec<Address> = (0..8).map(|at| address(&format!("user-{at}/phone"))).collect();
    let users: Vec<UserId> = names.iter().map(|name| name.user.clone()).collect();
    let mut rosters: Vec<Roster> = (1u16..)
        .zip(&names)
        .map(|(place, name)| Roster::found(name.clone(), Agent::Browser, place, users.iter().cloned()))
        .collect();
    for at in 0..8 {
        for other in (0..8).filter(|other| *other != at) {
            let entries = rosters[other].entries_for(&names[at]);
            rosters[at].hear(now, &names[other], &entries[..1]);
        }
    }
    let surplus: Vec<bool> = rosters.iter().map(|roster| roster.surplus().is_some()).collect();
    assert_eq!(surplus, [false, false, false, false, false, false, true, true]);
    assert_eq!(rosters[7].surplus(), Some(EndReason::TooMany));
}

#[test]
fn the_second_device_of_a_user_leaves() {
    let now = some_instant();
    let (phone, desk) = (address("anna/phone"), address("anna/desk"));
    let mut first = Roster::found(phone.clone(), Agent::Browser, 2, []);
    let mut second = Roster::found(desk.clone(), Agent::Browser, 3, []);
    second.hear(now, &phone, &first.entries_for(&desk));
    first.hear(now, &desk, &second.entries_for(&phone));
    assert_eq!((first.surplus(), second.surplus()), (None, Some(EndReason::AnsweredElsewhere)));
}

#[test]
fn who_is_alone_waits_for_those_whom_the_caller_rang() {
    let mut lab = Lab::new();
    let (door, anna, bert) = (address(NAMES[0]), address(NAMES[1]), address(NAMES[2]));
    lab.step(Step::Join(1));
    lab.settle();
    lab.step(Step::Ended(0, 2));
    while !lab.wire.is_empty() {
        lab.deliver(0);
    }
    lab.step(Step::Invite(0, 2));
    lab.step(Step::Leave(0));
    while !lab.wire.is_empty() {
        lab.deliver(0);
    }
    let roster = lab.rosters.get_mut(&anna).unwrap();
    assert!(!roster.is_in(&door));
    assert_eq!(roster.alone_until(), Some(lab.now + secs(30)), "bert rings");
    let mut declined = roster.clone();
    declined.refused(&bert.user);
    assert_eq!(declined.alone_until(), None);
    roster.tick(lab.now + secs(30));
    assert_eq!(roster.alone_until(), None);
}
