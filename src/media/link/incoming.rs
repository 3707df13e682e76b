//! Where the streams of a peer go: the newest of a kind to the branch that waits for it, every other one into a sink of its own.

use gstreamer as gst;
use gstreamer::prelude::*;

/// RFC 3551, section 6.
const FIRST_DYNAMIC: i32 = 96;

/// Links the streams of a kind to the branch that waits for them, the newest one last.
pub(super) fn join(webrtc: &gst::Element, pipeline: &gst::Pipeline, kind: &'static str, entry: &gst::Pad) {
    let (entry, pipeline) = (entry.downgrade(), pipeline.downgrade());
    webrtc.connect_pad_added(move |_, pad| {
        let (Some(entry), Some(pipeline)) = (entry.upgrade(), pipeline.upgrade()) else { return };
        if pad.direction() != gst::PadDirection::Src || medium(pad).as_deref() != Some(kind) {
            return;
        }
        // The newest source of a line replaces the one before. That one must not be left without a peer: it would stop the
        // whole transport with `not-linked`.
        let old = entry.peer();
        if let Some(old) = &old {
            if let Err(error) = old.unlink(&entry) {
                tracing::error!(kind, %error, "replaced stream not taken off");
            }
        }
        if let Err(error) = route(&pipeline, pad, &entry) {
            tracing::error!(kind, %error, "incoming stream not linked");
            discard(&pipeline, pad);
        }
        if let Some(old) = old {
            discard(&pipeline, &old);
        }
    });
}

/// Links a stream to its branch. Depayloaders take dynamic payload types only: a lower one is told to them as such.
fn route(pipeline: &gst::Pipeline, pad: &gst::Pad, entry: &gst::Pad) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Display| error.to_string();
    if payload(pad).is_none_or(|payload| payload >= FIRST_DYNAMIC) {
        return pad.link(entry).map(|_| ()).map_err(|error| text(&error));
    }
    let caps = gst::Caps::builder("application/x-rtp").field("payload", FIRST_DYNAMIC).build();
    let setter =
        gst::ElementFactory::make("capssetter").property("caps", caps).build().map_err(|error| text(&error))?;
    pipeline.add(&setter).map_err(|error| text(&error))?;
    let ends = setter.static_pad("sink").zip(setter.static_pad("src")).ok_or("capssetter has no pads")?;
    ends.1.link(entry).map_err(|error| text(&error))?;
    setter.sync_state_with_parent().map_err(|error| text(&error))?;
    pad.link(&ends.0).map(|_| ()).map_err(|error| text(&error))
}

fn payload(pad: &gst::Pad) -> Option<i32> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    caps.structure(0).and_then(|caps| caps.get::<i32>("payload").ok())
}

fn medium(pad: &gst::Pad) -> Option<String> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    caps.structure(0).and_then(|caps| caps.get::<String>("media").ok())
}

fn discard(pipeline: &gst::Pipeline, pad: &gst::Pad) {
    let sink = gst::ElementFactory::make("fakesink").property("sync", false).property("async", false).build();
    let linked = sink.map_err(|error| error.to_string()).and_then(|sink| {
        pipeline.add(&sink).map_err(|error| error.to_string())?;
        sink.sync_state_with_parent().map_err(|error| error.to_string())?;
        let entry = sink.static_pad("sink").ok_or("no pad")?;
        pad.link(&entry).map(|_| ()).map_err(|error| error.to_string())
    });
    if let Err(error) = linked {
        tracing::error!(error, "a stream that nobody takes has no sink");
    }
}
