//! Plays a chirp with the speaker, listens with the microphone, and tells what comes back: `callbox doctor echo`.

use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer_app::{AppSink, AppSrc};
use serde::{Deserialize, Serialize};

use super::audio;
use super::chirp::{self, CHIRPS, PERIOD, RATE};
use super::inbox::{BusNote, Inbox, Note, Notes};
use super::pipeline::{Pipeline, PipelineError};
use super::settings::{Echo, Microphone, Settings, Speaker};
use super::warm::world;

const RAW: &str = "audio/x-raw,format=S16LE,rate=16000,channels=1,layout=interleaved";
/// Devices need a moment until they run evenly.
const LEAD: gst::ClockTime = gst::ClockTime::from_mseconds(500);
/// How long it may take altogether, opening the devices included.
const LIMIT: Duration = Duration::from_secs(10);
const SLICE: usize = RATE / 50;

/// What came back of the chirps, and what to do about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EchoReport {
    /// From the speaker's buffer to the microphone's, in milliseconds. None: no echo was heard.
    pub delay_ms: Option<f64>,
    /// How much weaker the echo is than what was played, in decibels.
    pub return_loss_db: Option<f64>,
    /// How far the delays of the chirps lie apart, in milliseconds.
    pub spread_ms: Option<f64>,
    /// What `microphone.echo` should be.
    pub proposal: Echo,
    /// Why.
    pub reason: String,
}

/// Measures the echo of these devices. Blocks for some seconds.
///
/// # Errors
/// A sentence, when a device is missing, silent, or does not work.
pub fn measure_echo(settings: &Settings) -> Result<EchoReport, String> {
    if matches!(settings.microphone, Microphone::None | Microphone::Test { .. })
        || matches!(settings.speaker, Speaker::None | Speaker::Test)
    {
        return Err("microphone and speaker must be devices: set microphone.kind and speaker.kind".into());
    }
    let (microphone, speaker) = (audio::microphone(&settings.microphone), audio::speaker(&settings.speaker));
    let heard = listen(&microphone, &speaker, |pipeline| audio::configure_devices(pipeline, settings))?;
    report(&heard)
}

fn report(heard: &[i16]) -> Result<EchoReport, String> {
    if heard.iter().all(|sample| *sample == 0) {
        return Err("the microphone gives nothing but zeros: is it muted (`alsamixer`), or the wrong device?".into());
    }
    let found = chirp::find(heard);
    let (proposal, reason) = chirp::propose(found, gst::version() < (1, 24, 0, 0));
    Ok(EchoReport {
        delay_ms: found.map(|found| found.delay_ms),
        return_loss_db: found.map(|found| found.loss_db),
        spread_ms: found.map(|found| found.spread_ms),
        proposal,
        reason,
    })
}

/// Plays the signal and records what is heard from its first sample on.
fn listen(
    microphone: &str,
    speaker: &str,
    configure: impl FnOnce(&Pipeline) -> Result<(), PipelineError>,
) -> Result<Vec<i16>, String> {
    let say = |error: &dyn ToString| error.to_string();
    let world = world().map_err(|error| say(&error))?;
    let (inbox, notes) = Inbox::new();
    let description = format!(
        "appsrc name=signal format=time is-live=true max-bytes=0 caps=\"{RAW}\" ! audioconvert ! audioresample ! {speaker} \
         {microphone} ! audioconvert ! audioresample ! {RAW} ! appsink name=heard sync=false async=false"
    );
    let pipeline = Pipeline::parse("echo", &description, &inbox).map_err(|error| say(&error))?;
    configure(&pipeline).map_err(|error| say(&error))?;
    let signal: AppSrc = pipeline.typed("signal").map_err(|error| say(&error))?;
    let sink: AppSink = pipeline.typed("heard").map_err(|error| say(&error))?;
    pipeline.play().map_err(|error| say(&error))?;
    let until = Instant::now() + LIMIT;
    // The microphone runs; what opens a device slowly is over.
    let mut sample = pull(&sink, &notes, until)?;
    let start = world.running_time() + LEAD;
    play(&signal, start)?;
    let mut heard = vec![0i16; CHIRPS * PERIOD];
    loop {
        let Some(buffer) = sample.buffer() else { return Err("the microphone gives no samples".into()) };
        let Some(pts) = buffer.pts() else { return Err("the microphone's samples have no time".into()) };
        let at = (pts.nseconds() as i128 - start.nseconds() as i128) * RATE as i128 / 1_000_000_000;
        let bytes = buffer.map_readable().map_err(|error| say(&error))?;
        for (index, pair) in bytes.chunks_exact(2).enumerate() {
            let place = usize::try_from(at + index as i128).ok().and_then(|place| heard.get_mut(place));
            if let Some(place) = place {
                *place = i16::from_le_bytes([pair[0], pair[1]]);
            }
        }
        if at >= heard.len() as i128 {
            return Ok(heard);
        }
        drop(bytes);
        sample = pull(&sink, &notes, until)?;
    }
}

/// The next samples of the microphone, unless something fails first.
fn pull(sink: &AppSink, notes: &Notes, until: Instant) -> Result<gst::Sample, String> {
    loop {
        while let Some(note) = notes.next(Duration::ZERO) {
            if let Note::Bus(_, BusNote::Error { element, text, .. }) = note {
                return Err(format!("{element}: {text}"));
            }
        }
        if let Some(sample) = sink.try_pull_sample(gst::ClockTime::from_mseconds(100)) {
            return Ok(sample);
        }
        if Instant::now() >= until {
            return Err(format!("no samples of the microphone within {} s", LIMIT.as_secs()));
        }
    }
}

fn play(signal: &AppSrc, start: gst::ClockTime) -> Result<(), String> {
    let duration = gst::ClockTime::from_mseconds(20);
    for (number, slice) in chirp::signal().chunks(SLICE).enumerate() {
        let bytes: Vec<u8> = slice.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = gst::Buffer::from_mut_slice(bytes);
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(start + duration * number as u64);
            buffer.set_duration(duration);
        }
        signal.push_buffer(buffer).map_err(|error| format!("the speaker takes nothing: {error}"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use gstreamer_app::AppSinkCallbacks;

    use super::*;
    use crate::media::warm_up;

    /// A speaker and a microphone joined by air: what is played is heard later and weaker.
    fn air(pipeline: &Pipeline, delay: gst::ClockTime, weaker: i16) -> Result<(), PipelineError> {
        let (speaker, microphone): (AppSink, AppSrc) = (pipeline.typed("speaker")?, pipeline.typed("microphone")?);
        let callbacks = AppSinkCallbacks::builder().new_sample(move |speaker| {
            let sample = speaker.pull_sample().map_err(|_| gst::FlowError::Eos)?;
            let buffer = sample.buffer().ok_or(gst::FlowError::Error)?;
            let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
            let weak = |pair: &[u8]| (i16::from_le_bytes([pair[0], pair[1]]) / weaker).to_le_bytes();
            let mut echo = gst::Buffer::from_mut_slice(bytes.chunks_exact(2).flat_map(weak).collect::<Vec<u8>>());
            if let Some(echo) = echo.get_mut() {
                echo.set_pts(buffer.pts().map(|pts| pts + delay));
            }
            microphone.push_buffer(echo)
        });
        speaker.set_callbacks(callbacks.build());
        Ok(())
    }

    fn through_air(delay: u64, weaker: i16) -> EchoReport {
        let microphone = format!("appsrc name=microphone is-live=true format=time caps=\"{RAW}\"");
        let speaker = format!("{RAW} ! appsink name=speaker sync=true async=false");
        // Something must be heard before the signal begins, as of any microphone.
        let wake = |pipeline: &Pipeline| {
            air(pipeline, gst::ClockTime::from_mseconds(delay), weaker)?;
            let microphone: AppSrc = pipeline.typed("microphone")?;
            let mut first = gst::Buffer::from_mut_slice(vec![1u8; 64]);
            first.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
            microphone.push_buffer(first).map_err(|error| PipelineError::new("echo", error))?;
            Ok(())
        };
        report(&listen(&microphone, &speaker, wake).unwrap()).unwrap()
    }

    #[test]
    fn an_echo_through_the_air_is_measured() {
        warm_up().unwrap();
        let near = through_air(40, 10);
        assert!((near.delay_ms.unwrap() - 40.0).abs() < 2.0, "{near:?}");
        assert!((near.return_loss_db.unwrap() - 20.0).abs() < 1.0, "{near:?}");
        assert_eq!(near.proposal, Echo::Webrtcdsp);
        let late = through_air(300, 10);
        assert!((late.delay_ms.unwrap() - 300.0).abs() < 2.0, "{late:?}");
        assert_eq!(late.proposal, Echo::HalfDuplex);
    }

    #[test]
    fn devices_that_are_none_are_refused_with_what_to_do() {
        let refused = measure_echo(&Settings::default()).unwrap_err();
        assert!(refused.contains("microphone.kind"), "{refused}");
        assert!(report(&[0; 16]).unwrap_err().contains("alsamixer"));
    }
}
