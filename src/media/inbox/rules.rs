//! Which notes take the place of which: at most a few of each kind wait for a link, a pipeline or the whole edge.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::discriminant;

use callbox_core::coalesce::{Coalesce, Meeting};
use callbox_core::ids::LinkId;
use callbox_core::station::MediaOrder;

use super::{BusNote, LinkKey, LinkNote, Note, PipelineId};

/// Who competes for the places of notes that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Share {
    /// Candidates of the peer, by a hash of the link's name.
    Peer(u64),
    /// Candidates of ours, and addresses of the peer's names.
    Link(LinkKey),
    /// What a test device reads.
    Readings(PipelineId),
    /// Requests for pictures.
    Pictures,
}

impl Note {
    /// Whether the daemon orders this and nothing may hold it up. Candidates follow with the other notes, behind the order
    /// that opens their link.
    pub(super) fn is_order(&self) -> bool {
        match self {
            Self::Order(MediaOrder::RemoteCandidate { .. }) => false,
            Self::Order(_)
            | Self::IceServers(_)
            | Self::Settings(_)
            | Self::Retry
            | Self::Caption(_)
            | Self::Volume
            | Self::Stop(_) => true,
            Self::Bus(..)
            | Self::Link(..)
            | Self::Started(..)
            | Self::Flowing(_)
            | Self::IdlePicture(_)
            | Self::TornDown { .. }
            | Self::Snapshot(..)
            | Self::History(..) => false,
        }
    }
}

impl Coalesce for Note {
    type Share = Share;

    fn meets(&self, older: &Self) -> Meeting {
        if discriminant(self) != discriminant(older) {
            return Meeting::Stay;
        }
        match (self, older) {
            (Self::Order(newer), Self::Order(older)) => orders(newer, older),
            (Self::Bus(pipeline, newer), Self::Bus(other, older)) if pipeline == other => bus(newer, older),
            (Self::Link(link, newer), Self::Link(other, older)) if link == other => link_notes(newer, older),
            (Self::Started(pipeline, _), Self::Started(other, _)) if pipeline == other => Meeting::Yield,
            (Self::Flowing(pipeline), Self::Flowing(other)) if pipeline == other => Meeting::Yield,
            (Self::TornDown { name, in_time }, Self::TornDown { name: other_name, in_time: other_in_time })
                if name == other_name && in_time == other_in_time =>
            {
                Meeting::Yield
            }
            // What follows goes by the newest.
            (Self::IceServers(_) | Self::Settings(_) | Self::Caption(_) | Self::Volume | Self::IdlePicture(_), _) => {
                Meeting::Update
            }
            (Self::Stop(_) | Self::Retry, _) => Meeting::Yield,
            _ => Meeting::Stay,
        }
    }

    fn share(&self) -> Option<Share> {
        match self {
            Self::Order(MediaOrder::RemoteCandidate { link, .. }) => Some(Share::Peer(hash(link))),
            Self::Link(link, LinkNote::Candidate(..) | LinkNote::Resolved(..)) => Some(Share::Link(*link)),
            Self::Bus(pipeline, BusNote::Code(_)) => Some(Share::Readings(*pipeline)),
            Self::Snapshot(..) | Self::History(..) => Some(Share::Pictures),
            _ => None,
        }
    }
}

/// At most one of each kind waits for a link and for the edge. A link that opens and closes unread leaves nothing.
fn orders(newer: &MediaOrder, older: &MediaOrder) -> Meeting {
    match (newer, older) {
        (MediaOrder::RemoteCandidate { .. }, _) => Meeting::Stay,
        _ if link_of(newer) != link_of(older) => Meeting::Stay,
        (MediaOrder::Close { .. }, MediaOrder::Close { .. }) => Meeting::Yield,
        (MediaOrder::Close { .. }, MediaOrder::Open { .. }) => Meeting::Annul,
        (MediaOrder::Close { .. }, _) => Meeting::Replace,
        // Before it opens there is nothing to negotiate and no gate.
        (MediaOrder::Open { .. }, MediaOrder::RemoteOffer { .. } | MediaOrder::RemoteAnswer { .. })
        | (MediaOrder::Open { .. }, MediaOrder::Gate { .. } | MediaOrder::Picture { .. })
        // With the call ends what its peers said.
        | (MediaOrder::Release, MediaOrder::PeerSends { .. }) => Meeting::Replace,
        (newer, older) if discriminant(newer) != discriminant(older) => Meeting::Stay,
        // A link opens once and is negotiated once.
        (MediaOrder::Open { .. } | MediaOrder::RemoteOffer { .. } | MediaOrder::RemoteAnswer { .. }, _) => {
            Meeting::Yield
        }
        (MediaOrder::PeerSends { peer, .. }, MediaOrder::PeerSends { peer: other, .. }) if peer != other => {
            Meeting::Stay
        }
        (MediaOrder::Prepare { media }, MediaOrder::Prepare { media: other }) if media != other => Meeting::Stay,
        (
            MediaOrder::Prepare { .. }
            | MediaOrder::Gate { .. }
            | MediaOrder::Picture { .. }
            | MediaOrder::PeerSends { .. }
            | MediaOrder::Tone(_)
            | MediaOrder::Release,
            _,
        ) => Meeting::Replace,
    }
}

pub(crate) fn hash(link: &LinkId) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.hash(&mut hasher);
    hasher.finish()
}

fn link_of(order: &MediaOrder) -> Option<&LinkId> {
    match order {
        MediaOrder::Open { link, .. }
        | MediaOrder::RemoteOffer { link, .. }
        | MediaOrder::RemoteAnswer { link, .. }
        | MediaOrder::RemoteCandidate { link, .. }
        | MediaOrder::Gate { link, .. }
        | MediaOrder::Picture { link, .. }
        | MediaOrder::Close { link } => Some(link),
        MediaOrder::Prepare { .. } | MediaOrder::PeerSends { .. } | MediaOrder::Tone(_) | MediaOrder::Release => None,
    }
}

fn bus(newer: &BusNote, older: &BusNote) -> Meeting {
    match (newer, older) {
        // The first error is the cause.
        (BusNote::Error { .. }, BusNote::Error { .. })
        | (BusNote::Eos, BusNote::Eos)
        | (BusNote::Latency, BusNote::Latency) => Meeting::Yield,
        (BusNote::Spectrum { .. }, BusNote::Spectrum { .. }) => Meeting::Replace,
        _ => Meeting::Stay,
    }
}

fn link_notes(newer: &LinkNote, older: &LinkNote) -> Meeting {
    match (newer, older) {
        (LinkNote::Ice(state), LinkNote::Ice(other)) if state == other => Meeting::Replace,
        (LinkNote::Connection(state), LinkNote::Connection(other)) if state == other => Meeting::Replace,
        (LinkNote::Estimate(_), LinkNote::Estimate(_)) | (LinkNote::Stats(_), LinkNote::Stats(_)) => Meeting::Replace,
        (LinkNote::Candidate(..) | LinkNote::Resolved(..) | LinkNote::Ice(_) | LinkNote::Connection(_), _) => {
            Meeting::Stay
        }
        (newer, older) if discriminant(newer) == discriminant(older) => Meeting::Yield,
        _ => Meeting::Stay,
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
