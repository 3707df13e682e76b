//! The links of the owner, from the order that opens one to the one that closes it.

use std::time::Instant;

use callbox_core::ids::LinkId;
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, LinkEvent, LinkFailure};

use super::Owner;
use crate::media::audio::SLOTS;
use crate::media::description::RemoteOffer;
use crate::media::inbox::{LinkKey, LinkNote};
use crate::media::link::{Link, Parts};

impl Owner {
    pub(super) fn open(&mut self, id: LinkId, media: Media, offerer: bool) {
        if self.find(&id).is_some() {
            return;
        }
        self.releasing = false;
        self.devices.start(media, &mut self.outbox);
        self.settle_volume();
        let failed = LinkFailure::Pipeline;
        let Some(slot) = (0..SLOTS).find(|slot| self.links.iter().all(|link| link.slot != *slot)) else {
            tracing::warn!(link = %id, "no room for another link");
            return self.outbox.link(&id, LinkEvent::Failed(failed));
        };
        let key = LinkKey(self.next_key);
        self.next_key += 1;
        let parts = Parts { settings: &self.settings, servers: &self.servers, inbox: &self.inbox };
        match Link::new(&parts, key, id.clone(), media, slot) {
            Ok(link) => self.links.push(link),
            Err(error) => {
                tracing::error!(link = %id, %error, "link not made");
                return self.outbox.link(&id, LinkEvent::Failed(failed));
            }
        }
        if offerer {
            self.offer(self.links.len() - 1);
        }
    }

    fn offer(&mut self, at: usize) {
        let link = &mut self.links[at];
        let Some(audio) = &self.devices.audio else { return link.broke(&mut self.outbox) };
        let opus = audio.opus.clone();
        let video = match link.media {
            Media::Audio => None,
            Media::Video => self.devices.encode(self.settings.codec).map(|encode| encode.video.clone()).ok(),
        };
        if let Err(error) = link.offer(&opus, video.as_ref()) {
            return link.refuse(&error, &mut self.outbox);
        }
        self.attach(at);
    }

    pub(super) fn remote_offer(&mut self, id: &LinkId, sdp: &str) {
        let Some(at) = self.find(id) else { return };
        let link = &mut self.links[at];
        if link.has_remote() {
            return;
        }
        let offer = match RemoteOffer::read(sdp, link.media, self.settings.codec) {
            Ok(offer) => offer,
            Err(reason) => return link.refuse_peer(&reason, &mut self.outbox),
        };
        let Some(audio) = &self.devices.audio else { return link.broke(&mut self.outbox) };
        let opus = audio.opus.clone();
        let video = offer.codec.and_then(|codec| self.devices.encode(codec).ok().map(|encode| encode.video.clone()));
        if let Err(error) = link.answer(offer, &opus, video.as_ref()) {
            return link.refuse(&error, &mut self.outbox);
        }
        self.attach(at);
    }

    pub(super) fn remote_answer(&mut self, id: &LinkId, sdp: &str) {
        let Some(at) = self.find(id) else { return };
        let link = &mut self.links[at];
        if link.has_remote() {
            return;
        }
        link.take_answer(sdp, &mut self.outbox);
    }

    pub(super) fn gate(&mut self, at: usize, flow: Flow) {
        self.links[at].flow = flow;
        self.settle(at);
    }

    pub(super) fn close(&mut self, id: &LinkId) {
        if let Some(at) = self.find(id) {
            self.links.remove(at);
            self.settle_screen();
            self.settle_pictures(Instant::now());
            self.settle_encoders();
        }
    }

    pub(super) fn on_link(&mut self, key: LinkKey, note: LinkNote) {
        let Some(at) = self.links.iter().position(|link| link.key == key) else { return };
        let was_secured = self.links[at].is_secured();
        let estimated = matches!(note, LinkNote::Estimate(_));
        let decoded = matches!(note, LinkNote::FirstFrameDecoded);
        self.links[at].on(Instant::now(), note, &mut self.outbox);
        if self.links[at].is_secured() != was_secured {
            self.settle(at);
        }
        if estimated {
            self.settle_pictures(Instant::now());
            self.settle_bitrate();
        }
        if decoded {
            self.settle_screen();
        }
    }

    pub(super) fn find(&self, id: &LinkId) -> Option<usize> {
        self.links.iter().position(|link| link.id == *id)
    }
}
