//! One device that we talk with.

use std::time::Instant;

use super::call::Call;
use super::desk::{Desk, Outbox};
use super::effect::{Effect, Flow, MediaOrder};
use super::media_recovery::MediaRecovery;
use super::peer_links::PeerLinks;
use super::view::{PeerState, PeerView};
use crate::ids::Address;
use crate::protocol::Message;

/// One device that we talk with, and the media path to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    pub(super) path: MediaRecovery,
    /// Which join of a group call the device is by its own word; absent: it has not said so yet.
    pub(super) place: Option<u16>,
    /// The device takes part in group calls.
    pub(super) groups: bool,
    /// What the device says that it sends.
    pub(super) audio: bool,
    pub(super) video: bool,
}

impl Peer {
    /// The talk with it begins: opens the gates.
    pub(super) fn begin(now: Instant, call: &Call, links: PeerLinks, desk: &mut Desk) -> Self {
        let path = MediaRecovery::new(now, links, desk.agent);
        let mut peer = Self { path, place: None, groups: false, audio: true, video: call.has_video() };
        peer.open_gates(call, &mut desk.out);
        desk.out.push(Effect::Show);
        if call.moved || call.interrupted && peer.path.is_connecting() {
            peer.path.network_changed(now, &mut desk.out);
        }
        peer.path.ensure_first(now, &mut desk.out);
        peer.tell_mute(call, &mut desk.out);
        desk.show_door(&call.id, peer.path.peer());
        peer
    }

    /// What may pass, by what the person here wants to be sent.
    pub(super) fn open_gates(&mut self, call: &Call, out: &mut Outbox) {
        let flow = Flow {
            send_audio: call.microphone,
            send_video: call.camera,
            play_audio: true,
            play_video: call.has_video(),
        };
        self.path.gate(flow, out);
    }

    /// Tells the device what is sent, and in which size its picture is wanted.
    pub(super) fn tell_mute(&self, call: &Call, out: &mut Outbox) {
        let (audio, video, want) = (call.microphone, call.camera, call.want);
        let message = Message::Media { call: call.id.clone(), audio, video, group: true, want };
        out.send(self.path.peer().clone(), message);
    }

    /// The device said something about media.
    pub(super) fn heard(&mut self, now: Instant, message: Message, out: &mut Outbox) {
        if let Message::Media { audio, video, group, want, .. } = message {
            if (audio, video) != (self.audio, self.video) {
                out.media(MediaOrder::PeerSends { peer: self.path.peer().clone(), audio, video });
                out.push(Effect::Show);
            }
            (self.audio, self.video, self.groups) = (audio, video, group);
            self.path.picture(want, out);
        }
        self.path.heard(now, message, out);
    }

    pub(super) fn view(&self, device: &Address) -> PeerView {
        let state = match (self.path.is_connecting(), self.path.broken_since()) {
            (true, _) => PeerState::Connecting,
            (_, Some(_)) => PeerState::Lost,
            (_, None) => PeerState::Talking,
        };
        PeerView { device: device.clone(), state, audio: self.audio, video: self.video }
    }
}
