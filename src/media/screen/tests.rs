use super::*;
use crate::media::test_peer::{self, face};
use crate::media::warm_up;

const SOON: Duration = Duration::from_secs(10);

fn peer(inbox: &Inbox) -> (Pipeline, StreamProducer) {
    test_peer::peer(inbox, "")
}

fn display(inbox: &Inbox) -> Display {
    let settings = Settings { screen: Screen::Test, ..Settings::default() };
    let display = Display::new(&settings, None, inbox).unwrap().unwrap();
    display.pipeline.play().unwrap();
    display
}

/// The brightest of the picture.
fn white(display: &Display) -> u8 {
    let Some(sample) = display.picture() else { return 0 };
    let bytes = sample.buffer().unwrap().map_readable().unwrap();
    bytes[..640 * 360].iter().copied().max().unwrap()
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_peer_is_shown_when_its_own_frame_is() {
    let ms = gst::ClockTime::from_mseconds;
    let shown = Shown::default();
    assert!(!shown.holds(1, ms(10), ms(20)), "nobody is shown");
    shown.set(0b10, ms(100), 0);
    assert!(!shown.holds(0, ms(110), ms(120)), "another one is");
    assert!(!shown.holds(1, ms(110), ms(110)), "a picture from before");
    assert!(!shown.holds(1, ms(90), ms(95)), "of who was shown before");
    assert!(shown.holds(1, ms(110), ms(111)));
    shown.set(0b11, ms(100), -50_000_000);
    assert!(!shown.holds(1, ms(110), ms(60)));
    assert!(shown.holds(1, ms(110), ms(61)), "composed, with a time of its own");
}

#[test]
fn a_display_that_is_built_anew_shows_the_peer_again() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let (_peer, decoded) = peer(&inbox);
    for _ in 0..2 {
        let mut display = display(&inbox);
        display.show(&[face("anna", &decoded)]).unwrap();
        until("a picture", || white(&display) > 200);
    }
}

#[test]
fn a_picture_that_does_not_move_any_more_is_taken_away_and_comes_back() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let (peer, decoded) = peer(&inbox);
    let mut display = display(&inbox);
    display.show(&[face("anna", &decoded)]).unwrap();
    until("a picture", || white(&display) > 200);
    peer.inner().set_state(gst::State::Paused).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let now = Instant::now();
    display.tick(now);
    display.tick(now + FROZEN / 2);
    assert!(white(&display) > 200);
    display.tick(now + FROZEN);
    until("black", || white(&display) <= 16);
    peer.play().unwrap();
    until("the picture again", || white(&display) > 200);
}

#[test]
fn the_first_of_two_peers_stays_on_the_screen_while_tiles_are_made() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let (peers, mut display) = ([peer(&inbox), peer(&inbox)], display(&inbox));
    let [anna, ben] = [face("anna", &peers[0].1), Face { slot: 1, ..face("ben", &peers[1].1) }];
    display.show(std::slice::from_ref(&anna)).unwrap();
    until("a picture", || white(&display) > 200);
    let (dark, seen) = (Arc::new(AtomicU64::new(0)), Arc::clone(&display.frames));
    display.sink.add_probe(gst::PadProbeType::BUFFER, {
        let dark = Arc::clone(&dark);
        move |_, info| {
            let bytes = info.buffer().unwrap().map_readable().unwrap();
            // The left half of the screen is the first tile, and a part of the only picture.
            let left = bytes[..640 * 360].chunks(640).flat_map(|row| &row[..320]).filter(|luma| **luma > 200).count();
            dark.fetch_add(u64::from(left < 1000), Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        }
    });
    for _ in 0..3 {
        display.show(&[anna.clone(), ben.clone()]).unwrap();
        until("tiles", || {
            display.tick(Instant::now());
            display.shown.slots.load(Ordering::Acquire) == 0b11
        });
        let frames = seen.load(Ordering::Relaxed);
        until("more frames", || seen.load(Ordering::Relaxed) > frames + 10);
        display.show(std::slice::from_ref(&anna)).unwrap();
        until("more frames", || seen.load(Ordering::Relaxed) > frames + 20);
    }
    assert_eq!(dark.load(Ordering::Relaxed), 0, "frames without the first peer");
}
