//! The audio pipeline: microphone to Opus, and a mixer with fixed inputs to the speaker. One pipeline, for the echo canceller's sake.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};
use gstreamer_utils::StreamProducer;

use super::duplex;
use super::inbox::Inbox;
use super::join::{count_buffers, prepare_slot, producer};
use super::pipeline::{Pipeline, PipelineError, set_if_there};
use super::playout;
use super::settings::{Echo, Microphone, Settings, Speaker};
use super::tone::TonePlayer;
use super::volume::Percent;
use super::watch::BANDS;

/// How many links the mixer takes: five of a call with six devices, each with one that replaces it.
pub(crate) const SLOTS: usize = 10;

/// What runs between our pipelines.
pub(crate) const RAW: &str = "audio/x-raw,format=S16LE,rate=48000,channels=1,layout=interleaved";

/// The running audio pipeline.
pub(crate) struct Audio {
    pub(crate) pipeline: Pipeline,
    /// Encoded once, for every link.
    pub(crate) opus: StreamProducer,
    /// The mixer's inputs for peers.
    pub(crate) slots: Vec<AppSrc>,
    /// The mixer's input for tones.
    pub(crate) tones: TonePlayer,
    volume: gst::Element,
    captured: Arc<AtomicU64>,
}

impl Audio {
    /// Builds the pipeline; [`Pipeline::play`] starts it.
    pub(crate) fn new(settings: &Settings, inbox: &Inbox) -> Result<Self, PipelineError> {
        let pipeline = Pipeline::parse_mixer("audio", &describe(settings), inbox)?;
        configure_devices(&pipeline, settings)?;
        let sink: AppSink = pipeline.typed("opus")?;
        let opus = producer(&sink);
        let captured = Arc::default();
        if let Some(pad) = sink.static_pad("sink") {
            count_buffers(&pad, &captured);
        }
        let slots =
            (0..SLOTS).map(|slot| pipeline.typed(&format!("slot{slot}"))).collect::<Result<Vec<AppSrc>, _>>()?;
        let margin = latency(settings).min(Duration::from_millis(10));
        let allowed = (upstream(settings) + latency(settings) - margin).as_nanos() as u64;
        let allowed = gst::ClockTime::from_nseconds(allowed);
        for slot in &slots {
            prepare_slot(slot);
            if let Some(pad) = slot.static_pad("src") {
                pad.set_offset(pipeline.shift());
                playout::watch(&pad, allowed, pipeline.shift());
            }
        }
        let tone: AppSrc = pipeline.typed("tone")?;
        prepare_slot(&tone);
        if let Some(pad) = tone.static_pad("src") {
            pad.set_offset(pipeline.shift());
        }
        tone.set_caps(Some(&RAW.parse().map_err(|_| PipelineError::new("audio", "raw caps"))?));
        if settings.echo == Echo::HalfDuplex {
            let out = |name| pipeline.element(name).map(|element| element.static_pad("src"));
            if let (Some(near), Some(far)) = (out("near")?, out("far")?) {
                duplex::share(&near, &far);
            }
        }
        let volume = pipeline.element("volume")?;
        Ok(Self { pipeline, opus, slots, tones: TonePlayer::new(tone), volume, captured })
    }

    /// Everything that sounds, the ring too, is as loud as this from now on.
    pub(crate) fn set_volume(&self, percent: Percent) {
        self.volume.set_property("volume", percent.gain());
    }

    /// Encoded frames so far: the microphone's heart-beat.
    pub(crate) fn captured(&self) -> u64 {
        self.captured.load(Ordering::Relaxed)
    }
}

/// `audiorate` fills what a busy machine skipped: the encoder counts samples, and every gap would move all that follows
/// further behind the clock, until the peer's mixer takes it for late and plays nothing.
fn describe(settings: &Settings) -> String {
    let (probe, dsp) = echo(settings);
    let mut text = format!(
        "{microphone} ! audioconvert ! audioresample ! {RAW} {dsp} ! identity name=near \
         ! queue leaky=downstream max-size-time=200000000 max-size-buffers=0 max-size-bytes=0 \
         ! audiorate skip-to-first=true tolerance=20000000 ! opusenc bitrate=32000 frame-size=20 audio-type=voice perfect-timestamp=true inband-fec=true \
           packet-loss-percentage=10 ! appsink name=opus async=false \
         audiomixer name=mixer force-live=true ignore-inactive-pads=true latency={latency} min-upstream-latency={upstream} \
         ! {RAW} ! volume name=volume ! identity name=far {probe} ! {speaker} \
         appsrc name=tone ! mixer. ",
        microphone = microphone(&settings.microphone),
        speaker = speaker(&settings.speaker),
        latency = latency(settings).as_nanos(),
        upstream = upstream(settings).as_nanos(),
    );
    for slot in 0..SLOTS {
        text += &format!("appsrc name=slot{slot} ! mixer. ");
    }
    text
}

/// What a peer's sound has waited before it comes here: the jitter buffer, and one Opus frame.
fn upstream(settings: &Settings) -> Duration {
    settings.jitter_buffer + Duration::from_millis(20)
}

/// How much longer the mixer waits. Where nobody listens, long enough for a machine that does too much at once.
fn latency(settings: &Settings) -> Duration {
    match settings.speaker {
        Speaker::Test | Speaker::None => Duration::from_millis(300),
        Speaker::Alsa { .. } | Speaker::Pulse { .. } | Speaker::Pipewire => Duration::from_millis(20),
    }
}

/// The element that records.
pub(crate) fn microphone(from: &Microphone) -> String {
    match from {
        Microphone::Alsa { .. } => {
            "alsasrc name=microphone buffer-time=60000 latency-time=10000 provide-clock=false".into()
        }
        Microphone::Pulse { .. } => {
            "pulsesrc name=microphone provide-clock=false buffer-time=60000 latency-time=10000".into()
        }
        Microphone::Pipewire => "pipewiresrc name=microphone do-timestamp=true".into(),
        Microphone::Test { hz } => {
            format!("audiotestsrc name=microphone is-live=true samplesperbuffer=480 wave=sine volume=0.3 freq={hz}")
        }
        Microphone::None => "audiotestsrc name=microphone is-live=true samplesperbuffer=480 wave=silence".into(),
    }
}

/// The elements that play; the last is the sink.
pub(crate) fn speaker(to: &Speaker) -> String {
    match to {
        Speaker::Alsa { .. } => {
            "audioconvert ! audioresample ! alsasink name=speaker buffer-time=40000 latency-time=10000 provide-clock=false".into()
        }
        Speaker::Pulse { .. } => {
            "audioconvert ! audioresample ! pulsesink name=speaker buffer-time=40000 latency-time=10000 provide-clock=false"
                .into()
        }
        Speaker::Pipewire => "audioconvert ! audioresample ! pipewiresink name=speaker".into(),
        Speaker::Test => {
            format!("spectrum bands={BANDS} interval=200000000 threshold=-80 ! fakesink name=speaker sync=true")
        }
        Speaker::None => "fakesink name=speaker sync=true".into(),
    }
}

/// The echo canceller's two halves find each other by name, in a list of the whole process.
fn echo(settings: &Settings) -> (String, String) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let real_microphone = !matches!(settings.microphone, Microphone::Test { .. } | Microphone::None);
    let real_speaker = !matches!(settings.speaker, Speaker::Test | Speaker::None);
    let clean = "noise-suppression=true gain-control=true voice-detection=false";
    match settings.echo {
        Echo::Webrtcdsp if real_microphone && real_speaker => {}
        // What the other end hears is cleaned all the same.
        Echo::Webrtcdsp | Echo::HalfDuplex if real_microphone => {
            return (String::new(), format!("! webrtcdsp echo-cancel=false {clean}"));
        }
        _ => return (String::new(), String::new()),
    }
    let name = format!("loudspeaker{}", NEXT.fetch_add(1, Ordering::Relaxed));
    // Before 1.24 the old canceller loses its grip when the delay is off by 20 ms, unless it may estimate it.
    let agnostic = if gst::version() < (1, 24, 0, 0) { "delay-agnostic=true extended-filter=true" } else { "" };
    (format!("! webrtcechoprobe name={name}"), format!("! webrtcdsp probe={name} {agnostic} {clean}"))
}

/// Names the devices to their elements.
pub(super) fn configure_devices(pipeline: &Pipeline, settings: &Settings) -> Result<(), PipelineError> {
    let speaker = pipeline.element("speaker")?;
    point(&pipeline.element("microphone")?, &speaker, settings);
    set_if_there(&speaker, "async", "false");
    Ok(())
}

/// Points source and sink at their devices.
pub(crate) fn point(microphone: &gst::Element, speaker: &gst::Element, settings: &Settings) {
    match &settings.microphone {
        Microphone::Alsa { device } | Microphone::Pulse { device: Some(device) } => {
            microphone.set_property("device", device);
        }
        _ => {}
    }
    match &settings.speaker {
        Speaker::Alsa { device } | Speaker::Pulse { device: Some(device) } => speaker.set_property("device", device),
        _ => {}
    }
}

#[cfg(test)]
mod tests;
