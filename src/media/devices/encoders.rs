//! The encoders among the devices: one for each picture that is sent in each codec.

use std::collections::HashSet;
use std::time::Instant;

use callbox_core::station::PictureSize;

use super::Devices;
use crate::media::backoff::chance;
use crate::media::codec;
use crate::media::encode::{Encode, EncoderStatus};
use crate::media::fault_text::Failure;
use crate::media::outbox::{Device, Event, Outbox};
use crate::media::overuse::{Direction, Shape};
use crate::media::pipeline::PipelineError;
use crate::media::settings::VideoCodec;
use crate::media::tiers::Tier;

/// Encoders that failed. One that cannot run a second time still serves the full picture.
#[derive(Debug, Default)]
pub(super) struct Demoted {
    full: HashSet<&'static str>,
    small: HashSet<&'static str>,
}

impl Demoted {
    fn of(&mut self, size: PictureSize) -> &mut HashSet<&'static str> {
        match size {
            PictureSize::Full => &mut self.full,
            PictureSize::Small => &mut self.small,
        }
    }
}

impl Devices {
    /// The encoder of the full picture in this codec, started if it was not.
    pub(crate) fn encode(&mut self, codec: VideoCodec) -> Result<&mut Encode, PipelineError> {
        self.encoder_of(codec, PictureSize::Full)
    }

    /// The encoder of this picture in this codec, started if it was not.
    pub(crate) fn encoder_of(&mut self, codec: VideoCodec, size: PictureSize) -> Result<&mut Encode, PipelineError> {
        if let Some(at) = self.encoder_at(codec, size) {
            return Ok(&mut self.encoders[at]);
        }
        let source = match size {
            PictureSize::Full => self.capture.as_ref().map(|capture| capture.raw.clone()),
            PictureSize::Small => Some(self.encode(codec)?.raw.clone()),
        };
        let encoder =
            codec::encoder(codec, self.demoted.of(size)).map_err(|error| PipelineError::new("encode", error))?;
        let mut encode = Encode::new(&self.settings, size, encoder, &self.inbox)?;
        if let Some(source) = source {
            encode.take(&source)?;
        }
        encode.pipeline.start();
        tracing::info!(encoder = encoder.factory, picture = ?size, "encoder chosen");
        self.encoders.push(encode);
        Ok(self.encoders.last_mut().expect("one was just pushed"))
    }

    fn encoder_at(&self, codec: VideoCodec, size: PictureSize) -> Option<usize> {
        self.encoders.iter().position(|encode| encode.encoder.codec == codec && encode.size == size)
    }

    /// The encoders that there are.
    pub(crate) fn encoders(&mut self) -> impl Iterator<Item = &mut Encode> {
        self.encoders.iter_mut()
    }

    /// Ends encoders of the small picture that no link uses.
    pub(crate) fn retire_encoders(&mut self, is_used: impl Fn(&Encode) -> bool) {
        self.encoders.retain(|encode| encode.size == PictureSize::Full || is_used(encode));
    }

    /// The encoders in figures; `links` names those that use one.
    pub(crate) fn encoder_status(&mut self, links: impl Fn(&Encode) -> Vec<String>) -> Vec<EncoderStatus> {
        self.encoders.iter_mut().map(|encode| encode.status(links(encode))).collect()
    }

    /// The camera's frames go to the encoders of the full picture; those of the small one get theirs from there.
    pub(super) fn feed_encoders(&mut self) {
        let Some(capture) = &self.capture else { return };
        for encode in self.encoders.iter_mut().filter(|encode| encode.size == PictureSize::Full) {
            if let Err(error) = encode.take(&capture.raw) {
                tracing::error!(%error, "camera not joined");
            }
        }
    }

    /// The camera is gone: a placeholder takes its place.
    pub(super) fn starve_encoders(&mut self) {
        self.encoders.iter_mut().filter(|encode| encode.size == PictureSize::Full).for_each(Encode::lose_camera);
    }

    /// Takes the next best encoder in place of one that failed. Returns whether there is one.
    pub(super) fn replace_encoder(&mut self, at: usize, failure: Failure<'_>, outbox: &mut Outbox) -> bool {
        let lost = self.encoders.remove(at);
        let (factory, codec, size) = (lost.encoder.factory, lost.encoder.codec, lost.size);
        drop(lost);
        self.demoted.of(size).insert(factory);
        tracing::warn!(encoder = factory, picture = ?size, text = failure.text, "encoder demoted");
        match (self.encoder_of(codec, size).map(|encode| encode.raw.clone()), size) {
            (Ok(raw), PictureSize::Full) => {
                if let Some(small) = self.encoder_at(codec, PictureSize::Small) {
                    if let Err(error) = self.encoders[small].take(&raw) {
                        tracing::error!(%error, "small picture not joined");
                    }
                }
                true
            }
            (Ok(_), PictureSize::Small) => true,
            (Err(error), PictureSize::Full) => {
                self.fault(Device::Encoder, error.to_string(), outbox);
                false
            }
            // The links get the full picture instead.
            (Err(error), PictureSize::Small) => {
                tracing::warn!(%error, "no small picture");
                true
            }
        }
    }

    /// Gives encoders that cannot keep up smaller or fewer pictures, and more again later.
    pub(crate) fn adapt(&mut self, now: Instant, outbox: &mut Outbox) {
        for encode in &mut self.encoders {
            let Some((direction, Shape { width, height, fps })) = encode.adapt(now, chance()) else { continue };
            let (encoder, picture) = (encode.encoder.factory, Tier::asked(encode.size));
            match direction {
                Direction::Down => tracing::warn!(
                    encoder,
                    ?picture,
                    width,
                    height,
                    fps,
                    "the encoder cannot keep up: picture reduced; choose a smaller `video.size` or `video.fps` if this stays"
                ),
                Direction::Up => {
                    tracing::info!(encoder, ?picture, width, height, fps, "the encoder keeps up: picture enlarged")
                }
            }
            outbox.tell(Event::Adapted { encoder, picture, width, height, fps, reduced: direction == Direction::Down });
        }
    }

    /// An encoder may have been tried since, or its driver be free again.
    pub(super) fn retry_encoder(&mut self, outbox: &mut Outbox) -> bool {
        match self.encode(self.settings.codec) {
            Ok(_) => {
                self.works(Device::Encoder, outbox);
                true
            }
            Err(error) => {
                self.fault(Device::Encoder, error.to_string(), outbox);
                false
            }
        }
    }
}
