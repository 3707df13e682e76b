//! One station, and a world that says anything at any time.

use std::collections::BTreeMap;
use std::time::Instant;

use callbox_core::ids::LinkId;
use callbox_core::protocol::{Agent, EarlyMedia};
use callbox_core::station::{
    Action, CallRecord, Effect, Flow, Input, LinkEvent, MediaOrder, Phase, Policy, Station, Tone,
};
use proptest::prelude::*;

use super::inputs::{ME, aim, early, input};
use crate::street::{address, ms, some_instant};

/// A station and what its edges know of it.
struct Watched {
    now: Instant,
    station: Station,
    links: BTreeMap<LinkId, Flow>,
    tone: Tone,
    prepared: bool,
    records: Vec<CallRecord>,
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
    let trusted = prop_oneof![3 => Just(None), 1 => Just(Some(vec!["otto".parse().unwrap()]))];
    (1..60u64, early(), trusted).prop_map(|(ring, early, trusted)| Policy { ring: ms(ring * 1000), early, trusted })
}

impl Watched {
    fn new(agent: Agent, policy: Policy) -> Self {
        Self {
            now: some_instant(),
            station: Station::new(address(ME), agent, policy, [7; 32]),
            links: BTreeMap::new(),
            tone: Tone::Silence,
            prepared: false,
            records: Vec::new(),
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

    fn give(&mut self, input: Input) {
        self.station.handle(self.now, input);
        let mut effects = 0;
        while let Some(effect) = self.station.poll_effect() {
            effects += 1;
            assert!(effects < 200, "one input has no end of effects");
            self.carry_out(effect);
        }
        self.check();
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Media(order) => self.order(order),
            Effect::Record(record) => self.records.push(record),
            Effect::Send { .. } | Effect::Watch(_) | Effect::Show => {}
        }
    }

    fn order(&mut self, order: MediaOrder) {
        match order {
            MediaOrder::Prepare { .. } => self.prepared = true,
            MediaOrder::Release => self.prepared = false,
            MediaOrder::Tone(tone) => self.tone = tone,
            MediaOrder::Open { link, .. } => {
                assert!(self.prepared, "a link before Prepare");
                assert_eq!(self.links.insert(link, Flow::default()), None, "a link is opened twice");
            }
            MediaOrder::Gate { link, flow } => {
                assert!(self.links.insert(link, flow).is_some(), "a gate of no link");
            }
            MediaOrder::Close { link } => assert!(self.links.remove(&link).is_some(), "no link is closed"),
            MediaOrder::RemoteOffer { link, .. }
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
            Tone::Ring => phase == Phase::Ringing,
            Tone::RingBack => phase == Phase::Inviting,
            // It ends by itself; who redials at once still hears its last beats.
            Tone::Busy => matches!(phase, Phase::Idle | Phase::Inviting),
        };
        assert!(fits, "{:?} while {phase:?}", self.tone);
        assert_eq!(self.prepared, phase != Phase::Idle, "capture runs in a call and only then");
        assert!(phase == Phase::Idle || phase == Phase::Talking || self.station.deadline().is_some());
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
        let mut calls: Vec<_> = watched.records.iter().map(|record| record.call.clone()).collect();
        let all = calls.len();
        calls.sort();
        calls.dedup();
        prop_assert_eq!(calls.len(), all, "a call is recorded twice");
    }
}
