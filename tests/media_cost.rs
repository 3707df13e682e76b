//! What each further link costs this processor, as a table: `make bench`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use callbox::media::{self, Camera, Screen, Settings};
use callbox_core::station::Flow;

use crate::media_street::Street;
use crate::media_wire::settings;

/// Sound and picture go one way, so that the threads of both ends can be told apart.
const SENDS: Flow = Flow { send_audio: true, send_video: true, play_audio: false, play_video: false };
const RECEIVES: Flow = Flow { send_audio: false, send_video: false, play_audio: true, play_video: true };
const MEASURED: Duration = Duration::from_secs(10);
/// Most of a core that each further link may take at the sending end.
const MOST: f64 = 0.05;

/// The sides of a link, each by the beginnings of its threads' names.
const SIDES: [(&str, &[&str]); 3] = [
    ("encoder", &["entrance:"]),
    ("send", &["appsrc", "rtpgccbwe"]),
    ("receive", &["nicesrc", "rtpjitterbuffer", "rtprtx", "rtpssrcdemux", "rtpptdemux", "slot"]),
];

/// Processor time so far of each side, in seconds. The kernel counts in hundredths (`USER_HZ`).
fn used() -> BTreeMap<&'static str, f64> {
    let mut sides: BTreeMap<&str, f64> = SIDES.iter().map(|(side, _)| (*side, 0.0)).collect();
    for thread in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        // Threads end while they are read.
        let Ok(stat) = std::fs::read_to_string(thread.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else { continue };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |field: usize| fields.get(field).and_then(|ticks| ticks.parse::<f64>().ok()).unwrap_or(0.0);
        let side = SIDES.iter().find(|(_, names)| names.iter().any(|begin| name.starts_with(begin)));
        *sides.entry(side.map_or("other", |(side, _)| side)).or_default() += (ticks(11) + ticks(12)) / 100.0;
    }
    sides
}

/// The share of a core that each side takes with so many links at 640 by 360.
async fn cost(links: usize) -> BTreeMap<&'static str, f64> {
    let sender = Settings { framerate: 25, ..settings("door", 440) };
    // A receiver keeps a key frame ready in case that it sends: a small one costs nothing here.
    let small = Settings { width: 64, height: 36, framerate: 5, ..settings("peer", 620) };
    let receiver = Settings { camera: Camera::None, screen: Screen::None, ..small };
    let all = std::iter::once(sender).chain((0..links).map(|_| receiver.clone())).collect();
    let mut street = Street::new(all);
    let ends: Vec<_> = (1..=links).map(|peer| street.open_with(0, peer, 1, [SENDS, RECEIVES])).collect();
    let receives =
        |street: &Street| ends.iter().all(|ends| street.link(&ends[1]).is_some_and(|it| it.video_frames > 50));
    street.until("every peer receives", receives).await;
    let (before, begin) = (used(), Instant::now());
    street.rest(MEASURED).await;
    let seconds = begin.elapsed().as_secs_f64();
    let cost =
        used().into_iter().map(|(side, now)| (side, (now - before.get(side).unwrap_or(&0.0)) / seconds)).collect();
    street.stop().await;
    cost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "a measurement: make bench"]
async fn each_further_link_costs_the_sender_little() {
    media::warm_up().unwrap();
    let mut sent = Vec::new();
    println!(
        "percent of a core at 640x360, 25 frames a second\n{:>6}{:>10}{:>10}{:>10}{:>10}",
        "links", "encoder", "send", "receive", "other"
    );
    for links in [1, 2, 3, 5] {
        let cost = cost(links).await;
        let percent = |side: &str| 100.0 * cost.get(side).unwrap_or(&0.0);
        let [encoder, send, receive, other] = ["encoder", "send", "receive", "other"].map(percent);
        println!("{links:>6}{encoder:>10.1}{send:>10.1}{receive:>10.1}{other:>10.1}");
        sent.push((links, (encoder + send) / 100.0));
    }
    let (first, last) = (sent[0], sent[sent.len() - 1]);
    let growth = (last.1 - first.1) / (last.0 - first.0) as f64;
    println!("each further link: {:.1} % of a core at the sending end", 100.0 * growth);
    assert!(growth < MOST, "{growth:.3} of a core");
}
