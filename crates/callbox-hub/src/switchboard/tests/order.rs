//! Any order of anything: what must hold, holds.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox_core::protocol::{Bye, EndReason, Message};

use super::chance::Chance;
use super::desk::*;
use crate::switchboard::tenant::{Session, Tenant};
use crate::switchboard::{SessionId, Switchboard, TenantSettings};

const DEVICES: [&str; 6] = ["anna/phone", "anna/desk", "bert/phone", "door/panel", "door/second", "carl/phone"];
const USERS: [&str; 4] = ["anna", "bert", "door", "carl"];
const CALLS: [&str; 4] = ["c1", "c2", "c3", "c4"];

#[test]
fn whatever_happens_in_whatever_order_senders_are_true_and_time_only_shrinks() {
    for seed in 1..=150_u64 {
        let mut chance = Chance::new(seed);
        let renew_welcome = Some(Duration::from_secs(7));
        let mut desk = Desk::with(TenantSettings { renew_welcome, ..TenantSettings::default() });
        let mut live: BTreeMap<SessionId, &str> = BTreeMap::new();
        for _ in 0..120 {
            step(&mut desk, &mut live, &mut chance);
            live.retain(|session, _| !desk.closed.contains(&(*session, Bye::TicketExpired)));
            check(&mut desk, &live, seed);
        }
        // Everything ends: after the longest deadline nothing waits any more.
        desk.pass(Duration::from_secs(40));
        let held = remembered(&desk.stored);
        assert!(held.invites.is_empty(), "seed {seed}: {held:?}");
        let newcomer = desk.log_in("anna/new");
        assert!(desk.words(newcomer).iter().all(|word| !word.starts_with("invite")), "seed {seed}");
    }
}

fn step<'a>(desk: &mut Desk, live: &mut BTreeMap<SessionId, &'a str>, chance: &mut Chance)
where
    'static: 'a,
{
    let any =
        |chance: &mut Chance, live: &BTreeMap<SessionId, &str>| live.keys().nth(chance.below(live.len())).copied();
    let roll = if live.is_empty() { 0 } else { chance.below(13) };
    match roll {
        0 | 1 => {
            let who = chance.of(&DEVICES);
            let session = desk.log_in_to(APP, who, Duration::from_secs(1 + chance.below(90) as u64));
            live.retain(|_, other| *other != who);
            live.insert(session, who);
        }
        2 => {
            if let Some(session) = any(chance, live) {
                desk.log_out(session);
                live.remove(&session);
            }
        }
        3 => desk.pass(Duration::from_millis(chance.below(9_000) as u64)),
        roll => {
            let Some(session) = any(chance, live) else { return };
            let (user, device, call) = (chance.of(&USERS), chance.of(&DEVICES), chance.of(&CALLS));
            match roll {
                4..=6 => desk.say(session, user, invite(call, &[user], 1 + chance.below(30_000) as u32)),
                7 => desk.say(session, user, cancel(call, EndReason::Cancelled)),
                8 => desk.say(session, device, confirm(call)),
                9 if chance.below(2) == 0 => desk.say(session, device, ringing(call)),
                9 => desk.say(session, device, reject(call, EndReason::Rejected)),
                10 => desk.say(session, "", Message::Watch { users: vec!["*".to_owned()] }),
                11 => desk.frame(session, r#"{"v":1,"id":"x","type":"dance","to":{"user":"anna"}}"#),
                _ => desk.frame(session, &garbled(chance)),
            }
        }
    }
}

/// A good frame with some of its characters replaced.
fn garbled(chance: &mut Chance) -> String {
    let good = r#"{"v":1,"id":"x","to":{"user":"anna"},"type":"reject","call":"c1","reason":"rejected"}"#;
    let mut characters: Vec<char> = good.chars().collect();
    for _ in 0..=chance.below(4) {
        let place = chance.below(characters.len());
        characters[place] = ['"', '{', '9', ':', '\\', 'ü', '\0', ','][chance.below(8)];
    }
    characters.into_iter().collect()
}

fn check(desk: &mut Desk, live: &BTreeMap<SessionId, &str>, seed: u64) {
    assert_eq!(desk.switchboard.sessions(), live.len(), "seed {seed}");
    let naive = naive_deadline(&desk.switchboard);
    assert_eq!(desk.switchboard.deadline(), naive, "seed {seed}");
    assert!(naive.is_none_or(|deadline| deadline > desk.now.steady), "seed {seed}: what is due stays due");
    let known: Vec<_> = DEVICES.iter().map(|device| address(device)).collect();
    for session in live.keys() {
        for envelope in desk.heard(*session) {
            if let Some(from) = &envelope.from {
                assert!(known.contains(from), "seed {seed}: a forged sender passed: {from}");
            }
            if let Message::Invite { remaining_ms, .. } = envelope.message {
                assert!((1..=30_000).contains(&remaining_ms), "seed {seed}");
            }
        }
    }
}

/// The smallest of all deadlines there are.
fn naive_deadline(switchboard: &Switchboard) -> Option<Instant> {
    let of_tenant = |tenant: &Tenant| {
        let sessions = tenant.sessions.values().map(Session::due);
        sessions
            .chain(tenant.kept.deadlines())
            .chain(tenant.held.deadlines())
            .chain(tenant.missed.deadline())
            .chain(tenant.lately.deadline())
            .min()
    };
    switchboard.tenants.values().filter_map(of_tenant).min()
}
