//! Which of our pictures a link takes from its encoder.

use callbox_core::station::PictureSize;
use gstreamer_utils::StreamProducer;

use super::{Link, Sender};
use crate::media::pipeline::PipelineError;
use crate::media::settings::VideoCodec;

impl Link {
    /// Whether encoded frames were dropped on the way in since last asked: the peer cannot know, and needs a key frame.
    pub(crate) fn has_lost_frames(&mut self) -> bool {
        let lost = self.video_out.as_ref().map_or(0, |video| video.counts().1);
        let is_new = lost != std::mem::replace(&mut self.frames_lost, lost);
        // Frames before the first key frame of another picture are not lost.
        is_new && self.sends_video() && !self.is_switching()
    }

    /// Whether the first frame of another picture is still to come.
    pub(crate) fn is_switching(&self) -> bool {
        self.video_out.as_ref().is_some_and(Sender::is_switching)
    }

    /// Whether this picture goes out on it now.
    pub(crate) fn takes(&self, codec: VideoCodec, size: PictureSize) -> bool {
        self.sends_video() && self.codec == codec && self.picture == Some(size)
    }

    /// Takes this picture from its encoder from now on, or none.
    pub(crate) fn take(&mut self, picture: Option<(PictureSize, &StreamProducer)>) -> Result<(), PipelineError> {
        self.picture = picture.map(|(size, _)| size);
        match (&mut self.video_out, picture) {
            (Some(video), Some((_, producer))) => video.switch(producer),
            (Some(video), None) => {
                video.rest();
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}
