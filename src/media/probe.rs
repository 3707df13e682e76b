//! Does an encoder of the table work on this board? Tried once a process, on a few frames, before anybody rings.
//!
//! It happens in this process: a driver that hangs costs two seconds and a thread, and is not asked again.

use std::collections::HashMap;
use std::sync::mpsc::sync_channel;
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::codec::{ENCODERS, Encoder};
use super::settings::VideoCodec;

/// How long a few frames may take.
const LIMIT: Duration = Duration::from_secs(2);
/// The frames, and how many of them must come out: some encoders keep the last ones back.
const FRAMES: u32 = 15;
const ENOUGH: u32 = 10;

/// What was found so far, by the element's name.
static FOUND: Mutex<Option<HashMap<&'static str, bool>>> = Mutex::new(None);

/// Tries every installed encoder of a codec that depends on hardware.
pub(crate) fn warm(codec: VideoCodec) {
    ENCODERS.iter().filter(|encoder| encoder.codec == codec).for_each(|encoder| {
        works(encoder);
    });
}

/// Whether it is there and, where it depends on hardware, has been seen to work.
pub(crate) fn works(encoder: &'static Encoder) -> bool {
    if gst::ElementFactory::find(encoder.factory).is_none() {
        return false;
    }
    if !encoder.hardware {
        return true;
    }
    let mut found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
    let found = found.get_or_insert_default();
    *found.entry(encoder.factory).or_insert_with(|| {
        let works = try_out(encoder);
        tracing::info!(encoder = encoder.factory, works, "encoder tried");
        works
    })
}

fn try_out(encoder: &'static Encoder) -> bool {
    let (tell, told) = sync_channel(1);
    let spawned = thread::Builder::new().name("probe".into()).spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = tell.try_send(encode_some(encoder).unwrap_or(0));
    });
    spawned.is_ok() && told.recv_timeout(LIMIT).is_ok_and(|frames| frames >= ENOUGH)
}

fn encode_some(encoder: &Encoder) -> Option<u32> {
    let description = format!(
        "videotestsrc num-buffers={FRAMES} ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! videoconvert \
         ! {} name=encoder ! {} ! appsink name=out sync=false",
        encoder.factory, encoder.caps
    );
    let bin = gst::parse::bin_from_description(&description, false).ok()?;
    let element = bin.by_name("encoder")?;
    encoder.set_up(&element, 640 * 360);
    encoder.set_bitrate(&element, 800_000);
    let sink = bin.by_name("out")?.downcast::<gstreamer_app::AppSink>().ok()?;
    let pipeline = gst::Pipeline::new();
    pipeline.add(&bin).ok()?;
    let mut frames = 0;
    if pipeline.set_state(gst::State::Playing).is_ok() {
        while sink.try_pull_sample(gst::ClockTime::from_mseconds(500)).is_some() {
            frames += 1;
        }
    }
    pipeline.set_state(gst::State::Null).ok()?;
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::warm_up;

    #[test]
    fn software_encoders_give_frames() {
        warm_up().unwrap();
        for encoder in ENCODERS.iter().filter(|encoder| !encoder.hardware) {
            if gst::ElementFactory::find(encoder.factory).is_some() {
                assert!(encode_some(encoder).unwrap() >= ENOUGH, "{}", encoder.factory);
            }
        }
    }
}
