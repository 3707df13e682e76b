//! Payload types below 96: a peer may offer them for any codec, and no payloader of GStreamer writes them.

use std::ops::ControlFlow;

use gstreamer as gst;
use gstreamer::prelude::*;

/// Has a payloader's packets carry this payload type. Gives the element behind it that says so in the caps.
pub(super) fn setter(payloader: &gst::Element, payload: u8) -> Option<gst::Element> {
    let caps = gst::Caps::builder("application/x-rtp").field("payload", i32::from(payload)).build();
    let setter = gst::ElementFactory::make("capssetter").property("caps", caps).build().ok()?;
    let kinds = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
    payloader.static_pad("src")?.add_probe(kinds, move |_, info| {
        match &mut info.data {
            Some(gst::PadProbeData::Buffer(buffer)) => write(buffer.make_mut(), payload),
            Some(gst::PadProbeData::BufferList(list)) => {
                list.make_mut().foreach_mut(|mut buffer, _| {
                    write(buffer.make_mut(), payload);
                    ControlFlow::Continue(Some(buffer))
                });
            }
            _ => {}
        }
        gst::PadProbeReturn::Ok
    });
    Some(setter)
}

/// The second byte of an RTP header is marker and payload type (RFC 3550, section 5.1).
fn write(buffer: &mut gst::BufferRef, payload: u8) {
    let mut second = [0];
    // Asked first: the bindings panic at a buffer that is too short.
    let written = buffer.size() > 1
        && buffer.copy_to_slice(1, &mut second).is_ok()
        && buffer.copy_from_slice(1, &[(second[0] & 0x80) | payload]).is_ok();
    if !written {
        tracing::error!("an RTP header cannot be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marker_and_everything_else_stay() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::from_slice(vec![0x80u8, 0xe0, 1, 2]);
        write(buffer.make_mut(), 35);
        let mut bytes = [0; 4];
        buffer.copy_to_slice(0, &mut bytes).unwrap();
        assert_eq!(bytes, [0x80, 0x80 | 35, 1, 2]);
    }
}
