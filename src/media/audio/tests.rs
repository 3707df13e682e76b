use std::sync::Mutex;
use std::time::Instant;

use gstreamer_utils::ConsumptionLink;

use super::*;
use crate::media::inbox::{BusNote, Note, Notes};
use crate::media::join::attach_shut;
use crate::media::warm_up;

const SOON: Duration = Duration::from_secs(20);
/// One look at the mix: 20 ms, in which every tone of a multiple of 50 Hz has whole periods.
const WINDOW: usize = 960;
const TONES: [u32; 5] = [500, 800, 1100, 1400, 1700];
const AMPLITUDE: f64 = 0.1;

/// A peer without a link: a tone as a decoder gives it, and its way into the mixer.
struct Peer {
    slot: usize,
    _pipeline: Pipeline,
    _joint: ConsumptionLink,
}

/// The mixer, what it has played, and its peers.
struct Mix {
    audio: Audio,
    inbox: Inbox,
    notes: Notes,
    played: Arc<Mutex<Vec<i16>>>,
    peers: Vec<Peer>,
}

impl Mix {
    fn new() -> Self {
        warm_up().unwrap();
        let (inbox, notes) = Inbox::new();
        let audio = Audio::new(&Settings::default(), &inbox).unwrap();
        let played: Arc<Mutex<Vec<i16>>> = Arc::default();
        let record = Arc::clone(&played);
        let sink = audio.pipeline.element("speaker").unwrap().static_pad("sink").unwrap();
        sink.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let bytes = info.buffer().unwrap().map_readable().unwrap();
            let samples = bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]]));
            record.lock().unwrap().extend(samples);
            gst::PadProbeReturn::Ok
        });
        audio.pipeline.play().unwrap();
        Self { audio, inbox, notes, played, peers: Vec::new() }
    }

    /// A peer comes, whose sound is so late.
    fn come(&mut self, slot: usize, late: Duration) {
        let description = format!(
            "audiotestsrc is-live=true samplesperbuffer={WINDOW} freq={} volume={AMPLITUDE} ! {RAW} \
             ! queue max-size-buffers=0 max-size-bytes=0 min-threshold-time={} \
             ! appsink name=decoded sync=false async=false",
            TONES[slot],
            late.as_nanos()
        );
        let pipeline = Pipeline::parse("link", &description, &self.inbox).unwrap();
        let decoded = producer(&pipeline.typed("decoded").unwrap());
        playout::reset(&self.audio.slots[slot].static_pad("src").unwrap(), self.audio.pipeline.shift());
        let joint = attach_shut(&decoded, &self.audio.slots[slot]).unwrap();
        joint.set_discard(false);
        pipeline.play().unwrap();
        self.peers.push(Peer { slot, _pipeline: pipeline, _joint: joint });
    }

    fn go(&mut self, slot: usize) {
        self.peers.retain(|peer| peer.slot != slot);
    }

    fn hears(&self, slot: usize) -> bool {
        let played = self.played.lock().unwrap();
        played.len() >= WINDOW && sounds(&played[played.len() - WINDOW..], TONES[slot])
    }

    /// Waits, and does for the pipeline what its owner does.
    fn until(&self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !done(self) {
            assert!(start.elapsed() < SOON, "{what} did not happen");
            if let Some(Note::Bus(id, BusNote::Latency)) = self.notes.next(Duration::from_millis(5)) {
                if id == self.audio.pipeline.id {
                    self.audio.pipeline.settle_latency();
                }
            }
        }
    }

    fn length(&self) -> usize {
        self.played.lock().unwrap().len()
    }

    /// Waits until half a second more was played.
    fn rest(&self) {
        let until = self.length() + 24_000;
        self.until("more sound", |mix| mix.length() >= until);
    }
}

/// Whether a tone is in these samples (Goertzel's algorithm), with more than half of its amplitude.
fn sounds(samples: &[i16], hz: u32) -> bool {
    let turn = 2.0 * std::f64::consts::PI * f64::from(hz) / 48_000.0;
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, f64::from(*sample) / 32_768.0 + 2.0 * turn.cos() * last - before);
    }
    let power = last * last + before * before - 2.0 * turn.cos() * last * before;
    2.0 * power.max(0.0).sqrt() / samples.len() as f64 > AMPLITUDE / 2.0
}

/// The longest time without a tone.
fn longest_gap(samples: &[i16], hz: u32) -> Duration {
    let step = WINDOW / 4;
    let steps = (0..samples.len().saturating_sub(WINDOW)).step_by(step);
    let (mut longest, mut gap) = (0, 0);
    for at in steps {
        gap = if sounds(&samples[at..at + WINDOW], hz) { 0 } else { gap + 1 };
        longest = longest.max(gap);
    }
    Duration::from_millis(longest * 5)
}

#[test]
fn five_voices_are_mixed_and_who_comes_or_goes_leaves_no_gap_in_the_others() {
    let mut mix = Mix::new();
    mix.come(0, Duration::ZERO);
    mix.come(1, Duration::ZERO);
    mix.until("two voices", |mix| mix.hears(0) && mix.hears(1));
    let begin = mix.length();
    for (slot, late) in [(2, 0), (3, 40), (4, 120)] {
        mix.come(slot, Duration::from_millis(late));
        mix.until("another voice", |mix| mix.hears(slot));
    }
    mix.until("all voices at once", |mix| (0..5).all(|slot| mix.hears(slot)));
    mix.rest();
    for slot in [4, 2, 3] {
        mix.go(slot);
        mix.until("one voice less", |mix| !mix.hears(slot));
        mix.rest();
    }
    mix.come(3, Duration::ZERO);
    mix.until("the same one again", |mix| mix.hears(3));
    mix.rest();
    let played = mix.played.lock().unwrap();
    for slot in [0, 1] {
        let gap = longest_gap(&played[begin..], TONES[slot]);
        println!("voice {slot}: longest gap {gap:?}");
        assert!(gap <= Duration::from_millis(100), "voice {slot} was away for {gap:?}");
    }
}

#[test]
fn a_gap_is_measured() {
    let tone = |from: usize, to: usize| {
        (from..to).map(|at| (3000.0 * (at as f64 * std::f64::consts::PI / 48.0).sin()) as i16).collect::<Vec<_>>()
    };
    let with_gap = [tone(0, 9600), vec![0; 7200], tone(16_800, 28_800)].concat();
    let gap = longest_gap(&with_gap, 500);
    assert!(gap > Duration::from_millis(120) && gap < Duration::from_millis(190), "{gap:?}");
    assert_eq!(longest_gap(&tone(0, 9600), 500), Duration::ZERO);
}
