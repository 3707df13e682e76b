//! Brings joints, gates and screen to what the links may do now.

use std::time::Instant;

use gstreamer as gst;

use super::Owner;
use crate::media::compose::Face;
use crate::media::devices::Rebuilt;
use crate::media::inbox::LinkNote;
use crate::media::link::Link;
use crate::media::{join, playout};

impl Owner {
    /// Gives a link its input of the mixer.
    pub(super) fn attach(&mut self, at: usize) {
        let link = &mut self.links[at];
        let slot = link.slot;
        if let Some(audio) = &self.devices.audio {
            if let Some(pad) = src_pad(&audio.slots[slot]) {
                playout::reset(&pad, audio.pipeline.shift());
            }
            if let Err(error) = link.audio_in.attach(&audio.slots[slot]) {
                tracing::error!(%error, "peer not joined to the mixer");
            }
        }
    }

    /// A device's pipeline is a new one: its joints are made anew.
    pub(super) fn rejoin(&mut self, rebuilt: Rebuilt) {
        if rebuilt == Rebuilt::default() {
            return;
        }
        for at in 0..self.links.len() {
            self.attach(at);
            let link = &mut self.links[at];
            if let Some(audio) = &self.devices.audio {
                let _ = link.follow_audio(&audio.opus).map_err(|error| tracing::error!(%error, "not joined"));
            }
            link.apply_flow();
        }
        if rebuilt.encoder {
            self.rejoin_encoders();
        }
        if rebuilt.audio {
            self.settle_volume();
            self.play(self.tone);
        }
        self.settle_screen();
        self.settle_encoders();
    }

    /// Brings gates, screen and encoder to what this link may do now.
    pub(super) fn settle(&mut self, at: usize) {
        let link = &mut self.links[at];
        let (key, sent, slot) = (link.key, link.video_out.as_ref().is_some_and(|video| video.is_open()), link.slot);
        if link.is_secured() && link.flow.play_audio && link.audio_in.first_is_untold() {
            if let Some(pad) = self.devices.audio.as_ref().and_then(|audio| src_pad(&audio.slots[slot])) {
                let inbox = self.inbox.clone();
                join::on_first_buffer(&pad, move || inbox.link(key, LinkNote::FirstAudio));
            }
        }
        let shows = link.shows_video();
        if let Some(video) =
            link.video_in.as_mut().and_then(|video| (shows && video.first_is_untold()).then_some(video))
        {
            let (decoded, shown) = (self.inbox.clone(), self.inbox.clone());
            let tell = move || shown.link(key, LinkNote::FirstFrameShown);
            video.on_next(move || decoded.link(key, LinkNote::FirstFrameDecoded));
            match &self.devices.display {
                Some(display) => display.on_shown(slot, video.exit(), tell),
                None => video.on_next(tell),
            }
        }
        self.settle_pictures(Instant::now());
        let link = &mut self.links[at];
        link.apply_flow();
        if let (true, false, codec, Some(size)) = (link.sends_video(), sent, link.codec(), link.picture) {
            self.key_frame(codec, size);
        }
        self.settle_encoders();
        self.settle_screen();
    }

    /// Each peer is shown once: by its newest link that has given a picture, or else by the oldest, which had its chance
    /// first. So a link takes over from the one it replaces with its first frame.
    pub(super) fn settle_screen(&mut self) {
        let Some(display) = &mut self.devices.display else { return };
        let mut shown: Vec<&Link> = Vec::new();
        for link in self.links.iter().filter(|link| link.shows_video()) {
            match shown.iter_mut().find(|other| other.id.peer == link.id.peer) {
                Some(other) if link.has_picture() => *other = link,
                Some(_) => {}
                None => shown.push(link),
            }
        }
        let face = |link: &Link| {
            let sends = self.peer_sends.get(&link.id.peer).copied().unwrap_or_default();
            Some(Face {
                peer: link.id.peer.clone(),
                slot: link.slot,
                decoded: link.video_in.as_ref()?.decoded().clone(),
                is_hidden: !sends.video,
                is_muted: !sends.audio,
                speaks: link.speaks(),
            })
        };
        let faces: Vec<Face> = shown.into_iter().filter_map(face).collect();
        if let Err(error) = display.show(&faces) {
            tracing::error!(%error, "peers not joined to the screen");
        }
    }

    pub(super) fn settle_caption(&mut self) {
        if let Some(display) = &mut self.devices.display {
            display.say(self.caption.as_deref());
        }
    }

    pub(super) fn settle_volume(&self) {
        if let Some(audio) = &self.devices.audio {
            audio.set_volume(self.volume.percent());
        }
    }
}

fn src_pad(element: &gstreamer_app::AppSrc) -> Option<gst::Pad> {
    gst::prelude::ElementExt::static_pad(element, "src")
}
