//! One station, and a world that says anything at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, CallId, EnvelopeId, LinkId};
use callbox_core::protocol::{Agent, DoorState, EarlyMedia, Kind, Message};
use callbox_core::station::{
    Action, AutoAnswer, CallRecord, Callers, DoorEvent, DoorPolicy, Effect, Flow, Input, LinkEvent, MayOpen,
    MediaOrder, Phase, Policy, QuietPolicy, QuietTime, Station, Tone, Weekday,
};
use proptest::prelude::*;

use super::inputs::{ME, aim, early, input};
use crate::street::{Recorder, address, ms, some_instant};

/// How many walks are tried for [`walks_of_a_page`].
const WALKS: usize = 700;

/// A station and what its edges know of it.
struct Watched {
    now: Instant,
    station: Station,
    links: BTreeMap<LinkId, Flow>,
    tone: Tone,
    prepared: bool,
    records: Vec<CallRecord>,
    policy: Policy,
    /// The challenges that the station has sent and that were not brought back yet.
    challenges: Vec<Challenge>,
    /// Somebody may have the relay pulsed by the input that is handed in now.
    may_pulse: bool,
    /// The newest opening.
    opening: u64,
    /// Since when the warning sounds.
    warned: Option<Instant>,
    recorder: Option<Recorder>,
}

/// What a command has to bring back.
#[derive(Clone, Debug, PartialEq)]
struct Challenge {
    to: Address,
    call: CallId,
    nonce: EnvelopeId,
    challenge: EnvelopeId,
    sent: Instant,
}

/// One step of a walk: wait so long, then hand this in; perhaps aimed at what the station is busy with.
#[derive(Clone, Debug)]
struct Step {
    wait_ms: u64,
    input: Input,
    aimed: bool,
}

fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![3 => Just(0), 3 => 1..500u64, 2 => 500..5000u64, 1 => 5000..40_000u64];
    (wait, input(), prop::bool::weighted(0.8)).prop_map(|(wait_ms, input, aimed)| Step { wait_ms, input, aimed })
}

fn policy() -> impl Strategy<Value = Policy> {
    let trusted = prop_oneof![3 => Just(None), 1 => Just(Some(vec!["otto".parse().unwrap()].into()))];
    let allow = prop_oneof![
        1 => Just(MayOpen::Everybody),
        2 => Just(MayOpen::Users(vec!["door".parse().unwrap()])),
        1 => Just(MayOpen::Users(Vec::new())),
    ];
    let door = (allow, any::<bool>(), prop::option::of(1..60u64)).prop_map(|(allow, hang_up, limit)| DoorPolicy {
        allow,
        hang_up,
        open_limit: limit.map(|limit| ms(limit * 1000)),
    });
    (1..60u64, early(), trusted, prop::option::weighted(0.7, door), callers(), quiet(), longest()).prop_map(
        |(ring, early, trusted, door, (callers, auto_answer), quiet, longest)| Policy {
            ring: ms(ring * 1000),
            early,
            trusted,
            callers,
            quiet,
            auto_answer,
            longest,
            door,
        },
    )
}

fn longest() -> impl Strategy<Value = Option<Duration>> {
    prop::option::of((1..60u64).prop_map(|seconds| ms(seconds * 1000)))
}

fn callers() -> impl Strategy<Value = (Callers, Option<AutoAnswer>)> {
    let users = |names: &'static [&'static str]| {
        let some = prop::sample::subsequence(names, 0..=names.len());
        some.prop_map(|names| names.into_iter().map(|name| name.parse().unwrap()).collect::<Vec<_>>())
    };
    let allow = prop::option::weighted(0.3, users(&["door", "otto"]));
    let auto =
        (users(&["door", "otto"]), 0..10_000u64).prop_map(|(users, delay)| AutoAnswer { users, delay: ms(delay) });
    let longest = prop::option::of((1..60u64).prop_map(|seconds| ms(seconds * 1000)));
    (allow, users(&["otto"]), any::<bool>(), prop::option::of(auto), longest).prop_map(
        |(allow, deny, silently, auto, longest_ring)| {
            (Callers { allow: allow.map(Into::into), deny, silently, longest_ring }, auto)
        },
    )
}

fn quiet() -> impl Strategy<Value = QuietPolicy> {
    let time = (0..1440u16, 0..1440u16).prop_map(|(from, to)| QuietTime {
        days: Weekday::ALL[..4].to_vec(),
        from,
        to,
        reason: "night".to_owned(),
    });
    let except = prop_oneof![Just(Vec::new()), Just(vec!["door".parse().unwrap()])];
    (prop::collection::vec(time, 0..3), except).prop_map(|(times, except)| QuietPolicy { times, except })
}

impl Watched {
    fn new(agent: Agent, policy: Policy) -> Self {
        Self {
            now: some_instant(),
            station: Station::new(address(ME), agent, policy.clone(), [7; 32]),
            links: BTreeMap::new(),
            tone: Tone::Silence,
            prepared: false,
            records: Vec::new(),
            policy,
            challenges: Vec::new(),
            may_pulse: false,
            opening: 0,
            warned: None,
            recorder: None,
        }
    }

    fn take(&mut self, step: &Step) {
        self.pass(step.wait_ms);
        let view = self.station.view(self.now).call;
        let target = view.filter(|_| step.aimed).map(|view| {
            // While we ring somebody there are several peers: the drawn one stays.
            let peer = (view.caller != address(ME)).then_some(view.caller).or(view.peer);
            (view.call, peer)
        });
        let input = match target {
            Some((call, peer)) => aim(step.input.clone(), &call, peer.as_ref()),
            None => step.input.clone(),
        };
        self.give(input);
    }

    /// Lets time pass, with a tick at each deadline.
    fn pass(&mut self, wait_ms: u64) {
        let until = self.now + ms(wait_ms);
        while let Some(deadline) = self.station.deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.give(Input::Tick);
            assert!(
                self.station.deadline().is_none_or(|next| next > self.now),
                "a deadline in the past after its tick"
            );
        }
        self.now = until;
    }

    fn give(&mut self, mut input: Input) {
        self.may_pulse = self.may_pulse_by(&mut input);
        self.name_opening(&mut input);
        let of_another = matches!(input, Input::Door(DoorEvent::Unlocked { opening }) if opening != self.opening);
        let (before, ticked) = (self.station.phase(), input == Input::Tick);
        let quiet = self.station.view(self.now).quiet.is_some();
        // Picking up silences it.
        let warned = self.warned;
        self.station.handle(self.now, input.clone());
        let effects: Vec<Effect> = std::iter::from_fn(|| self.station.poll_effect()).take(200).collect();
        assert!(effects.len() < 200, "one input has no end of effects");
        assert!(!of_another || matches!(effects[..], [] | [Effect::Ignored(_)]), "another opening's answer counts");
        if let Some(recorder) = &mut self.recorder {
            recorder.step(self.now, &input, &effects, &self.station);
        }
        effects.into_iter().for_each(|effect| self.carry_out(effect));
        let after = self.station.phase();
        if before == Phase::Ringing && after == Phase::Accepting && ticked {
            let warned = warned.expect("nobody is picked up without a warning");
            assert!(self.now >= warned + ms(2000), "the warning was too short");
        }
        if before != Phase::Ringing && after == Phase::Ringing {
            self.may_ring(quiet);
        }
        self.check();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Media(order) => self.order(order),
            Effect::Record(record) => self.records.push(record),
            Effect::Send { to, message: Message::Challenge { call, nonce, challenge, .. } } => {
                let to = Address { user: to.user, device: to.device.expect("a challenge is for one device") };
                self.challenges.push(Challenge { to, call, nonce, challenge, sent: self.now });
            }
            Effect::Unlock { opening } => {
                assert!(std::mem::take(&mut self.may_pulse), "the relay is pulsed for nobody");
                assert!(opening > self.opening, "two openings have one number");
                self.opening = opening;
            }
            Effect::Send { .. } | Effect::Watch(_) | Effect::Show | Effect::Door(_) | Effect::Ignored(_) => {}
        }
    }

    /// It begins to ring: for somebody who may, at a time when anybody may.
    fn may_ring(&self, quiet: bool) {
        let caller = self.station.view(self.now).call.expect("it rings for a call").caller.user;
        let Callers { allow, deny, longest_ring, .. } = &self.policy.callers;
        let left = self.station.view(self.now).call.and_then(|call| call.remaining_ms).expect("it rings for so long");
        assert!(longest_ring.is_none_or(|longest| ms(left) <= longest), "it rings for {left} ms");
        assert!(!deny.contains(&caller) && allow.as_ref().is_none_or(|allow| allow.contains(&caller)), "{caller}");
        assert!(!quiet || self.policy.quiet.except.contains(&caller), "{caller} rings while it is quiet");
    }

    /// Whether this input may have the relay pulsed: a button here, or a command that brings back, in time and for the first time, what
    /// its sender was sent, while the call lives and it is a party of it. Puts the right challenge in where it is to be.
    fn may_pulse_by(&mut self, input: &mut Input) -> bool {
        let Some(door) = &self.policy.door else { return false };
        let Input::Heard { from, message: Message::Command { call, name, nonce, challenge: Some(challenge) } } = input
        else {
            return matches!(input, Input::Pressed(Action::Unlock { .. }));
        };
        let sent = self.challenges.iter().rposition(|known| {
            (&known.to, &known.call, &known.nonce) == (&*from, &*call, &*nonce) && self.now < known.sent + ms(5000)
        });
        if challenge.as_str() == "right" {
            // Also one that is used or too old, of another device or of an earlier call.
            *challenge = self.challenges.last().map_or_else(|| challenge.clone(), |newest| newest.challenge.clone());
        }
        let allowed = match &door.allow {
            MayOpen::Everybody => true,
            MayOpen::Users(users) => users.contains(&from.user),
        };
        let lives = self.station.view(self.now).call.is_some_and(|live| live.call == *call);
        sent.is_some_and(|at| self.challenges.remove(at).challenge == *challenge)
            && allowed
            && lives
            && name.as_str() == "unlock"
    }

    /// Puts the newest opening in where the relay answers it.
    fn name_opening(&self, input: &mut Input) {
        match input {
            Input::Door(DoorEvent::Unlocked { opening } | DoorEvent::Failed { opening }) if *opening == 0 => {
                *opening = self.opening;
            }
            _ => {}
        }
    }

    fn order(&mut self, order: MediaOrder) {
        match order {
            MediaOrder::Prepare { .. } => self.prepared = true,
            MediaOrder::Release => self.prepared = false,
            MediaOrder::Tone(tone) => {
                self.warned = (tone == Tone::Warning).then_some(self.now);
                self.tone = tone;
            }
            MediaOrder::Open { link, .. } => {
                assert!(self.prepared, "a link before Prepare");
                assert_eq!(self.links.insert(link, Flow::default()), None, "a link is opened twice");
            }
            MediaOrder::Gate { link, flow } => {
                assert!(self.links.insert(link, flow).is_some(), "a gate of no link");
            }
            MediaOrder::Close { link } => assert!(self.links.remove(&link).is_some(), "no link is closed"),
            MediaOrder::PeerSends { .. } => assert!(self.prepared, "a peer is told of before Prepare"),
            MediaOrder::Picture { link, .. }
            | MediaOrder::RemoteOffer { link, .. }
            | MediaOrder::RemoteAnswer { link, .. }
            | MediaOrder::RemoteCandidate { link, .. } => assert!(self.links.contains_key(&link), "no such link"),
        }
    }

    fn check(&self) {
        let (phase, view) = (self.station.phase(), self.station.view(self.now));
        let peer = view.call.as_ref().and_then(|call| call.peer.as_ref());
        for (link, flow) in &self.links {
            let talks = phase == Phase::Talking && peer == Some(&link.peer);
            assert!(talks || !flow.send_audio, "the microphone is open while {phase:?}");
            assert!(talks || !flow.play_audio, "the speaker is open while {phase:?}");
            assert!(talks || !flow.send_video || phase == Phase::Inviting, "the camera is open while {phase:?}");
            assert!(talks || !flow.play_video || matches!(phase, Phase::Ringing | Phase::Accepting));
            assert_eq!(view.call.as_ref().map(|call| &call.call), Some(&link.call));
        }
        assert!(self.links.len() <= 33, "links pile up");
        let fits = match self.tone {
            Tone::Silence => phase != Phase::Ringing,
            Tone::Ring | Tone::Warning => phase == Phase::Ringing,
            Tone::RingBack => phase == Phase::Inviting,
            // It ends by itself; who redials at once still hears its last beats.
            Tone::Busy => matches!(phase, Phase::Idle | Phase::Inviting),
        };
        assert!(fits, "{:?} while {phase:?}", self.tone);
        assert_eq!(self.prepared, phase != Phase::Idle, "capture runs in a call and only then");
        assert!(phase == Phase::Idle || phase == Phase::Talking || self.station.deadline().is_some());
        let door = view.door.and_then(|door| door.state);
        assert!(door.is_none_or(|state| state == DoorState::Closed) || self.policy.door.is_some());
    }

    /// The world falls silent: each open link tells so once, and time passes.
    fn world_falls_silent(&mut self) {
        for _ in 0..100 {
            for link in self.links.keys().cloned().collect::<Vec<_>>() {
                if self.links.contains_key(&link) {
                    self.give(Input::Link { link, event: LinkEvent::Silent });
                }
            }
            self.pass(10_000);
            if self.station.phase() == Phase::Idle {
                return;
            }
        }
        panic!("a call never ends: {:?}", self.station);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_holds_and_every_call_ends(
        policy in policy(),
        panel: bool,
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let agent = if panel { Agent::Panel } else { Agent::Browser };
        let mut watched = Watched::new(agent, policy);
        for step in &steps {
            watched.take(step);
        }
        watched.world_falls_silent();
        prop_assert!(watched.links.is_empty(), "all links are closed");
    }

    #[test]
    fn each_call_has_one_record(steps in prop::collection::vec(step(), 1..60)) {
        let policy = Policy { early: EarlyMedia::Connect, ..Policy::default() };
        let mut watched = Watched::new(Agent::Panel, policy);
        for step in &steps {
            watched.take(step);
        }
        watched.give(Input::Pressed(Action::Hangup));
        watched.world_falls_silent();
        // Whoever joins a group call again is in it a second time.
        let single = watched.records.iter().filter(|record| record.kind == Kind::Single);
        let mut calls: Vec<_> = single.map(|record| record.call.clone()).collect();
        let all = calls.len();
        calls.sort();
        calls.dedup();
        prop_assert_eq!(calls.len(), all, "a call is recorded twice");
    }
}

/// Walks that are the same in each run, held against the recorded stories: the page goes the same ways. Of many walks those are kept
/// in which something happens that did not happen in the ones before.
#[test]
fn walks_of_a_page() {
    use proptest::strategy::ValueTree as _;
    let input = input().prop_filter("a page has it", Recorder::a_page_has);
    let wait = prop_oneof![4 => Just(0), 4 => 1..500u64, 2 => 500..5000u64, 1 => 5000..40_000u64];
    let step = (wait, input, prop::bool::weighted(0.9));
    let step = step.prop_map(|(wait_ms, input, aimed)| Step { wait_ms, input, aimed });
    let walk = (early(), prop::collection::vec(step, 5..25));
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = BTreeSet::new();
    for _ in 0..WALKS {
        let (early, steps) = walk.new_tree(&mut runner).unwrap().current();
        let policy = Policy { early, ..Policy::default() };
        let mut watched = Watched::new(Agent::Browser, policy.clone());
        watched.recorder = Recorder::of(&address(ME), Agent::Browser, &policy, watched.now);
        steps.iter().for_each(|step| watched.take(step));
        let recorder = watched.recorder.take().expect("a page's settings");
        let known = seen.len();
        seen.extend(recorder.transitions().iter().cloned());
        if seen.len() > known {
            recorder.close();
        }
    }
}
