//! Ring, ring-back and busy: patterns as data, rendered once, fed to the mixer as it asks for them.

use std::sync::{Arc, Mutex, PoisonError};

use callbox_core::station::Tone;
use gstreamer as gst;
use gstreamer_app::{AppSrc, AppSrcCallbacks};

use super::warm::world;

/// Samples a second of all sound between our pipelines.
pub(crate) const RATE: usize = 48_000;
/// Samples of one slice handed to the mixer.
const SLICE: usize = RATE / 50;
/// Samples over which a beat fades in and out, so that it does not click.
const FADE: usize = RATE / 200;

/// One beat: a chord for so long. No frequency is a rest.
struct Beat {
    hz: &'static [f64],
    ms: usize,
}

/// A tone: its beats, and how often they are played (none: until told otherwise).
struct Pattern {
    beats: &'static [Beat],
    times: Option<usize>,
}

/// Two bells that alternate, as a doorbell does: heard through a wall.
const RING: Pattern = Pattern {
    beats: &[
        Beat { hz: &[784.0, 1568.0], ms: 350 },
        Beat { hz: &[622.0, 1244.0], ms: 550 },
        Beat { hz: &[784.0, 1568.0], ms: 350 },
        Beat { hz: &[622.0, 1244.0], ms: 550 },
        Beat { hz: &[], ms: 1700 },
    ],
    times: None,
};
/// ETSI TR 101 041: 425 Hz, one second in five.
const RING_BACK: Pattern =
    Pattern { beats: &[Beat { hz: &[425.0], ms: 1000 }, Beat { hz: &[], ms: 4000 }], times: None };
/// ETSI TR 101 041: 425 Hz, half a second each.
const BUSY: Pattern = Pattern { beats: &[Beat { hz: &[425.0], ms: 500 }, Beat { hz: &[], ms: 500 }], times: Some(3) };

/// Two quick high beeps, again and again: no bell sounds like it.
const WARNING: Pattern = Pattern {
    beats: &[
        Beat { hz: &[1320.0], ms: 120 },
        Beat { hz: &[], ms: 80 },
        Beat { hz: &[1320.0], ms: 120 },
        Beat { hz: &[], ms: 680 },
    ],
    times: None,
};

fn pattern(tone: Tone) -> Option<&'static Pattern> {
    match tone {
        Tone::Silence => None,
        Tone::Ring => Some(&RING),
        Tone::Warning => Some(&WARNING),
        Tone::RingBack => Some(&RING_BACK),
        Tone::Busy => Some(&BUSY),
    }
}

/// How long a tone lasts that ends by itself.
pub(crate) fn length(tone: Tone) -> Option<std::time::Duration> {
    let pattern = pattern(tone)?;
    let once: usize = pattern.beats.iter().map(|beat| beat.ms).sum();
    pattern.times.map(|times| std::time::Duration::from_millis((once * times) as u64))
}

/// Plays one tone at a time into an `appsrc`.
pub(crate) struct TonePlayer {
    appsrc: AppSrc,
    playing: Arc<Mutex<Playing>>,
}

#[derive(Default)]
struct Playing {
    period: Option<gst::Buffer>,
    slices: usize,
    next: usize,
    left: Option<usize>,
    pts: gst::ClockTime,
}

impl TonePlayer {
    /// Takes over the source: it is fed whenever it runs empty.
    pub(crate) fn new(appsrc: AppSrc) -> Self {
        let playing = Arc::new(Mutex::new(Playing::default()));
        appsrc.set_callbacks(
            AppSrcCallbacks::builder()
                .need_data({
                    let playing = Arc::clone(&playing);
                    move |appsrc, _| feed(appsrc, &playing)
                })
                .build(),
        );
        Self { appsrc, playing }
    }

    /// Plays this from now on, instead of what plays.
    pub(crate) fn play(&self, tone: Tone) {
        let mut playing = self.playing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(pattern) = pattern(tone) else {
            playing.period = None;
            return;
        };
        let samples = render(pattern.beats);
        playing.slices = samples.len() / SLICE;
        playing.period = Some(gst::Buffer::from_slice(bytes(&samples)));
        playing.next = 0;
        playing.left = pattern.times;
        playing.pts = world().map(|world| world.running_time()).unwrap_or_default();
        drop(playing);
        feed(&self.appsrc, &self.playing);
    }
}

/// Hands over the next slice. Slices share the memory of the rendered period.
fn feed(appsrc: &AppSrc, playing: &Mutex<Playing>) {
    let mut playing = playing.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(period) = &playing.period else { return };
    let length = SLICE * size_of::<i16>();
    let from = playing.next * length;
    let Ok(mut slice) = period.copy_region(gst::BufferCopyFlags::MEMORY, from..from + length) else { return };
    let duration = gst::ClockTime::from_nseconds(SLICE as u64 * 1_000_000_000 / RATE as u64);
    let slice_mut = slice.make_mut();
    slice_mut.set_pts(playing.pts);
    slice_mut.set_duration(duration);
    playing.pts += duration;
    playing.next += 1;
    if playing.next == playing.slices {
        playing.next = 0;
        playing.left = playing.left.map(|left| left - 1);
        if playing.left == Some(0) {
            playing.period = None;
        }
    }
    drop(playing);
    // Refused only when the pipeline ends, and then nobody listens any more.
    let _ = appsrc.push_buffer(slice);
}

fn render(beats: &[Beat]) -> Vec<i16> {
    let mut samples = Vec::new();
    for beat in beats {
        let length = beat.ms * RATE / 1000;
        samples.extend((0..length).map(|at| {
            let fade = at.min(length - at).min(FADE) as f64 / FADE as f64;
            let time = at as f64 / RATE as f64;
            let chord: f64 = beat.hz.iter().map(|hz| (hz * time * std::f64::consts::TAU).sin()).sum();
            let level = 0.25 / beat.hz.len().max(1) as f64;
            (chord * level * fade * f64::from(i16::MAX)) as i16
        }));
    }
    samples.truncate(samples.len() / SLICE * SLICE);
    samples
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_ends_by_itself_and_ringing_does_not() {
        assert_eq!(length(Tone::Busy).unwrap().as_secs(), 3);
        assert_eq!(length(Tone::Ring), None);
        assert_eq!(length(Tone::Silence), None);
    }

    #[test]
    fn a_pattern_is_rendered_in_whole_slices_that_do_not_clip() {
        for pattern in [&RING, &RING_BACK, &BUSY] {
            let samples = render(pattern.beats);
            assert_eq!(samples.len() % SLICE, 0);
            let loudest = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap();
            assert!((3000..12000).contains(&loudest), "{loudest}");
        }
    }
}
