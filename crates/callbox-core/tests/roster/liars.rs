//! A member writes its own entry and its own invitations, and nothing else.

use callbox_core::ids::Address;
use callbox_core::protocol::{Agent, EndReason, MAX_ENTRY_NUMBER, RosterEntry};
use callbox_core::roster::Roster;

use super::{Lab, NAMES, Step};
use crate::street::{address, secs, some_instant};

fn entry(device: &Address, number: u32, left: Option<EndReason>) -> RosterEntry {
    RosterEntry { device: device.clone(), number, agent: Agent::Browser, place: 1, left, invited: Vec::new() }
}

/// Everybody is in.
fn all_in() -> Lab {
    let mut lab = Lab::new();
    for who in 1..NAMES.len() {
        lab.step(Step::Join(who));
        lab.settle();
    }
    lab.assert_agree();
    lab
}

/// A member tells the others something of the door, and goes on telling it.
fn lie(lab: &mut Lab, lie: &dyn Fn(u32) -> RosterEntry, times: u32) {
    let liar = address(NAMES[3]);
    for time in 0..times {
        let mut entries: Vec<RosterEntry> = lab.rosters[&liar].entries().cloned().collect();
        let number = lab.rosters[&address(NAMES[1])].entries().find(|e| e.device == address(NAMES[0])).unwrap().number;
        entries.retain(|entry| entry.device == liar);
        entries.push(lie(number + time));
        for name in &NAMES[..3] {
            lab.arrive(&liar, &address(name), &entries);
            assert!(lab.rosters[&address(NAMES[1])].is_in(&address(NAMES[0])), "the door is in, for it says so");
        }
    }
}

#[test]
fn a_member_who_says_that_another_has_left_is_not_believed() {
    let mut lab = all_in();
    let door = address(NAMES[0]);
    lie(&mut lab, &|number| entry(&door, number + 1, Some(EndReason::Hangup)), 3);
    lab.settle();
    assert!(lab.rosters[&address(NAMES[1])].is_in(&door) && lab.rosters[&address(NAMES[2])].is_in(&door));
    lab.assert_agree();
}

#[test]
fn a_number_out_of_all_reason_costs_nobody_his_voice() {
    let mut lab = all_in();
    let door = address(NAMES[0]);
    lie(&mut lab, &|_| entry(&door, MAX_ENTRY_NUMBER, Some(EndReason::Hangup)), 2);
    lab.settle();
    lab.step(Step::Invite(0, 1));
    lab.settle();
    lab.assert_agree();
    let number = lab.rosters[&door].entries().next().unwrap().number;
    assert!(number < 1000, "{number}");
}

#[test]
fn an_invented_member_is_never_in() {
    let mut lab = all_in();
    let ghost = address("carl/ghost");
    let liar = address(NAMES[3]);
    let mut entries: Vec<RosterEntry> = lab.rosters[&liar].entries().cloned().collect();
    entries.push(entry(&ghost, 7, None));
    let heard = lab.rosters.get_mut(&address(NAMES[1])).unwrap().hear(lab.now, &liar, &entries);
    assert!(heard.tell.contains(&ghost), "it is asked");
    lab.wait(secs(6));
    assert!(!lab.rosters[&address(NAMES[1])].is_in(&ghost), "only its own word brings it in");
}

#[test]
fn a_stranger_is_not_heard() {
    let (now, stranger) = (some_instant(), address("eve/phone"));
    let mut door = Roster::found(address(NAMES[0]), Agent::Panel, 1, [address(NAMES[1]).user]);
    let before = door.clone();
    let heard = door.hear(now, &stranger, &[entry(&stranger, 1, None), entry(&address(NAMES[1]), 9, None)]);
    assert!(!heard.changed && heard.tell.is_empty() && door == before);
}

#[test]
fn one_who_is_not_in_says_nothing_of_others() {
    let (now, anna) = (some_instant(), address(NAMES[1]));
    let mut door = Roster::found(address(NAMES[0]), Agent::Panel, 1, [anna.user.clone()]);
    let eve = address("eve/phone");
    door.hear(now, &anna, &[entry(&anna, 2, Some(EndReason::Hangup)), entry(&eve, 1, None)]);
    door.hear(now, &anna, &[entry(&eve, 1, None)]);
    assert!(!door.admits(&eve.user) && door.members().count() == 0);
}

#[test]
fn endless_names_are_bounded() {
    let mut lab = all_in();
    let liar = address(NAMES[3]);
    let own = lab.rosters[&liar].entries().next().unwrap().clone();
    let mut asked = 0;
    for round in 0..50 {
        let mut entries = vec![own.clone()];
        entries.extend((0..31).map(|at| entry(&address(&format!("ghost-{round}-{at}/x")), 1, None)));
        asked += lab.rosters.get_mut(&address(NAMES[1])).unwrap().hear(lab.now, &liar, &entries).tell.len();
    }
    let roster = &lab.rosters[&address(NAMES[1])];
    assert!(roster.entries().count() <= 32 && roster.users().count() <= 64 && asked < 200, "{asked}");
}
