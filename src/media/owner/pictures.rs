//! Which of our pictures goes out on each link, and what their encoders do for it.

use std::time::Instant;

use callbox_core::ids::LinkId;
use callbox_core::station::PictureSize;
use gstreamer_utils::StreamProducer;

use super::Owner;
use crate::media::encode::Encode;
use crate::media::link::Link;
use crate::media::settings::VideoCodec;
use crate::media::tiers::{Path, Rates};

impl Owner {
    /// The station says which picture goes out on a link.
    pub(super) fn ask_picture(&mut self, id: &LinkId, size: PictureSize) {
        if let Some(at) = self.find(id) {
            self.links[at].congestion.ask(size);
            self.settle_pictures(Instant::now());
            self.settle_encoders();
        }
    }

    /// Gives each link the picture that its path carries.
    pub(super) fn settle_pictures(&mut self, now: Instant) {
        self.judge_paths(now);
        for at in 0..self.links.len() {
            let link = &self.links[at];
            let wanted = if link.sends_video() { link.congestion.tier().picture() } else { Some(PictureSize::Full) };
            if wanted != link.picture && link.video_out.is_some() {
                self.change_picture(at, wanted);
            }
        }
    }

    fn judge_paths(&mut self, now: Instant) {
        let bounds = self.settings.bitrate;
        for at in 0..self.links.len() {
            if !self.links[at].sends_video() {
                continue;
            }
            if !self.is_shared(at) {
                self.links[at].congestion.is_alone();
                continue;
            }
            let link = &self.links[at];
            let Some(estimate) = link.estimate else { continue };
            let takes = |encode: &&mut Encode| link.takes(encode.encoder.codec, encode.size);
            let sent = self.devices.encoders().find(takes).map_or(0, |encode| encode.bitrate());
            let link = &mut self.links[at];
            let before = link.congestion.tier();
            link.congestion.look(now, Path { estimate, sent }, |size| Rates::of(size, bounds));
            if link.congestion.tier() != before {
                let picture = link.congestion.tier();
                tracing::info!(link = %link.id, ?picture, estimate, "another picture goes out on this link");
            }
        }
    }

    /// Whether other peers get pictures from the same encoders.
    fn is_shared(&self, at: usize) -> bool {
        let link = &self.links[at];
        let is_other = |other: &&Link| other.id.peer != link.id.peer && other.codec() == link.codec();
        self.links.iter().filter(is_other).any(Link::sends_video)
    }

    fn change_picture(&mut self, at: usize, wanted: Option<PictureSize>) {
        let Some(size) = wanted else { return self.take_picture(at, None) };
        let (codec, now) = (self.links[at].codec(), self.links[at].picture);
        // Without an encoder of its own, the small picture is the full one.
        for size in [size, PictureSize::Full] {
            if now == Some(size) {
                return;
            }
            if let Ok(producer) = self.devices.encoder_of(codec, size).map(|encode| encode.video.clone()) {
                return self.take_picture(at, Some((size, producer)));
            }
        }
    }

    fn take_picture(&mut self, at: usize, picture: Option<(PictureSize, StreamProducer)>) {
        let link = &mut self.links[at];
        if let Err(error) = link.take(picture.as_ref().map(|(size, producer)| (*size, producer))) {
            tracing::error!(link = %link.id, %error, "not joined to its picture");
        }
        let codec = link.codec();
        if let Some((size, _)) = picture {
            self.key_frame(codec, size);
        }
        self.settle_encoders();
    }

    /// An encoder was built anew.
    pub(super) fn rejoin_encoders(&mut self) {
        for link in &mut self.links {
            let Some(size) = link.picture else { continue };
            let followed = match self.devices.encoder_of(link.codec(), size) {
                Ok(encode) => link.follow_video(&encode.video),
                // Another picture takes its place.
                Err(_) => link.take(None),
            };
            if let Err(error) = followed {
                tracing::error!(%error, "not joined");
            }
        }
    }

    /// While a link waits for its first picture, there is always one ready to be sent.
    pub(super) fn rehearse(&mut self, now: Instant) {
        let links = &self.links;
        let awaits = |encode: &Encode, link: &Link| {
            link.awaits_sending() && link.codec() == encode.encoder.codec && link.picture == Some(encode.size)
        };
        for encode in self.devices.encoders() {
            if links.iter().any(|link| awaits(encode, link)) {
                encode.rehearse(now);
            }
        }
    }

    /// A link needs a key frame of a picture.
    pub(super) fn key_frame(&mut self, codec: VideoCodec, size: PictureSize) {
        let makes = |encode: &&mut Encode| encode.encoder.codec == codec && encode.size == size && encode.is_wanted();
        self.devices.encoders().filter(makes).for_each(|encode| encode.key_frame());
    }

    /// Lets exactly those encoders run whose pictures go out, each as fast as the slowest of its links.
    pub(super) fn settle_encoders(&mut self) {
        let links = &self.links;
        let users = |encode: &Encode| {
            let (codec, size) = (encode.encoder.codec, encode.size);
            links.iter().filter(move |link| link.takes(codec, size))
        };
        for encode in self.devices.encoders() {
            let goes_on = users(encode).any(Link::is_switching);
            let is_wanted = users(encode).next().is_some();
            encode.set_wanted(is_wanted, goes_on);
        }
        let is_joined = |encode: &Encode, link: &Link| {
            link.codec() == encode.encoder.codec && link.picture == Some(encode.size) && link.video_out.is_some()
        };
        self.devices.retire_encoders(|encode| links.iter().any(|link| is_joined(encode, link)));
        self.settle_bitrate();
    }

    /// The slowest link rules its encoder, as far as that serves the others.
    pub(super) fn settle_bitrate(&mut self) {
        let bounds = self.settings.bitrate;
        let shared: Vec<bool> = (0..self.links.len()).map(|at| self.is_shared(at)).collect();
        let links = &self.links;
        for encode in self.devices.encoders() {
            let (codec, size) = (encode.encoder.codec, encode.size);
            let users = || links.iter().zip(&shared).filter(|(link, _)| link.takes(codec, size));
            let is_alone = !users().any(|(_, shared)| *shared);
            let estimates = users().filter_map(|(link, _)| link.estimate);
            if let Some(bits) = Rates::of(size, bounds).rule(estimates, is_alone) {
                encode.set_bitrate(bits);
            }
        }
    }

    /// The links that use an encoder.
    pub(super) fn users(links: &[Link], encode: &Encode) -> Vec<String> {
        let takes = |link: &&Link| link.takes(encode.encoder.codec, encode.size);
        links.iter().filter(takes).map(|link| link.id.to_string()).collect()
    }
}
