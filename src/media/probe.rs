//! Does an encoder of the table work on this board? Each one that depends on a driver is tried on a few frames, once, before
//! anybody rings, in a process of its own: a driver that hangs or crashes takes only that process with it.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video::UpstreamForceKeyUnitEvent;
use serde::Serialize;

use super::codec::{ENCODERS, Encoder};
use super::pipeline::PipelineError;

/// How long a try may take, the start of its process included.
const LIMIT: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(20);
/// The frames, and how many of them must come out: some encoders keep the last ones back.
const FRAMES: u32 = 30;
const ENOUGH: u32 = 20;
/// After so many frames a key frame is asked for.
const ASK: u32 = 8;
const FRAME: gst::ClockTime = gst::ClockTime::from_mseconds(500);

/// What was found so far, by the element's name.
static FOUND: Mutex<Option<HashMap<&'static str, bool>>> = Mutex::new(None);

/// What an encoder did when it was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EncoderTrial {
    /// It gave enough frames.
    pub works: bool,
    /// Frames that came out.
    pub frames: u32,
    /// A key frame came when it was asked for.
    pub key_frame_on_request: bool,
}

/// Tries an encoder of the table in this process. For a process that was started for nothing else.
///
/// # Errors
/// A sentence, when there is no such encoder or it cannot be built.
pub fn try_encoder(factory: &str) -> Result<EncoderTrial, String> {
    super::warm::world().map_err(|error| error.to_string())?;
    let known = || ENCODERS.iter().map(|encoder| encoder.factory).collect::<Vec<_>>().join(", ");
    let encoder = ENCODERS.iter().find(|encoder| encoder.factory == factory);
    let encoder = encoder.ok_or_else(|| format!("{factory}: not one of {}", known()))?;
    encode_some(encoder).map_err(|error| error.to_string())
}

/// Tries every installed encoder that depends on hardware, with `PROGRAM try-encoder FACTORY`, on a thread of its own: each
/// may take 4 s. A call that begins before an encoder was tried takes another one.
pub(crate) fn begin(program: Option<&Path>) {
    let installed: Vec<_> = ENCODERS.iter().filter(|encoder| encoder.hardware && is_there(encoder)).collect();
    let Some(program) = program.map(Path::to_owned) else {
        installed.iter().for_each(|encoder| tracing::info!(encoder = encoder.factory, "not tried, and so not used"));
        return;
    };
    if installed.is_empty() {
        return;
    }
    let spawned = thread::Builder::new().name("probe".into()).spawn(move || {
        for encoder in installed {
            let works = try_in_child(Command::new(&program).args(["try-encoder", encoder.factory]), LIMIT);
            tracing::info!(encoder = encoder.factory, works, "encoder tried");
            FOUND.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_default().insert(encoder.factory, works);
        }
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread to try hardware encoders: they are not used");
    }
}

/// Whether it is there and, where it depends on hardware, has been seen to work.
pub(crate) fn works(encoder: &'static Encoder) -> bool {
    let found = || {
        let found = FOUND.lock().unwrap_or_else(PoisonError::into_inner);
        found.as_ref().and_then(|found| found.get(encoder.factory).copied()).unwrap_or(false)
    };
    is_there(encoder) && (!encoder.hardware || found())
}

fn is_there(encoder: &Encoder) -> bool {
    gst::ElementFactory::find(encoder.factory).is_some()
}

/// Whether the command ends well, and in time.
fn try_in_child(command: &mut Command, limit: Duration) -> bool {
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = match child {
        Ok(child) => child,
        Err(error) => {
            tracing::warn!(%error, "no process to try an encoder in");
            return false;
        }
    };
    let until = Instant::now() + limit;
    while Instant::now() < until {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => thread::sleep(LOOK),
            Err(error) => {
                tracing::warn!(%error, "a try is lost sight of");
                break;
            }
        }
    }
    end(child);
    false
}

/// Kills it. One that hangs in its driver may not even die: nobody waits for that but a thread.
fn end(mut child: Child) {
    if let Err(error) = child.kill() {
        tracing::warn!(%error, "a try cannot be ended");
    }
    let reaper = thread::Builder::new().name("reaper".into()).spawn(move || child.wait());
    if let Err(error) = reaper {
        tracing::error!(%error, "no thread to bury a try");
    }
}

fn encode_some(encoder: &Encoder) -> Result<EncoderTrial, PipelineError> {
    let failed = |why: &dyn ToString| PipelineError::new("trial", why.to_string());
    let description = format!(
        "videotestsrc num-buffers={FRAMES} ! video/x-raw,format=I420,width=640,height=360,framerate=25/1 ! videoconvert \
         ! {} name=encoder ! {} ! appsink name=out sync=false max-buffers=1",
        encoder.factory, encoder.caps
    );
    let bin = gst::parse::bin_from_description(&description, false).map_err(|error| failed(&error))?;
    let element = bin.by_name("encoder").ok_or_else(|| failed(&"no encoder"))?;
    encoder.set_up(&element, 640 * 360);
    encoder.set_bitrate(&element, 800_000);
    let sink = bin.by_name("out").and_then(|sink| sink.downcast::<AppSink>().ok()).ok_or_else(|| failed(&"no sink"))?;
    let pipeline = gst::Pipeline::new();
    pipeline.add(&bin).map_err(|error| failed(&error))?;
    let mut trial = EncoderTrial { works: false, frames: 0, key_frame_on_request: false };
    if pipeline.set_state(gst::State::Playing).is_ok() {
        while let Some(sample) = sink.try_pull_sample(FRAME) {
            trial.frames += 1;
            let is_key = sample.buffer().is_some_and(|it| !it.flags().contains(gst::BufferFlags::DELTA_UNIT));
            trial.key_frame_on_request |= is_key && trial.frames > ASK;
            if trial.frames == ASK {
                let event = UpstreamForceKeyUnitEvent::builder().all_headers(true).build();
                let asked = element.static_pad("src").is_some_and(|pad| pad.send_event(event));
                tracing::debug!(asked, "a key frame");
            }
        }
    }
    pipeline.set_state(gst::State::Null).map_err(|error| failed(&error))?;
    trial.works = trial.frames >= ENOUGH;
    Ok(trial)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::warm_up;

    #[test]
    fn software_encoders_give_frames_and_key_frames_on_request() {
        warm_up().unwrap();
        for encoder in ENCODERS.iter().filter(|encoder| !encoder.hardware && is_there(encoder)) {
            let trial = encode_some(encoder).unwrap();
            assert!(trial.works && trial.key_frame_on_request, "{}: {trial:?}", encoder.factory);
        }
        assert!(try_encoder("nonsense").unwrap_err().contains("vp8enc"));
    }

    #[test]
    fn a_try_that_hangs_or_fails_is_no_encoder() {
        let long = Duration::from_secs(60);
        assert!(try_in_child(&mut Command::new("true"), long));
        assert!(!try_in_child(&mut Command::new("false"), long));
        assert!(!try_in_child(&mut Command::new("/no/such/program"), long));
        assert!(!try_in_child(Command::new("sleep").arg("600"), Duration::from_millis(50)));
    }
}
