//! What webrtcbin says: callbacks on its own threads, which leave a note and return.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc::{WebRTCICEConnectionState, WebRTCICEGatheringState, WebRTCPeerConnectionState};

use crate::media::inbox::{Inbox, LinkKey, LinkNote};
use crate::media::jitter::Buffers;
use crate::media::settings::Settings;

/// Connects every callback of a link, except those of its pads.
pub(super) fn listen(webrtc: &gst::Element, inbox: &Inbox, key: LinkKey, settings: &Settings) {
    let tell = move |inbox: &Inbox, note| inbox.link(key, note);
    webrtc.connect("on-ice-candidate", false, {
        let inbox = inbox.clone();
        move |values| {
            if let Ok(candidate) = values[2].get::<String>() {
                if !candidate.is_empty() {
                    tell(&inbox, LinkNote::Candidate(candidate));
                }
            }
            None
        }
    });
    webrtc.connect_notify(Some("ice-gathering-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            let state = webrtc.property::<WebRTCICEGatheringState>("ice-gathering-state");
            if state == WebRTCICEGatheringState::Complete {
                tell(&inbox, LinkNote::GatheringComplete);
            }
        }
    });
    webrtc.connect_notify(Some("ice-connection-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            tell(&inbox, LinkNote::Ice(webrtc.property::<WebRTCICEConnectionState>("ice-connection-state")));
        }
    });
    webrtc.connect_notify(Some("connection-state"), {
        let inbox = inbox.clone();
        move |webrtc, _| {
            tell(&inbox, LinkNote::Connection(webrtc.property::<WebRTCPeerConnectionState>("connection-state")));
        }
    });
    control_congestion(webrtc, inbox, key, settings);
}

/// Google congestion control over the transport-wide numbers; it needs the header extension to be negotiated.
fn control_congestion(webrtc: &gst::Element, inbox: &Inbox, key: LinkKey, settings: &Settings) {
    let (inbox, rate) = (inbox.clone(), settings.bitrate);
    webrtc.connect("request-aux-sender", false, move |_| {
        let controller = gst::ElementFactory::make("rtpgccbwe")
            .property("min-bitrate", rate.min)
            .property("max-bitrate", rate.max)
            .property("estimated-bitrate", rate.start)
            .build()
            .ok()?;
        let inbox = inbox.clone();
        controller.connect_notify(Some("estimated-bitrate"), move |controller, _| {
            inbox.link(key, LinkNote::Estimate(controller.property::<u32>("estimated-bitrate")));
        });
        Some(controller.to_value())
    });
}

/// webrtcbin would send user and host name as CNAME; and its jitter buffers would hold the very first packets back for
/// the whole latency, though the sinks wait for it anyway. Two packets in a row are enough to start with: the buffer counts
/// those before the one that just came.
pub(super) fn tune_rtp(webrtc: &gst::Element, name: &str, buffers: &Buffers) {
    let Some(rtpbin) = webrtc.downcast_ref::<gst::Bin>().and_then(|bin| bin.by_name("rtpbin")) else { return };
    let sdes = gst::Structure::builder("application/x-rtp-source-sdes").field("cname", name).build();
    rtpbin.set_property("sdes", sdes);
    let buffers = buffers.clone();
    rtpbin.connect("new-jitterbuffer", false, move |values| {
        if let Some(Ok(buffer)) = values.get(1).map(gst::glib::Value::get::<gst::Element>) {
            buffer.set_property("faststart-min-packets", 1u32);
            buffers.add(&buffer);
        }
        None
    });
}
