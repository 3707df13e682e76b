//! Several stations in a storm: whatever is pressed, pulled out and lost, in the end they agree.

use callbox_core::protocol::{Agent, EarlyMedia, Media};
use callbox_core::station::{Action, Phase, Policy};
use proptest::prelude::*;

use crate::street::{Street, Weather, ms, secs};

const NAMES: [&str; 5] = ["door/panel", "anna/phone", "anna/desk", "otto/phone", "gate/panel"];

/// Something that a person, the network or the weather does.
#[derive(Clone, Debug)]
enum Event {
    Press(usize, Action),
    Offline(usize),
    Online(usize),
    Restart(usize),
    Cut(usize, usize),
    Mend(usize, usize),
    NewNetwork(usize),
    NewAddress(usize),
    NoNetwork(usize),
    NetworkAgain(usize),
    Killed(usize),
}

fn event() -> impl Strategy<Value = Event> {
    let who = || 0..NAMES.len();
    prop_oneof![
        12 => (who(), action()).prop_map(|(who, action)| Event::Press(who, action)),
        1 => who().prop_map(Event::Offline),
        2 => who().prop_map(Event::Online),
        1 => who().prop_map(Event::Restart),
        1 => (who(), who()).prop_map(|(a, b)| Event::Cut(a, b)),
        2 => (who(), who()).prop_map(|(a, b)| Event::Mend(a, b)),
        1 => who().prop_map(Event::NewNetwork),
        1 => who().prop_map(Event::NewAddress),
        1 => who().prop_map(Event::NoNetwork),
        2 => who().prop_map(Event::NetworkAgain),
        1 => who().prop_map(Event::Killed),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    let users = || {
        let names = prop::collection::vec(prop::sample::select(vec!["anna", "door", "otto", "gate"]), 1..3);
        names.prop_map(|names| names.into_iter().map(|name| name.parse().unwrap()).collect())
    };
    prop_oneof![
        4 => users().prop_map(|users| Action::Call { users, media: Media::Video }),
        3 => users().prop_map(|users| Action::CallGroup { users, media: Media::Video }),
        2 => users().prop_map(|users| Action::Add { users }),
        1 => Just(Action::Join { call: None }),
        4 => Just(Action::Accept),
        1 => Just(Action::Reject),
        1 => Just(Action::Hangup),
        1 => Just(Action::Toggle),
        1 => any::<bool>().prop_map(Action::SetMicrophone),
        1 => any::<bool>().prop_map(Action::SetCamera),
    ]
}

fn walk(seed: u64, weather: Weather, early: EarlyMedia, events: &[(u64, Event)]) -> Street {
    let mut street = Street::with_weather(weather, seed).unrecorded();
    for name in NAMES {
        let agent = if name.ends_with("panel") { Agent::Panel } else { Agent::Browser };
        street.device(name, agent, Policy { early, ..Policy::default() });
    }
    for (wait, event) in events {
        street.pass(ms(*wait));
        match event {
            Event::Press(who, action) => street.press(NAMES[*who], action.clone()),
            Event::Offline(who) => street.goes_offline(NAMES[*who]),
            Event::Online(who) => street.comes_online(NAMES[*who]),
            Event::Restart(who) => street.restarts(NAMES[*who]),
            Event::Cut(a, b) => street.cuts_cable(NAMES[*a], NAMES[*b]),
            Event::Mend(a, b) => street.mends_cable(NAMES[*a], NAMES[*b]),
            Event::NewNetwork(who) => street.changes_network(NAMES[*who]),
            Event::NewAddress(who) => street.changes_address(NAMES[*who]),
            Event::NoNetwork(who) => street.loses_network(NAMES[*who]),
            Event::NetworkAgain(who) => street.has_network_again(NAMES[*who]),
            Event::Killed(who) => street.is_killed(NAMES[*who]),
        }
    }
    street
}

fn events() -> impl Strategy<Value = Vec<(u64, Event)>> {
    let wait = prop_oneof![2 => Just(0), 4 => 1..300u64, 3 => 300..5000u64, 1 => 5000..40_000u64];
    prop::collection::vec((wait, event()), 1..40)
}

fn weather() -> impl Strategy<Value = Weather> {
    prop_oneof![Just(Weather::CALM), Just(Weather::SLOW), Just(Weather::STORM)]
}

fn early() -> impl Strategy<Value = EarlyMedia> {
    prop_oneof![Just(EarlyMedia::Off), Just(EarlyMedia::Connect), Just(EarlyMedia::Preview)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn in_the_end_all_agree(seed: u64, weather in weather(), early in early(), events in events()) {
        let mut street = walk(seed, weather, early, &events);
        // Nobody does anything any more; the storm may go on. All that rings ends, all that broke is mended or over.
        street.pass(secs(240));
        street.check_agreement();
        for name in NAMES {
            let phase = street.phase(name);
            prop_assert!(matches!(phase, Phase::Idle | Phase::Talking), "{name} is {phase:?} for ever");
        }
    }

    #[test]
    fn when_all_cables_are_pulled_every_call_ends(seed: u64, weather in weather(), early in early(), events in events()) {
        let mut street = walk(seed, weather, early, &events);
        for name in NAMES {
            street.goes_offline(name);
            street.changes_network(name);
            for other in NAMES {
                street.cuts_cable(name, other);
            }
        }
        street.pass(secs(240));
        for name in NAMES {
            prop_assert_eq!(street.phase(name), Phase::Idle, "{}", name);
        }
    }
}
