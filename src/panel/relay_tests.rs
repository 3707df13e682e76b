//! The relay is never on for longer than its limit, whatever is ordered and whatever fails.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_pulse_ends_and_orders_meanwhile_stretch_it_to_the_limit_only() {
    let (mut pulse, start) = (Pulse::new(3 * SECOND, 5 * SECOND), Instant::now());
    assert_eq!(pulse.until(), None);
    pulse.order(start);
    assert_eq!(pulse.until(), Some(start + 3 * SECOND));
    pulse.order(start + SECOND);
    assert_eq!(pulse.until(), Some(start + 4 * SECOND));
    pulse.order(start + 4 * SECOND);
    assert_eq!(pulse.until(), Some(start + 5 * SECOND));
    pulse.on = None;
    pulse.order(start + 6 * SECOND);
    assert_eq!(pulse.until(), Some(start + 9 * SECOND));
}

proptest! {
    #[test]
    fn it_is_never_on_beyond_its_limit(pauses in proptest::collection::vec(0_u64..4000, 1..60)) {
        let (mut pulse, mut now) = (Pulse::new(3 * SECOND, 7 * SECOND), Instant::now());
        for pause in pauses {
            now += Duration::from_millis(pause);
            if pulse.until().is_some_and(|until| until <= now) {
                pulse.on = None;
            }
            pulse.order(now);
            let (since, until) = pulse.on.unwrap();
            prop_assert!(until > now && until <= since + pulse.limit && until <= now + pulse.length);
        }
    }
}

/// A relay that can break: what it was told, and whether it works.
#[derive(Clone, Default)]
struct Fake(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    told: Vec<bool>,
    is_broken: bool,
}

impl Output for Fake {
    fn set(&mut self, is_on: bool) -> io::Result<()> {
        let mut inside = self.0.lock().unwrap();
        if inside.is_broken {
            return Err(io::Error::other("gone"));
        }
        inside.told.push(is_on);
        Ok(())
    }
}

impl Fake {
    fn keeper(&self, pulse: Pulse) -> (Keeper, mpsc::Receiver<Event>) {
        let (events, told) = mpsc::channel(16);
        let fake = self.clone();
        let open = move || {
            let is_broken = fake.0.lock().unwrap().is_broken;
            if is_broken {
                Err(io::Error::other("no such line"))
            } else {
                Ok(Box::new(fake.clone()) as Box<dyn Output>)
            }
        };
        (Keeper::with(pulse, Box::new(open), events).unwrap(), told)
    }

    fn told(&self) -> Vec<bool> {
        self.0.lock().unwrap().told.clone()
    }
}

impl Fake {
    fn waits_for(&self, expected: &[bool]) {
        let end = Instant::now() + 20 * SECOND;
        while self.told() != expected {
            assert!(Instant::now() < end, "{:?}", self.told());
            thread::sleep(SECOND / 100);
        }
    }
}

/// The next event; a keeper that tells none fails the test and does not hang it.
fn next(told: &mut mpsc::Receiver<Event>) -> Option<Event> {
    let end = Instant::now() + 20 * SECOND;
    loop {
        if let Ok(event) = told.try_recv() {
            return Some(event);
        }
        assert!(Instant::now() < end, "no event");
        thread::sleep(SECOND / 100);
    }
}

fn unlocked(opening: u64) -> Option<Event> {
    Some(Event::Door(DoorEvent::Unlocked { opening }))
}

#[test]
fn a_pulse_goes_on_and_off_whether_or_not_anybody_listens() {
    let fake = Fake::default();
    let (keeper, mut told) = fake.keeper(Pulse::new(SECOND / 20, SECOND));
    assert!(keeper.unlock(1));
    assert_eq!(next(&mut told), unlocked(1));
    fake.waits_for(&[true, false]);
    drop(told);
    assert!(keeper.unlock(2));
    fake.waits_for(&[true, false, true, false]);
}

#[test]
fn it_is_off_when_its_keeper_goes_in_a_pulse() {
    let fake = Fake::default();
    let (keeper, mut told) = fake.keeper(Pulse::new(600 * SECOND, 600 * SECOND));
    assert!(keeper.unlock(1));
    assert_eq!(next(&mut told), unlocked(1));
    drop(keeper);
    assert_eq!(fake.told(), [true, false]);
}

#[test]
fn orders_without_end_do_not_keep_it_on() {
    let fake = Fake::default();
    let (keeper, mut told) = fake.keeper(Pulse::new(SECOND / 10, SECOND / 5));
    let end = Instant::now() + 20 * SECOND;
    while fake.told().last() != Some(&false) {
        assert!(Instant::now() < end, "it is still on: {:?}", fake.told());
        keeper.unlock(1);
        while told.try_recv().is_ok() {}
        thread::sleep(SECOND / 100);
    }
}

#[test]
fn an_order_to_a_relay_that_is_gone_fails_and_one_that_is_back_obeys() {
    let fake = Fake::default();
    fake.0.lock().unwrap().is_broken = true;
    let (keeper, mut told) = fake.keeper(Pulse::new(SECOND / 20, SECOND));
    let fault = next(&mut told);
    assert!(matches!(&fault, Some(Event::Fault { text, .. }) if text == "no such line"), "{fault:?}");
    assert!(keeper.unlock(1));
    assert_eq!(next(&mut told), Some(Event::Door(DoorEvent::Failed { opening: 1 })));
    fake.0.lock().unwrap().is_broken = false;
    assert_eq!(next(&mut told), Some(Event::Recovered { part: PART.to_owned() }));
    assert!(keeper.unlock(2));
    assert_eq!(next(&mut told), unlocked(2));
    // It breaks before the pulse ends: its line is given back, which is all that can be done, and is told.
    fake.0.lock().unwrap().is_broken = true;
    assert!(matches!(next(&mut told), Some(Event::Fault { .. })));
}
