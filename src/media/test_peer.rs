//! A peer without a link, for tests of what is shown: pictures as a decoder gives them.

use callbox_core::ids::Address;
use gstreamer_utils::StreamProducer;

use super::compose::Face;
use super::inbox::Inbox;
use super::join::producer;
use super::pipeline::Pipeline;

/// Starts a peer whose pictures of 320 by 180 have this pattern, in the words of `videotestsrc`.
pub(crate) fn peer(inbox: &Inbox, pattern: &str) -> (Pipeline, StreamProducer) {
    let description = format!(
        "videotestsrc is-live=true {pattern} ! video/x-raw,format=I420,width=320,height=180,framerate=25/1 \
         ! appsink name=decoded sync=false async=false"
    );
    let pipeline = Pipeline::parse("link", &description, inbox).unwrap();
    let decoded = producer(&pipeline.typed("decoded").unwrap());
    pipeline.play().unwrap();
    (pipeline, decoded)
}

/// The face of a user with these pictures: heard, seen, silent.
pub(crate) fn face(name: &str, decoded: &StreamProducer) -> Face {
    let peer = Address { user: name.parse().unwrap(), device: "test".parse().unwrap() };
    Face { peer, slot: 0, decoded: decoded.clone(), is_hidden: false, is_muted: false, speaks: false }
}
