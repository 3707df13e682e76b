//! A network camera that goes away in a call and comes back: the call goes on, with a placeholder in between.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use callbox::media::{self, Camera, Device, Picture, Settings};
use callbox_core::protocol::Media;
use callbox_core::station::LinkEvent;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app::{AppSink, AppSrc};

use crate::media_wire::{OPEN, Wire, settings};
use crate::skip::skip;

const SOON: Duration = Duration::from_secs(20);
/// The test picture's brightest bar; the placeholder is black with thin letters.
const BRIGHT: usize = 640 * 360 / 20;

/// The server, as long as this lives.
struct Server {
    child: Child,
    url: String,
}

impl Server {
    /// Nothing, when Debian's python3-gi and gir1.2-gst-rtsp-server-1.0 are not there.
    fn start(port: &str, kind: &str) -> Option<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rtsp.py");
        let mut command = Command::new("/usr/bin/python3");
        let mut child = command.args([script, port, kind]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut url).ok()?;
        if url.is_empty() {
            child.wait().ok()?;
            return None;
        }
        Some(Self { child, url: url.trim().to_owned() })
    }

    fn port(&self) -> String {
        self.url.rsplit(':').next().unwrap().trim_end_matches("/camera").to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// How many pixels of what the other side shows are bright.
async fn bright(wire: &Wire) -> usize {
    let Ok(jpeg) = wire.b.edge.snapshot(Picture::Screen).await else { return 0 };
    luma(&jpeg).iter().filter(|pixel| **pixel > 150).count()
}

/// The brightness of each pixel of a JPEG.
fn luma(jpeg: &[u8]) -> Vec<u8> {
    let description =
        "appsrc name=in caps=image/jpeg ! jpegdec ! videoconvert ! video/x-raw,format=GRAY8 ! appsink name=out";
    let bin = gst::parse::bin_from_description(description, false).unwrap();
    let (source, sink) = (bin.by_name("in").unwrap(), bin.by_name("out").unwrap());
    let (source, sink) = (source.downcast::<AppSrc>().unwrap(), sink.downcast::<AppSink>().unwrap());
    let pipeline = gst::Pipeline::new();
    pipeline.add(&bin).unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    source.push_buffer(gst::Buffer::from_slice(jpeg.to_vec())).unwrap();
    source.end_of_stream().unwrap();
    let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(5)).unwrap();
    pipeline.set_state(gst::State::Null).unwrap();
    sample.buffer().unwrap().map_readable().unwrap().to_vec()
}

async fn until_bright(wire: &mut Wire, wished: bool, what: &str) {
    for _ in 0..SOON.as_millis() / 200 {
        wire.rest(Duration::from_millis(200)).await;
        if (bright(wire).await > BRIGHT) == wished {
            return;
        }
    }
    panic!("{what} did not happen: {:#?}", wire.a.edge.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_network_camera_goes_and_comes_back_in_a_call() {
    media::warm_up().unwrap();
    let Some(server) = Server::start("0", "") else {
        skip(
            "a_network_camera_goes_and_comes_back_in_a_call",
            "no RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0",
        );
        return;
    };
    let port = server.port();
    let door = Settings { camera: Camera::Rtsp { url: server.url.clone() }, ..settings("door", 440) };
    let mut wire = Wire::new(door, settings("flat", 620), "rtsp");
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    wire.until("a picture", SOON, |wire| wire.b.has(&LinkEvent::FirstFrameShown)).await;
    until_bright(&mut wire, true, "the camera's picture").await;
    drop(server);
    wire.until("the loss", SOON, |wire| wire.a.edge.status().faults.iter().any(|fault| fault.device == Device::Camera))
        .await;
    until_bright(&mut wire, false, "the placeholder").await;
    let _server = Server::start(&port, "").unwrap();
    until_bright(&mut wire, true, "the camera's picture again").await;
    wire.until("no fault", SOON, |wire| wire.a.edge.status().faults.is_empty()).await;
    assert!(!wire.a.log.iter().chain(&wire.b.log).any(|event| matches!(event, LinkEvent::Failed(_))));
    wire.stop().await;
}

/// A call with this camera at the door; comes back when its picture is shown.
async fn shown(kind: &str) -> Option<(Server, Wire)> {
    media::warm_up().unwrap();
    let Some(server) = Server::start("0", kind) else {
        println!("SKIPPED: no RTSP server: apt install python3-gi gir1.2-gst-rtsp-server-1.0");
        return None;
    };
    // Whoever watches already has had the first key frame.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let door = Settings { camera: Camera::Rtsp { url: server.url.clone() }, ..settings("door", 440) };
    let mut wire = Wire::new(door, settings("flat", 620), kind);
    wire.secured(Media::Video).await;
    wire.a.gate(OPEN);
    wire.b.gate(OPEN);
    until_bright(&mut wire, true, "the camera's picture").await;
    Some((server, wire))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_network_camera_with_a_key_frame_every_ten_seconds_is_seen() {
    let Some((_server, wire)) = shown("slow").await else { return };
    assert_eq!(wire.a.edge.status().faults, [], "it was waited for");
    wire.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_network_camera_that_has_udp_only_is_seen() {
    let Some((_server, wire)) = shown("udp").await else { return };
    wire.stop().await;
}
