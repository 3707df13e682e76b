//! Reports true and false: whatever went wrong with a call is found.

use super::*;
use crate::cast;

const CALLER: usize = 0;

struct Story {
    ledger: Ledger,
    call: CallId,
    now: Instant,
}

impl Story {
    fn of(course: Course, callees: &[usize]) -> Self {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let (ring, talk) = (Duration::from_millis(300), Duration::from_secs(1));
        let callees = callees.to_vec();
        let plan = Plan { caller: CALLER, callees, course, ring, talk, caller_hangs_up: true, due: now };
        let number = ledger.plan(plan);
        let call: CallId = "call".parse().unwrap();
        ledger.pressed(now + Duration::from_millis(1), number, call.clone());
        Self { ledger, call, now }
    }

    fn saw(&mut self, ms: u64, who: usize, event: Event) {
        self.ledger.note(self.now + Duration::from_millis(ms), who, &self.call, event);
    }

    fn rings(&mut self, callee: usize) {
        self.saw(4, callee, Event::Rang);
        self.saw(5, CALLER, Event::HeardRinging);
    }

    /// It rings at one of several callees.
    fn rings_at(&mut self, callee: usize) {
        self.saw(4, callee, Event::Rang);
    }

    fn ends(&mut self, who: usize, reason: EndReason, peer: Option<usize>) {
        self.saw(1500, who, Event::Ended { reason, peer: peer.map(cast::user) });
    }

    /// Callee 1 picks up and they talk.
    fn talks(&mut self) {
        self.rings(1);
        self.saw(304, 1, Event::Accepted);
        self.saw(305, CALLER, Event::Talks);
        self.saw(307, 1, Event::Talks);
        self.ends(CALLER, EndReason::Hangup, Some(1));
        self.ends(1, EndReason::Hangup, Some(CALLER));
    }

    fn fault(&self) -> Option<Fault> {
        let faults = self.ledger.faults();
        assert!(faults.len() <= 1, "{faults:?}");
        faults.into_iter().next()
    }

    fn is_lost(&self) -> bool {
        matches!(self.fault(), Some(Fault::Lost(_)))
    }

    fn is_doubled(&self) -> bool {
        matches!(self.fault(), Some(Fault::Doubled(_)))
    }

    fn is_otherwise(&self) -> bool {
        matches!(self.fault(), Some(Fault::Otherwise(_)))
    }
}

#[test]
fn a_good_call_has_no_fault_and_frees_its_stations() {
    let mut story = Story::of(Course::Accept, &[1]);
    assert_eq!(story.ledger.open(), 1);
    story.talks();
    assert_eq!((story.fault(), story.ledger.open()), (None, 0));
    assert_eq!(*story.ledger.free(), [0, 1]);
}

#[test]
fn latencies_leave_out_the_time_people_take() {
    let mut story = Story::of(Course::Accept, &[1]);
    story.talks();
    let ms = |values: Vec<Duration>| values.iter().map(Duration::as_millis).collect::<Vec<_>>();
    let Latencies { lag, press_ringing, accept_confirm, press_talking } = story.ledger.latencies();
    assert_eq!((ms(lag), ms(press_ringing), ms(accept_confirm)), (vec![1], vec![5], vec![3]));
    assert_eq!(ms(press_talking), [7]);
}

#[test]
fn a_call_that_never_rings_is_lost() {
    let mut story = Story::of(Course::NoAnswer, &[1]);
    story.ends(CALLER, EndReason::Offline, None);
    assert!(story.is_lost());
}

#[test]
fn a_call_whose_end_one_side_never_sees_is_lost() {
    let mut story = Story::of(Course::Cancel, &[1]);
    story.rings(1);
    story.ends(CALLER, EndReason::Cancelled, None);
    assert!(story.is_lost());
    assert_eq!(story.ledger.open(), 1);
    assert!(story.ledger.free().is_empty());
}

#[test]
fn an_accept_that_leads_nowhere_is_lost() {
    let mut story = Story::of(Course::Accept, &[1]);
    story.rings(1);
    story.saw(304, 1, Event::Accepted);
    story.ends(CALLER, EndReason::NoAnswer, None);
    story.ends(1, EndReason::NetworkLost, None);
    assert!(story.is_lost());
}

#[test]
fn a_call_that_was_never_begun_is_lost() {
    let mut ledger = Ledger::default();
    let (ring, talk) = (Duration::ZERO, Duration::ZERO);
    let (course, due) = (Course::Accept, Instant::now());
    ledger.plan(Plan { caller: 0, callees: vec![1], course, ring, talk, caller_hangs_up: true, due });
    assert!(matches!(ledger.faults()[..], [Fault::Lost(_)]));
}

#[test]
fn two_winners_are_a_doubled_call() {
    let mut story = Story::of(Course::Accept, &[1, 2]);
    story.talks();
    story.rings(2);
    story.saw(304, 2, Event::Accepted);
    story.saw(309, 2, Event::Talks);
    story.ends(2, EndReason::Hangup, Some(CALLER));
    assert!(story.is_doubled());
}

#[test]
fn a_caller_who_talks_with_somebody_else_is_a_doubled_call() {
    let mut story = Story::of(Course::Accept, &[1, 2]);
    story.rings(1);
    story.rings(2);
    story.saw(307, 1, Event::Talks);
    story.saw(307, CALLER, Event::Talks);
    story.ends(1, EndReason::Hangup, Some(CALLER));
    story.ends(2, EndReason::AnsweredElsewhere, None);
    story.ends(CALLER, EndReason::Hangup, Some(2));
    assert!(story.is_doubled());
}

#[test]
fn what_rings_or_ends_twice_is_doubled() {
    let mut rings_again = Story::of(Course::Accept, &[1]);
    rings_again.talks();
    rings_again.saw(2000, 1, Event::Rang);
    assert!(rings_again.is_doubled());
    let mut ends_again = Story::of(Course::Accept, &[1]);
    ends_again.talks();
    ends_again.ends(1, EndReason::Hangup, Some(CALLER));
    assert!(ends_again.is_doubled());
    assert_eq!(ends_again.ledger.free().len(), 2);
}

#[test]
fn a_call_at_the_wrong_station_is_doubled() {
    let mut story = Story::of(Course::Accept, &[1]);
    story.talks();
    story.saw(5, 7, Event::Rang);
    assert!(story.is_doubled());
}

#[test]
fn a_call_nobody_began_is_doubled() {
    let mut ledger = Ledger::default();
    ledger.note(Instant::now(), 3, &"ghost".parse().unwrap(), Event::Rang);
    assert!(matches!(ledger.faults()[..], [Fault::Doubled(_)]));
}

#[test]
fn the_loser_of_a_ring_group_is_told_who_was_faster() {
    let mut story = Story::of(Course::Accept, &[1, 2]);
    story.talks();
    story.rings(2);
    story.ends(2, EndReason::AnsweredElsewhere, None);
    assert_eq!(story.fault(), None);
}

#[test]
fn another_reason_than_planned_is_found() {
    for (course, reason) in [
        (Course::Reject, EndReason::Rejected),
        (Course::NoAnswer, EndReason::NoAnswer),
        (Course::Cancel, EndReason::Cancelled),
    ] {
        for found in EndReason::ALL {
            let mut story = Story::of(course, &[1]);
            story.rings(1);
            story.ends(CALLER, reason, None);
            story.ends(1, found, None);
            assert_eq!(story.is_otherwise(), found != reason, "{course:?} {found}");
        }
    }
}

#[test]
fn a_talk_that_breaks_off_is_found() {
    let mut story = Story::of(Course::Accept, &[1]);
    story.rings(1);
    story.saw(305, CALLER, Event::Talks);
    story.saw(307, 1, Event::Talks);
    story.ends(CALLER, EndReason::MediaFailed, Some(1));
    story.ends(1, EndReason::MediaFailed, Some(CALLER));
    assert!(story.is_otherwise());
}

/// Three come in, the caller leaves 7 s later, the other two at the same moment. `peers` are those of 2 once the caller has left.
fn group_call(peers: &[usize]) -> Story {
    let mut story = Story::of(Course::Group, &[1, 2]);
    for callee in [1, 2] {
        story.rings_at(callee);
        story.saw(304, callee, Event::Accepted);
        story.saw(306, callee, Event::Talks);
    }
    story.saw(305, CALLER, Event::Talks);
    for who in 0..=2 {
        story.saw(310, who, Event::Peers((0..=2).filter(|other| *other != who).collect()));
    }
    story.saw(7_000, CALLER, Event::Ended { reason: EndReason::Hangup, peer: None });
    story.saw(7_010, 1, Event::Peers([2].into()));
    story.saw(7_010, 2, Event::Peers(peers.iter().copied().collect()));
    for who in [1, 2] {
        story.saw(14_000, who, Event::Ended { reason: EndReason::Hangup, peer: None });
    }
    story
}

#[test]
fn a_group_call_whose_members_agree_has_no_fault() {
    let story = group_call(&[1]);
    assert_eq!((story.fault(), story.ledger.open()), (None, 0));
    assert_eq!(story.ledger.courses(), [("group", 1)].into());
    assert_eq!(story.ledger.latencies().accept_confirm.len(), 2);
}

#[test]
fn a_member_that_still_sees_one_who_left_has_diverged() {
    let Some(Fault::Diverged(text)) = group_call(&[0, 1]).fault() else { panic!("it is not found") };
    assert!(text.contains("{1, 2} are in, and the peers of 2 are Some({0, 1})"), "{text}");
}

#[test]
fn a_member_that_another_does_not_see_has_diverged() {
    assert!(matches!(group_call(&[]).fault(), Some(Fault::Diverged(_))));
}

#[test]
fn a_callee_that_never_comes_in_is_lost() {
    let mut story = Story::of(Course::Group, &[1, 2]);
    for callee in [1, 2] {
        story.rings_at(callee);
    }
    story.saw(305, CALLER, Event::Talks);
    story.saw(306, 1, Event::Talks);
    for who in 0..=2 {
        story.ends(who, EndReason::Hangup, None);
    }
    assert!(story.is_lost());
}
