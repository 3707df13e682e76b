use std::collections::HashSet;
use std::thread;

use super::*;
use crate::media::codec;
use crate::media::settings::VideoCodec;
use crate::media::warm_up;

const SOON: Duration = Duration::from_secs(20);

/// An encoder that runs on the placeholder's frames.
fn running(inbox: &Inbox) -> Encode {
    let encoder = codec::encoder(VideoCodec::Vp8, &HashSet::new()).unwrap();
    let mut encode = Encode::new(&Settings::default(), PictureSize::Full, encoder, inbox).unwrap();
    encode.pipeline.play().unwrap();
    encode.set_wanted(true, false);
    encode
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < SOON, "{what} did not happen");
        thread::sleep(Duration::from_millis(20));
    }
}

fn width(pad: &gst::Pad) -> i32 {
    pad.current_caps().and_then(|caps| caps.structure(0)?.get("width").ok()).unwrap_or(0)
}

#[test]
fn an_encoder_that_is_too_slow_gets_smaller_pictures_and_its_drops_are_counted() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let mut encode = running(&inbox);
    let pad = encode.element.static_pad("sink").unwrap();
    pad.add_probe(gst::PadProbeType::BUFFER, |_, _| {
        thread::sleep(Duration::from_millis(80));
        gst::PadProbeReturn::Ok
    });
    let (direction, shape) = until("a step", || encode.adapt(Instant::now(), 0));
    assert_eq!((direction, shape), (Direction::Down, Shape { width: 480, height: 270, fps: 25 }));
    let status = encode.status(Vec::new());
    assert!(status.dropped * 10 > status.offered && status.reduced, "{status:?}");
    until("the smaller picture", || (width(&pad) == 480).then_some(()));
    let (_, shape) = until("another step", || encode.adapt(Instant::now(), 0));
    assert_eq!(shape, Shape { width: 480, height: 270, fps: 16 });
    assert!(encode.pipeline.is_alive());
}

#[test]
fn an_encoder_that_keeps_up_drops_nothing() {
    warm_up().unwrap();
    let (inbox, _notes) = Inbox::new();
    let mut encode = running(&inbox);
    until("a second of frames", || (encode.status(Vec::new()).encoded > 25).then_some(()));
    let status = encode.status(Vec::new());
    assert!(status.dropped * 20 < status.offered && !status.reduced, "{status:?}");
}

#[test]
fn a_lower_rate_takes_frames_at_even_distances() {
    warm_up().unwrap();
    for (from, to, expected) in [(30, 20, 200), (30, 15, 150), (25, 16, 160), (30, 30, 300)] {
        let (interval, passed) = (Arc::new(AtomicU64::new(1_000_000_000 / to)), Arc::default());
        let source = gst::Pad::builder(gst::PadDirection::Src).build();
        intake::limit_rate(&source, &interval);
        let sink =
            gst::Pad::builder(gst::PadDirection::Sink).chain_function(|_, _, _| Ok(gst::FlowSuccess::Ok)).build();
        count_buffers(&sink, &passed);
        source.link(&sink).unwrap();
        sink.set_active(true).unwrap();
        source.set_active(true).unwrap();
        source.push_event(gst::event::StreamStart::new("test"));
        source.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        for number in 0..10 * from {
            // A camera's time stamps are a little early and late in turn.
            let time = 1_000_000_000 * (number + 1) / from + if number % 2 == 0 { 3_000_000 } else { 0 };
            let mut buffer = gst::Buffer::new();
            buffer.get_mut().unwrap().set_pts(gst::ClockTime::from_nseconds(time));
            source.push(buffer).unwrap();
        }
        let passed = passed.load(Ordering::Relaxed);
        assert!(passed.abs_diff(expected) <= 7, "{from} to {to}: {passed} in 10 s");
    }
}
