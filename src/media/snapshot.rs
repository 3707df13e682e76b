//! One picture as JPEG, made off the owner's thread.

use std::thread;

use gstreamer as gst;
use tokio::sync::oneshot;

/// How long the conversion may take.
const CONVERSION: gst::ClockTime = gst::ClockTime::from_seconds(2);
/// Width of a small picture.
const SMALL: i32 = 320;

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// Nothing is captured or shown now.
    #[error("there is no picture now: the camera runs from ring to hang-up only")]
    NoPicture,
    /// The picture could not be written as JPEG.
    #[error("the picture could not be written as JPEG: {0}; is gstreamer1.0-plugins-good installed?")]
    Conversion(String),
    /// The media edge has stopped, or is too busy.
    #[error("the media edge does not answer")]
    Gone,
}

/// Writes a picture as JPEG on a thread of its own.
pub(crate) fn make(sample: Option<gst::Sample>, reply: oneshot::Sender<Result<Vec<u8>, SnapshotError>>) {
    let Some(sample) = sample else {
        // Whoever asked may have gone.
        let _ = reply.send(Err(SnapshotError::NoPicture));
        return;
    };
    let spawned = thread::Builder::new().name("snapshot".into()).spawn(move || {
        let _ = reply.send(convert(&sample, &gst::Caps::new_empty_simple("image/jpeg")));
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for a snapshot");
    }
}

/// Writes pictures as small JPEGs on a thread of its own: enough to know a face, and some 10 KB each.
pub(crate) fn make_small(samples: Vec<gst::Sample>, reply: oneshot::Sender<Vec<Vec<u8>>>) {
    let spawned = thread::Builder::new().name("snapshot".into()).spawn(move || {
        let small = gst::Caps::builder("image/jpeg").field("width", SMALL).build();
        let made = samples.iter().map(|sample| convert(sample, &small));
        let made =
            made.filter_map(|made| made.map_err(|error| tracing::warn!(%error, "a picture is lost")).ok()).collect();
        // Whoever asked may have gone.
        let _ = reply.send(made);
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for pictures");
    }
}

fn convert(sample: &gst::Sample, jpeg: &gst::Caps) -> Result<Vec<u8>, SnapshotError> {
    let failed = |error: &dyn ToString| SnapshotError::Conversion(error.to_string());
    let picture = gstreamer_video::convert_sample(sample, jpeg, CONVERSION).map_err(|error| failed(&error))?;
    let buffer = picture.buffer().ok_or_else(|| failed(&"empty"))?;
    let bytes = buffer.map_readable().map_err(|error| failed(&error))?;
    Ok(bytes.to_vec())
}
