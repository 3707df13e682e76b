//! Where the streams of a peer go: the newest of a kind to the branch that waits for it, every other one into a sink of its own.

use gstreamer as gst;
use gstreamer::prelude::*;

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
        if let Err(error) = pad.link(&entry) {
            tracing::error!(kind, %error, "incoming stream not linked");
            discard(&pipeline, pad);
        }
        if let Some(old) = old {
            discard(&pipeline, &old);
        }
    });
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
