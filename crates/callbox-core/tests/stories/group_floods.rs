//! A member of a group call that says the same thing without end.

use callbox_core::protocol::{Agent, Message, RosterEntry};
use callbox_core::station::{MediaOrder, Phase};

use super::group::{ANNA, BERT, DOOR, three_talk};
use crate::street::{Street, address, ms, secs};

#[test]
fn a_member_that_joins_without_end_causes_few_links() {
    let mut street = three_talk();
    let call = street.call_of(DOOR);
    // The door is a panel and Anna's phone a browser: both offer to Bert.
    for victim in [DOOR, ANNA] {
        let before = links_opened(&street, victim);
        for _ in 0..20 {
            street.post(BERT, victim, Message::Join { call: call.clone(), agent: Agent::Browser });
            street.pass(ms(50));
        }
        let links = links_opened(&street, victim) - before;
        assert!((1..=9).contains(&links), "{links} links of {victim} in a second");
        assert_eq!(street.phase(victim), Phase::Talking);
    }
}

fn links_opened(street: &Street, name: &str) -> usize {
    street.orders(name).iter().filter(|order| matches!(order, MediaOrder::Open { .. })).count()
}

#[test]
fn a_member_that_changes_without_end_leaves_room_for_other_messages() {
    let mut street = three_talk();
    let call = street.call_of(DOOR);
    let rosters =
        |street: &Street| street.sent(DOOR).iter().filter(|sent| matches!(sent, Message::Roster { .. })).count();
    let before = rosters(&street);
    for number in 100..400 {
        let (device, agent, invited) = (address(BERT), Agent::Browser, Vec::new());
        let entries = vec![RosterEntry { device, number, agent, place: 3, left: None, invited }];
        street.post(BERT, DOOR, Message::Roster { call: call.clone(), entries });
        street.pass(ms(10));
    }
    let told = rosters(&street) - before;
    assert!(told <= 2 * (32 + 12), "{told} rosters to two members in 3 s");
    street.pass(secs(40));
    street.assert_group(&[DOOR, ANNA, BERT]);
}
