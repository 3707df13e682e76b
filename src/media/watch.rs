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
/// A tone is louder than this, and than everything within so many bands.
const TONE_DB: f64 = -50.0;
const NEAR: usize = 5;

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
    let levels: Vec<f32> = magnitudes.iter().filter_map(|value| value.get().ok()).collect();
    let hz = |band: usize| (band as f64 + 0.5) * RATE / 2.0 / f64::from(BANDS);
    let (band, level) = levels.iter().enumerate().skip(2).max_by(|(_, a), (_, b)| a.total_cmp(b))?;
    let level_db = f64::from(*level);
    if level_db <= AUDIBLE_DB {
        return None;
    }
    let is_peak = |band: &usize| {
        let around = &levels[band.saturating_sub(NEAR)..(band + NEAR + 1).min(levels.len())];
        f64::from(levels[*band]) > TONE_DB && around.iter().all(|level| *level <= levels[*band])
    };
    let tones = (2..levels.len()).filter(is_peak).map(hz).collect();
    Some(BusNote::Spectrum { hz: hz(band), level_db, tones })
}
