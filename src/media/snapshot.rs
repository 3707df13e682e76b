//! One picture as JPEG, made off the owner's thread.

use std::thread;

use gstreamer as gst;
use tokio::sync::oneshot;

/// How long the conversion may take.
const CONVERSION: gst::ClockTime = gst::ClockTime::from_seconds(2);

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
        let _ = reply.send(convert(&sample));
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for a snapshot");
    }
}

fn convert(sample: &gst::Sample) -> Result<Vec<u8>, SnapshotError> {
    let failed = |error: &dyn ToString| SnapshotError::Conversion(error.to_string());
    let jpeg = gst::Caps::new_empty_simple("image/jpeg");
    let picture = gstreamer_video::convert_sample(sample, &jpeg, CONVERSION).map_err(|error| failed(&error))?;
    let buffer = picture.buffer().ok_or_else(|| failed(&"empty"))?;
    let bytes = buffer.map_readable().map_err(|error| failed(&error))?;
    Ok(bytes.to_vec())
}
