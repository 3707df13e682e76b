//! Stories on the simulated street.

mod bell;
mod door;
mod group;
mod group_crossings;
mod group_floods;
mod group_joining;
mod hostile_links;
mod media;
mod network;
mod offline;
mod pages;
mod policy;
mod races;
mod ringing;
mod strangers;

use crate::street::{Street, secs};

/// A panel at the door, and Anna with these devices; the door has rung for a second.
fn the_door_rings_anna(devices: &[&str]) -> Street {
    let mut street = Street::calm();
    street.panel("door/panel");
    for device in devices {
        street.phone(device);
    }
    street.calls("door/panel", &["anna"]);
    street.pass(secs(1));
    street
}

/// The door talks with Anna on her phone.
fn the_door_talks_with_anna() -> Street {
    let mut street = the_door_rings_anna(&["anna/phone"]);
    street.accepts("anna/phone");
    street.pass(secs(1));
    street.assert_talk("door/panel", "anna/phone");
    street
}
