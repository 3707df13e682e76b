use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::media::marks::{CALM, GREEN, ICE, RED};
use crate::media::settings::Screen;
use crate::media::test_peer::{self, face};
use crate::media::warm_up;

const SOON: Duration = Duration::from_secs(15);
/// Two white pictures of 320 by 180, less their names.
const WHITE: usize = 2 * 320 * 180 * 9 / 10;

fn settings() -> Settings {
    Settings { screen: Screen::Test, ..Settings::default() }
}

/// A peer whose pictures have one brightness.
fn peer(inbox: &Inbox, luma: u8) -> (Pipeline, StreamProducer) {
    let grey = u32::from_be_bytes([255, luma, luma, luma]);
    test_peer::peer(inbox, &format!("pattern=solid-color foreground-color={grey}"))
}

/// Looks at every composed frame.
#[derive(Clone, Default)]
struct Watch {
    frames: Arc<AtomicU64>,
    /// The fewest white points of a frame, and the longest time between two.
    fewest: Arc<AtomicU64>,
    longest: Arc<Mutex<(Option<Instant>, Duration)>>,
}

impl Watch {
    fn begin(composer: &Composer) -> Self {
        let watch = Self::default();
        watch.fewest.store(u64::MAX, Ordering::Relaxed);
        let seen = watch.clone();
        let pad = composer.composed.appsink().static_pad("sink").unwrap();
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let bytes = info.buffer().unwrap().map_readable().unwrap();
            let white = bytes[..640 * 360].iter().filter(|luma| **luma > 200).count() as u64;
            seen.fewest.fetch_min(white, Ordering::Relaxed);
            let mut longest = seen.longest.lock().unwrap();
            let now = Instant::now();
            longest.1 = longest.0.replace(now).map_or(Duration::ZERO, |last| now - last).max(longest.1);
            seen.frames.fetch_add(1, Ordering::Relaxed);
            gst::PadProbeReturn::Ok
        });
        watch
    }

    fn fewest(&self) -> usize {
        usize::try_from(self.fewest.load(Ordering::Relaxed)).unwrap()
    }

    /// Waits for so many more frames.
    fn frames(&self, more: u64) {
        let goal = self.frames.load(Ordering::Relaxed) + more;
        until("more frames", || self.frames.load(Ordering::Relaxed) >= goal);
    }
}

fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < SOON, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn shows(composer: &Composer, names: &[&str]) -> bool {
    let faces = composer.faces.iter().filter(|face| names.contains(&face.peer.user.as_str()));
    faces.filter(|face| composer.is_ready(&face.peer, Duration::MAX)).count() == names.len()
}

/// Whether this colour is on the screen.
fn has(composer: &Composer, colour: [u8; 3]) -> bool {
    let Some(sample) = composer.composed.last_sample() else { return false };
    let bytes = sample.buffer().unwrap().map_readable().unwrap();
    let (luma, rest) = bytes.split_at(640 * 360);
    let (blue, red) = rest.split_at(320 * 180);
    let of = |(at, _): (usize, &u8)| luma[at / 320 * 2 * 640 + at % 320 * 2];
    let is_it = |at: usize| blue[at] == colour[1] && red[at] == colour[2];
    (0..320 * 180).any(|at| is_it(at) && of((at, &0)) == colour[0])
}

#[test]
fn who_comes_and_goes_takes_nothing_of_the_others_picture() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let (peers, mut composer) =
        ([peer(&inbox, 255), peer(&inbox, 255), peer(&inbox, 90)], Composer::new(&settings(), &inbox).unwrap());
    let [anna, ben, carl] = [face("anna", &peers[0].1), face("ben", &peers[1].1), face("carl", &peers[2].1)];
    composer.show(&[anna.clone(), ben.clone()]).unwrap();
    until("two peers", || shows(&composer, &["anna", "ben"]));
    let watch = Watch::begin(&composer);
    watch.frames(5);
    for _ in 0..3 {
        composer.show(&[anna.clone(), ben.clone(), carl.clone()]).unwrap();
        until("three peers", || shows(&composer, &["carl"]));
        watch.frames(5);
        composer.show(&[anna.clone(), ben.clone()]).unwrap();
        watch.frames(5);
    }
    assert!(watch.fewest() > WHITE, "{} of {WHITE}", watch.fewest());
    let longest = watch.longest.lock().unwrap().1;
    assert!(longest < Duration::from_millis(500), "{longest:?} without a frame");
}

#[test]
fn a_link_takes_over_its_peers_tile_without_a_flash() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let peers = [peer(&inbox, 255), peer(&inbox, 255), peer(&inbox, 255)];
    let mut composer = Composer::new(&settings(), &inbox).unwrap();
    let [anna, ben, anew] = [face("anna", &peers[0].1), face("ben", &peers[1].1), face("anna", &peers[2].1)];
    composer.show(&[anna, ben.clone()]).unwrap();
    until("two peers", || shows(&composer, &["anna", "ben"]));
    let watch = Watch::begin(&composer);
    watch.frames(5);
    // The link that was opened later stands behind the others.
    composer.show(&[ben, anew]).unwrap();
    watch.frames(15);
    assert!(watch.fewest() > WHITE, "{} of {WHITE}", watch.fewest());
    assert_eq!(composer.faces[0].peer.user.as_str(), "anna", "it keeps its place");
}

#[test]
fn tiles_tell_who_speaks_is_muted_hidden_or_frozen() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let peers = [peer(&inbox, 255), peer(&inbox, 255)];
    let mut composer = Composer::new(&settings(), &inbox).unwrap();
    let [anna, ben] = [face("anna", &peers[0].1), face("ben", &peers[1].1)];
    composer.show(&[anna.clone(), ben.clone()]).unwrap();
    until("two peers", || shows(&composer, &["anna", "ben"]));
    assert!([CALM, GREEN, ICE, RED].iter().all(|colour| !has(&composer, *colour)));
    composer.show(&[Face { speaks: true, ..anna.clone() }, ben.clone()]).unwrap();
    until("a frame around who speaks", || has(&composer, GREEN));
    composer.show(&[Face { is_muted: true, ..anna.clone() }, Face { is_hidden: true, ..ben.clone() }]).unwrap();
    until("both signs", || has(&composer, RED) && has(&composer, CALM) && !has(&composer, GREEN));
    composer.show(&[anna.clone(), ben.clone()]).unwrap();
    until("the pictures again", || !has(&composer, RED) && !has(&composer, CALM));
    composer.tick(Instant::now());
    peers[0].0.inner().set_state(gst::State::Paused).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    composer.tick(Instant::now());
    composer.tick(Instant::now() + STILL);
    until("a frozen picture", || has(&composer, ICE));
    composer.tick(Instant::now() + FROZEN);
    until("no picture", || has(&composer, CALM));
    peers[0].0.play().unwrap();
    until("the picture again", || {
        composer.tick(Instant::now());
        !has(&composer, ICE) && !has(&composer, CALM)
    });
}

#[test]
fn a_peer_without_a_picture_has_its_name() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let (_peer, decoded) = peer(&inbox, 16);
    let mut composer = Composer::new(&settings(), &inbox).unwrap();
    let hidden = |name| Face { is_hidden: true, ..face(name, &decoded) };
    composer.show(&[hidden("anna"), hidden("ben")]).unwrap();
    let white = |from: usize, to: usize| {
        let Some(sample) = composer.composed.last_sample() else { return 0 };
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        let rows = bytes[160 * 640..200 * 640].chunks(640);
        rows.map(|row| row[from..to].iter().filter(|luma| **luma > 180).count()).sum()
    };
    until("both names", || white(100, 220) > 10 && white(420, 540) > 10);
}
