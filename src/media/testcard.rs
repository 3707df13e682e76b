//! Content that another process can recognise: QR codes written into raw frames, with name, frame number and time.
//!
//! GStreamer has elements for it, but theirs keep every code they ever drew: a megabyte a second on 1.22.

use std::sync::atomic::{AtomicU64, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::{VideoFrameRef, VideoInfo, prelude::*};
use qrcode::{Color, EcLevel, QrCode};

use super::settings::Settings;

/// White around a code, in modules; readers need it.
const QUIET: usize = 4;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
const GREY: u8 = 128;

/// Writes a code into every I420 frame that passes the pad.
pub(crate) fn write_codes(pad: &gst::Pad, name: &str, settings: &Settings) {
    let format = gstreamer_video::VideoFormat::I420;
    let Ok(info) = VideoInfo::builder(format, settings.width, settings.height).build() else { return };
    let (name, rate, number) = (name.to_owned(), settings.framerate, AtomicU64::new(0));
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, probe| {
        let Some(buffer) = probe.buffer_mut() else { return gst::PadProbeReturn::Ok };
        let number = number.fetch_add(1, Ordering::Relaxed) + 1;
        let time = buffer.pts().unwrap_or_default().nseconds();
        let text = serde_json::json!({
            "TIMESTAMP": time, "BUFFERCOUNT": number, "FRAMERATE": format!("{rate}/1"), "NAME": name,
        });
        if let Ok(mut frame) = VideoFrameRef::from_buffer_ref_writable(buffer.make_mut(), &info) {
            draw(&mut frame, &text.to_string());
        }
        gst::PadProbeReturn::Ok
    });
}

/// Draws a code in the middle, as large as three quarters of the picture allow. A text too long for any code is left out.
fn draw(frame: &mut VideoFrameRef<&mut gst::BufferRef>, text: &str) {
    let Ok(code) = QrCode::with_error_correction_level(text, EcLevel::M) else { return };
    let modules = code.width() + 2 * QUIET;
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let scale = (width.min(height) * 3 / 4 / modules).max(1) & !1;
    let (scale, side) = (scale.max(2), scale.max(2) * modules);
    if side > width.min(height) {
        return;
    }
    let (left, top) = (((width - side) / 2) & !1, ((height - side) / 2) & !1);
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (QUIET..modules - QUIET).contains(&at);
        inside(x) && inside(y) && code[(x - QUIET, y - QUIET)] == Color::Dark
    };
    paint(frame, 0, (left, top, side), |x, y| if is_dark(x / scale, y / scale) { BLACK } else { WHITE });
    for plane in [1, 2] {
        paint(frame, plane, (left / 2, top / 2, side / 2), |_, _| GREY);
    }
}

fn paint(
    frame: &mut VideoFrameRef<&mut gst::BufferRef>,
    plane: u32,
    (left, top, side): (usize, usize, usize),
    colour: impl Fn(usize, usize) -> u8,
) {
    let stride = frame.plane_stride()[plane as usize] as usize;
    let Ok(data) = frame.plane_data_mut(plane) else { return };
    for y in 0..side {
        let start = (top + y) * stride + left;
        let Some(row) = data.get_mut(start..start + side) else { return };
        row.iter_mut().enumerate().for_each(|(x, pixel)| *pixel = colour(x, y));
    }
}
