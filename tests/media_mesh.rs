//! One edge with links to several peers, as in a group: one encoder a picture, and no peer at the cost of another.

use std::time::Duration;

use callbox::media::{self, Camera, Screen, Settings, Tier, VideoCodec};
use callbox_core::station::{Flow, LinkEvent, MediaOrder, PictureSize};

use crate::media_relay::Relay;
use crate::media_street::{End, Street};
use crate::media_wire::settings;

/// What a peer does that only watches.
const WATCHES: Flow = Flow { send_audio: true, send_video: false, play_audio: true, play_video: true };
const SHOWS: Flow = Flow { send_audio: true, send_video: true, play_audio: true, play_video: false };

/// Small pictures: what is asked is how many are encoded, not how long one takes.
fn speaker(name: &str, hz: u32) -> Settings {
    Settings { width: 320, height: 180, ..settings(name, hz) }
}

fn listener(name: &str, hz: u32) -> Settings {
    Settings { camera: Camera::None, screen: Screen::None, ..speaker(name, hz) }
}

fn tone_of(peer: usize) -> u32 {
    440 + 200 * u32::try_from(peer).unwrap()
}

/// An edge and so many peers, with all links open and every peer receiving.
async fn mesh(peers: usize, codec: VideoCodec) -> (Street, Vec<[End; 2]>) {
    media::warm_up().unwrap();
    let door = Settings { codec, ..speaker("door", 440) };
    let all = (1..=peers).map(|peer| listener("peer", tone_of(peer)));
    let mut street = Street::new(std::iter::once(door).chain(all).collect());
    let links: Vec<_> = (1..=peers).map(|peer| street.open_with(0, peer, 1, [SHOWS, WATCHES])).collect();
    street.until("every peer sees and hears", |street| links.iter().all(|link| receives(street, &link[1], 10))).await;
    let hears = |street: &Street, hz: u32| {
        let heard = street.edges[0].0.status().heard;
        heard.is_some_and(|heard| heard.tones.iter().any(|tone| (tone - f64::from(hz)).abs() < 25.0))
    };
    street.until("every peer is heard", |street| (1..=peers).all(|peer| hears(street, tone_of(peer)))).await;
    (street, links)
}

fn receives(street: &Street, end: &End, frames: u64) -> bool {
    let heard = street.edges[end.0]
        .0
        .status()
        .heard
        .is_some_and(|heard| heard.tones.iter().any(|hz| (hz - 440.0).abs() < 25.0));
    heard && frames_of(street, end) >= frames
}

fn frames_of(street: &Street, end: &End) -> u64 {
    street.link(end).map_or(0, |link| link.video_frames)
}

/// How many links use each running encoder.
fn encoders(street: &Street) -> Vec<(Tier, usize)> {
    let status = street.edges[0].0.status();
    let running = status.encoders.iter().filter(|encoder| encoder.running);
    running.map(|encoder| (encoder.picture, encoder.links.len())).collect()
}

async fn one_encoder_serves(peers: usize, codec: VideoCodec) {
    let (mut street, links) = mesh(peers, codec).await;
    street.until("one encoder", |street| encoders(street) == [(Tier::Full, peers)]).await;
    // The last peer gets the small picture, and nobody waits for it.
    let last = &links[peers - 1];
    street.edges[0].0.order(MediaOrder::Picture { link: last[0].1.clone(), size: PictureSize::Small });
    let mut expected = vec![(Tier::Full, peers - 1), (Tier::Small, 1)];
    expected.retain(|(_, links)| *links > 0);
    street.until("an encoder for each picture", |street| encoders(street) == expected).await;
    assert_eq!(street.link(&last[0]).unwrap().picture, Tier::Small);
    let before: Vec<u64> = links.iter().map(|link| frames_of(&street, &link[1])).collect();
    street
        .until("everybody sees", |street| {
            links.iter().zip(&before).all(|(link, before)| frames_of(street, &link[1]) >= before + 15)
        })
        .await;
    let small = street.edges[0].0.status().encoders.into_iter().find(|encoder| encoder.picture == Tier::Small).unwrap();
    assert_eq!((small.width, small.height, small.fps), (160, 90, 15));
    street.edges[0].0.order(MediaOrder::Picture { link: last[0].1.clone(), size: PictureSize::Full });
    street.until("one encoder again", |street| encoders(street) == [(Tier::Full, peers)]).await;
    assert_eq!(street.edges[0].0.status().encoders.len(), 1, "the small one is gone");
    let before = frames_of(&street, &last[1]);
    street.until("the full picture", |street| frames_of(street, &last[1]) >= before + 15).await;
    street.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_link_has_one_encoder() {
    one_encoder_serves(1, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn two_links_share_one_encoder_a_picture() {
    one_encoder_serves(2, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn three_links_share_one_encoder_a_picture() {
    one_encoder_serves(3, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn five_links_share_one_encoder_a_picture() {
    one_encoder_serves(5, VideoCodec::Vp8).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_link_takes_another_picture_in_h264_too() {
    one_encoder_serves(2, VideoCodec::H264).await;
}

/// The share of the frames that the encoder of the full picture gave out within 5 s and that this end decoded.
async fn share(street: &mut Street, ends: &[&End]) -> Vec<f64> {
    let encoded = |street: &Street| {
        let status = street.edges[0].0.status();
        status.encoders.iter().find(|encoder| encoder.picture == Tier::Full).map_or(0, |encoder| encoder.encoded)
    };
    let frames = |street: &Street| ends.iter().map(|end| frames_of(street, end)).collect::<Vec<_>>();
    let before = (encoded(street), frames(street));
    street.rest(Duration::from_secs(5)).await;
    let of = (encoded(street) - before.0).max(1);
    let decoded = frames(street);
    decoded.iter().zip(&before.1).map(|(now, before)| (now - before) as f64 / of as f64).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_narrow_path_costs_the_other_peers_no_frames() {
    media::warm_up().unwrap();
    let all = (0..3).map(|peer| listener("peer", 640 + 200 * peer));
    let mut street = Street::new(std::iter::once(speaker("door", 440)).chain(all).collect());
    street.narrow(0, 3, Relay::new(100_000, 20));
    let good = [street.open_with(0, 1, 1, [SHOWS, WATCHES]), street.open_with(0, 2, 1, [SHOWS, WATCHES])];
    street.until("two peers", |street| good.iter().all(|link| receives(street, &link[1], 10))).await;
    let ends = [&good[0][1], &good[1][1]];
    let before = share(&mut street, &ends).await;
    let narrow = street.open_with(0, 3, 1, [SHOWS, WATCHES]);
    street.until("the third peer", |street| street.has(&narrow[0], &LinkEvent::Secured)).await;
    street.until("less for it", |street| street.link(&narrow[0]).is_some_and(|link| link.picture < Tier::Full)).await;
    for _ in 0..3 {
        let with = share(&mut street, &ends).await;
        println!("share of the frames: {before:.2?} before, {with:.2?} with a narrow path beside them");
        assert!(with.iter().zip(&before).all(|(with, before)| *with >= 0.9 * before), "{before:?} {with:?}");
    }
    let status = street.edges[0].0.status();
    println!("{:?}", status.links.iter().map(|link| (link.picture, link.estimate)).collect::<Vec<_>>());
    let full = status.encoders.iter().find(|encoder| encoder.picture == Tier::Full).unwrap();
    assert!(full.bitrate >= 400_000, "the narrow path does not rule: {full:?}");
    assert!(good.iter().all(|link| street.link(&link[0]).unwrap().picture == Tier::Full));
    street.stop().await;
}
