//! How long it takes from an open gate to a picture, with the link set up before and without.

use std::time::{Duration, Instant};

use callbox::media::{self, Settings};
use callbox_core::protocol::Media;
use callbox_core::station::{LinkEvent, MediaOrder};

use crate::media_wire::{OPEN, Wire, settings};

/// Rounds of each kind.
const ROUNDS: u32 = 5;

async fn round(wire: &mut Wire, number: u32, early: bool) -> (Duration, Duration) {
    wire.rename(&format!("t{number}"));
    for side in [&wire.a, &wire.b] {
        side.edge.order(MediaOrder::Prepare { media: Media::Video });
    }
    wire.rest(Duration::from_millis(1500)).await;
    let mut start = Instant::now();
    if early {
        wire.secured(Media::Video).await;
        wire.rest(Duration::from_millis(300)).await;
        start = Instant::now();
    } else {
        wire.secured(Media::Video).await;
    }
    let secured = start.elapsed();
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("a picture", Duration::from_secs(10), |wire| {
        wire.a.has(&LinkEvent::FirstFrameShown) && wire.b.has(&LinkEvent::FirstFrameShown)
    })
    .await;
    let shown = start.elapsed();
    wire.close().await;
    (secured, shown)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_that_is_set_up_while_it_rings_shows_a_picture_sooner() {
    media::warm_up().unwrap();
    let brisk = |name, hz| Settings { framerate: 25, screen_framerate: 25, ..settings(name, hz) };
    let mut wire = Wire::new(brisk("door", 440), brisk("flat", 620), "t");
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for number in 0..ROUNDS {
        early.push(round(&mut wire, 2 * number, true).await.1);
        late.push(round(&mut wire, 2 * number + 1, false).await);
    }
    early.sort();
    late.sort_by_key(|(_, shown)| *shown);
    println!("early {early:?}\nlate {late:?}");
    let middle = ROUNDS as usize / 2;
    assert!(early[middle] < late[middle].1, "early {early:?} late {late:?}");
    wire.stop().await;
}
