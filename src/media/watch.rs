//! Reads a bus message: what of it matters to us.

use gstreamer as gst;
use gstreamer::prelude::*;

use super::inbox::BusNote;
use super::pipeline::bus_error;

/// Bands of the spectrum element of a test speaker, and so its resolution: 10 Hz at 48 kHz.
pub(crate) const BANDS: u32 = 2400;
const RATE: f64 = 48_000.0;
/// Below this the speaker is silent.
const AUDIBLE_DB: f64 = -60.0;

/// The note a bus message is worth, if any. Runs on streaming threads: it only looks.
pub(crate) fn read(message: &gst::Message) -> Option<BusNote> {
    match message.view() {
        gst::MessageView::Error(error) => Some(bus_error(error)),
        gst::MessageView::Eos(_) => Some(BusNote::Eos),
        gst::MessageView::Latency(_) => Some(BusNote::Latency),
        gst::MessageView::Warning(warning) => {
            let element = warning.src().map(|src| src.name().to_string()).unwrap_or_default();
            tracing::debug!(element, text = %warning.error(), "gstreamer warns");
            None
        }
        gst::MessageView::Element(element) => element.structure().and_then(read_structure),
        _ => None,
    }
}

fn read_structure(structure: &gst::StructureRef) -> Option<BusNote> {
    match structure.name().as_str() {
        "barcode" => structure.get::<String>("symbol").ok().map(BusNote::Code),
        "spectrum" => loudest(structure),
        _ => None,
    }
}

fn loudest(structure: &gst::StructureRef) -> Option<BusNote> {
    let magnitudes = structure.get::<gst::List>("magnitude").ok()?;
    let (mut band, mut level_db) = (0, f64::MIN);
    for (index, value) in magnitudes.iter().enumerate().skip(2) {
        let level = f64::from(value.get::<f32>().ok()?);
        if level > level_db {
            (band, level_db) = (index, level);
        }
    }
    let hz = (band as f64 + 0.5) * RATE / 2.0 / f64::from(BANDS);
    (level_db > AUDIBLE_DB).then_some(BusNote::Spectrum { hz, level_db })
}
