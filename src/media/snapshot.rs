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
    if samples.is_empty() {
        // Nothing to convert; whoever asked may have gone.
        let _ = reply.send(Vec::new());
        return;
    }
    let spawned = thread::Builder::new().name("snapshot".into()).spawn(move || {
        let made = samples.iter().map(|sample| convert(sample, &small(sample)));
        let made =
            made.filter_map(|made| made.map_err(|error| tracing::warn!(%error, "a picture is lost")).ok()).collect();
        // Whoever asked may have gone.
        let _ = reply.send(made);
    });
    if let Err(error) = spawned {
        tracing::error!(%error, "no thread for pictures");
    }
}

/// A JPEG of the small width in which things keep their shape.
fn small(sample: &gst::Sample) -> gst::Caps {
    let jpeg =
        gst::Caps::builder("image/jpeg").field("width", SMALL).field("pixel-aspect-ratio", gst::Fraction::new(1, 1));
    let info = sample.caps().and_then(|caps| gstreamer_video::VideoInfo::from_caps(caps).ok());
    let Some(info) = info.filter(|info| info.width() > 0) else { return jpeg.build() };
    let (across, down) = (
        f64::from(info.width()) * f64::from(info.par().numer()),
        f64::from(info.height()) * f64::from(info.par().denom()),
    );
    jpeg.field("height", ((f64::from(SMALL) * down / across / 2.0).round() as i32 * 2).max(2)).build()
}

fn convert(sample: &gst::Sample, jpeg: &gst::Caps) -> Result<Vec<u8>, SnapshotError> {
    let failed = |error: &dyn ToString| SnapshotError::Conversion(error.to_string());
    let picture = gstreamer_video::convert_sample(sample, jpeg, CONVERSION).map_err(|error| failed(&error))?;
    let buffer = picture.buffer().ok_or_else(|| failed(&"empty"))?;
    let bytes = buffer.map_readable().map_err(|error| failed(&error))?;
    Ok(bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(width: u32, height: u32) -> gst::Sample {
        let info =
            gstreamer_video::VideoInfo::builder(gstreamer_video::VideoFormat::I420, width, height).build().unwrap();
        let buffer = gst::Buffer::with_size(info.size()).unwrap();
        gst::Sample::builder().buffer(&buffer).caps(&info.to_caps().unwrap()).build()
    }

    #[tokio::test]
    async fn a_small_picture_keeps_its_shape() {
        gst::init().unwrap();
        for (width, height, wanted) in
            [(640, 360, 180), (640, 480, 240), (1280, 720, 180), (320, 180, 180), (480, 640, 426)]
        {
            let (reply, made) = oneshot::channel();
            make_small(vec![sample(width, height)], reply);
            let jpeg = made.await.unwrap().remove(0);
            // Its frame header (ITU-T T.81, B.2.2) has height and width.
            let header = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
            let number = |at: usize| u32::from(u16::from_be_bytes([jpeg[header + at], jpeg[header + at + 1]]));
            assert_eq!((number(7), number(5)), (320, wanted), "{width}x{height}");
        }
    }
}
