//! A picture that does not move: the idle picture of a file, or black. It fills the screen while no peer does.

use std::path::Path;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::AppSink;
use gstreamer_video::{VideoFormat, VideoInfo};

use super::pipeline::PipelineError;
use super::warm::world;

/// How long reading a picture may take.
const READ: gst::ClockTime = gst::ClockTime::from_seconds(3);

/// Reads a picture of any format that is installed, scaled to this size; what is left over is black.
pub(crate) fn load(path: &Path, (width, height): (u32, u32)) -> Result<gst::Sample, PipelineError> {
    let failed =
        |what: &dyn ToString| PipelineError::new("idle picture", format!("{}: {}", path.display(), what.to_string()));
    let description = format!(
        "filesrc name=file ! decodebin ! videoconvertscale add-borders=true ! imagefreeze num-buffers=1 \
         ! video/x-raw,format=I420,width={width},height={height},pixel-aspect-ratio=1/1,framerate=25/1 \
         ! appsink name=still sync=false"
    );
    let bin = gst::parse::bin_from_description(&description, false).map_err(|error| failed(&error))?;
    let file = bin.by_name("file").ok_or_else(|| failed(&"no source"))?;
    file.set_property("location", path.to_str().ok_or_else(|| failed(&"its name is not UTF-8"))?);
    let sink =
        bin.by_name("still").and_then(|sink| sink.downcast::<AppSink>().ok()).ok_or_else(|| failed(&"no sink"))?;
    let pipeline = gst::Pipeline::new();
    pipeline.add(&bin).map_err(|error| failed(&error))?;
    let played = pipeline.set_state(gst::State::Playing);
    let sample = played.ok().and_then(|_| sink.try_pull_sample(READ));
    let why = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gst::MessageType::Error]));
    pipeline.set_state(gst::State::Null).map_err(|error| failed(&error))?;
    sample.ok_or_else(|| match why.as_ref().map(|message| message.view()) {
        Some(gst::MessageView::Error(error)) => failed(&error.error()),
        _ => failed(&"not read within 3 s"),
    })
}

/// A black picture.
pub(crate) fn black((width, height): (u32, u32)) -> Result<gst::Sample, PipelineError> {
    let failed = |what: &dyn ToString| PipelineError::new("black picture", what.to_string());
    let info = VideoInfo::builder(VideoFormat::I420, width, height).fps(gst::Fraction::new(25, 1)).build();
    let info = info.map_err(|error| failed(&error))?;
    let mut bytes = vec![128; info.size()];
    bytes.get_mut(..info.offset()[1]).ok_or_else(|| failed(&"no planes"))?.fill(16);
    let caps = info.to_caps().map_err(|error| failed(&error))?;
    Ok(gst::Sample::builder().buffer(&gst::Buffer::from_mut_slice(bytes)).caps(&caps).build())
}

/// The same picture, of now.
pub(crate) fn of_now(still: &gst::Sample) -> Option<gst::Sample> {
    let mut buffer = still.buffer()?.copy();
    buffer.get_mut()?.set_pts(world().ok()?.running_time());
    Some(gst::Sample::builder().buffer(&buffer).caps(&still.caps_owned()?).build())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::warm_up;

    fn brightness(sample: &gst::Sample) -> (u8, u8) {
        let bytes = sample.buffer().unwrap().map_readable().unwrap();
        let luma = &bytes[..64 * 36];
        (luma.iter().copied().min().unwrap(), luma.iter().copied().max().unwrap())
    }

    #[test]
    fn black_is_black() {
        warm_up().unwrap();
        let sample = black((64, 36)).unwrap();
        assert_eq!(brightness(&sample), (16, 16));
        assert!(of_now(&sample).unwrap().buffer().unwrap().pts().is_some());
    }

    #[test]
    fn a_picture_is_read_and_fitted_to_the_screen() {
        warm_up().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("idle.png");
        let write = format!(
            "videotestsrc num-buffers=1 pattern=white ! video/x-raw,width=36,height=36 ! pngenc ! filesink location={}",
            path.display()
        );
        let pipeline = gst::parse::launch(&write).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        let end = [gst::MessageType::Eos, gst::MessageType::Error];
        let ended = pipeline.bus().unwrap().timed_pop_filtered(gst::ClockTime::from_seconds(5), &end).unwrap();
        pipeline.set_state(gst::State::Null).unwrap();
        assert_eq!(ended.type_(), gst::MessageType::Eos);
        let sample = load(&path, (64, 36)).unwrap();
        // White in the middle, and borders beside it.
        assert_eq!(brightness(&sample), (16, 235));
        std::fs::write(&path, b"no picture").unwrap();
        assert!(load(&path, (64, 36)).unwrap_err().to_string().contains("idle.png"));
        assert!(load(&folder.path().join("none.png"), (64, 36)).is_err());
    }
}
