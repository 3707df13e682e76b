use std::collections::BTreeMap;
use std::time::Duration;

use callbox_core::ids::Address;
use callbox_core::protocol::Media;
use callbox_core::station::{Flow, PictureSize, Tone};
use gstreamer as gst;
use gstreamer_webrtc::WebRTCPeerConnectionState as Connection;
use proptest::prelude::*;

use super::super::Inbox;
use super::*;

fn peer(number: u32) -> Address {
    Address { user: "anna".parse().unwrap(), device: format!("phone{number}").parse().unwrap() }
}

fn link(number: u32) -> LinkId {
    LinkId { call: "c".parse().unwrap(), peer: peer(0), number }
}

fn candidate(number: u32) -> Note {
    let candidate = "candidate:1 1 udp 1 127.0.0.1 9 typ host".to_owned();
    Note::Order(MediaOrder::RemoteCandidate { link: link(number), candidate, mline: 0 })
}

fn gate(number: u32, send_audio: bool) -> Note {
    Note::Order(MediaOrder::Gate { link: link(number), flow: Flow { send_audio, ..Flow::default() } })
}

/// Everything that may be lost, and more of it than there is room for.
fn flood(inbox: &Inbox) {
    for number in 0..400 {
        inbox.tell(candidate(number % 3));
        inbox.tell(Note::Link(LinkKey(1), LinkNote::Candidate("candidate:".into())));
        inbox.tell(Note::Link(LinkKey(1), LinkNote::Stats(gst::Structure::new_empty("stats"))));
        inbox.tell(Note::Link(LinkKey(1), LinkNote::Estimate(number)));
        inbox.tell(Note::Bus(PipelineId(1), BusNote::Code("code".into())));
        inbox.tell(Note::Bus(
            PipelineId(1),
            BusNote::Error { element: "x".into(), text: number.to_string(), debug: String::new() },
        ));
    }
}

#[test]
fn orders_pass_a_full_inbox_and_come_first() {
    gst::init().unwrap();
    let (inbox, notes) = Inbox::new();
    inbox.tell(gate(1, true));
    flood(&inbox);
    inbox.tell(gate(1, false));
    flood(&inbox);
    inbox.tell(Note::Order(MediaOrder::Close { link: link(2) }));
    inbox.tell(Note::Order(MediaOrder::Release));
    let next = || notes.next(Duration::ZERO);
    assert!(matches!(next(), Some(Note::Order(MediaOrder::Gate { flow, .. })) if !flow.send_audio));
    assert!(matches!(next(), Some(Note::Order(MediaOrder::Close { .. }))));
    assert!(matches!(next(), Some(Note::Order(MediaOrder::Release))));
    assert!(inbox.lost() > 0);
    let rest = std::iter::from_fn(next).count();
    assert!(rest < 300, "{rest} notes waited");
}

#[test]
fn what_decides_about_a_link_or_a_device_is_not_lost_either() {
    gst::init().unwrap();
    let (inbox, notes) = Inbox::new();
    flood(&inbox);
    inbox.tell(Note::Link(LinkKey(1), LinkNote::Made(Err("refused".into()))));
    for state in [Connection::Connected, Connection::Disconnected, Connection::Connected, Connection::Failed] {
        inbox.tell(Note::Link(LinkKey(1), LinkNote::Connection(state)));
    }
    inbox.tell(Note::Started(PipelineId(2), Err("no".into())));
    flood(&inbox);
    let rest: Vec<_> = std::iter::from_fn(|| notes.next(Duration::ZERO)).collect();
    let states: Vec<_> = rest
        .iter()
        .filter_map(|note| if let Note::Link(_, LinkNote::Connection(state)) = note { Some(*state) } else { None })
        .collect();
    assert_eq!(states, [Connection::Disconnected, Connection::Connected, Connection::Failed]);
    assert!(rest.iter().any(|note| matches!(note, Note::Link(_, LinkNote::Made(Err(_))))));
    assert!(rest.iter().any(|note| matches!(note, Note::Started(PipelineId(2), Err(_)))));
    let errors: Vec<_> = rest.iter().filter(|note| matches!(note, Note::Bus(_, BusNote::Error { .. }))).collect();
    assert!(matches!(errors[..], [Note::Bus(_, BusNote::Error { text, .. })] if text == "0"), "the first is the cause");
}

#[test]
fn one_peers_candidates_leave_room_for_anothers() {
    let (inbox, notes) = Inbox::new();
    for _ in 0..5000 {
        inbox.tell(candidate(1));
    }
    for _ in 0..32 {
        inbox.tell(candidate(2));
    }
    let of_two = std::iter::from_fn(|| notes.next(Duration::ZERO))
        .filter(|note| matches!(note, Note::Order(MediaOrder::RemoteCandidate { link, .. }) if link.number == 2))
        .count();
    assert_eq!(of_two, 32);
}

#[test]
fn notes_for_nobody_are_dropped() {
    gst::init().unwrap();
    let (inbox, notes) = Inbox::new();
    drop(notes);
    flood(&inbox);
    assert_eq!(inbox.lost(), 0);
}

/// What the owner makes of orders, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq)]
struct Model {
    links: BTreeMap<u32, (Flow, PictureSize, Option<String>)>,
    hidden: BTreeMap<Address, bool>,
    tone: Option<Tone>,
    servers: usize,
}

impl Model {
    fn on(&mut self, note: &Note) {
        match note {
            Note::Order(MediaOrder::Open { link, .. }) => drop(self.links.entry(link.number).or_default()),
            Note::Order(MediaOrder::Close { link }) => drop(self.links.remove(&link.number)),
            Note::Order(MediaOrder::Gate { link, flow }) => {
                if let Some((own, ..)) = self.links.get_mut(&link.number) {
                    *own = *flow;
                }
            }
            Note::Order(MediaOrder::Picture { link, size }) => {
                if let Some((_, own, _)) = self.links.get_mut(&link.number) {
                    *own = *size;
                }
            }
            Note::Order(MediaOrder::PeerSends { peer, video, .. }) => drop(self.hidden.insert(peer.clone(), !video)),
            Note::Order(MediaOrder::Release) => self.hidden.clear(),
            Note::Order(MediaOrder::RemoteOffer { link, sdp }) => {
                if let Some((.., offer)) = self.links.get_mut(&link.number) {
                    offer.get_or_insert_with(|| sdp.clone());
                }
            }
            Note::Order(MediaOrder::Tone(tone)) => self.tone = Some(*tone),
            Note::IceServers(servers) => self.servers = servers.len(),
            _ => {}
        }
    }
}

fn order() -> impl Strategy<Value = (u8, u32, u8)> {
    (0..11u8, 0..3u32, any::<u8>())
}

fn note((kind, number, value): (u8, u32, u8), opened: &mut Vec<u32>) -> Option<Note> {
    let link = link(number);
    Some(Note::Order(match kind {
        // The station opens no link twice.
        0 if opened.contains(&number) => return None,
        0 => {
            opened.push(number);
            MediaOrder::Open { link, media: Media::Video, offerer: false }
        }
        1 => {
            opened.retain(|open| *open != number);
            MediaOrder::Close { link }
        }
        2 | 3 => MediaOrder::Gate { link, flow: Flow { send_audio: value % 2 == 0, ..Flow::default() } },
        4 => MediaOrder::RemoteOffer { link, sdp: value.to_string() },
        5 => MediaOrder::Tone(if value % 2 == 0 { Tone::Ring } else { Tone::Silence }),
        6 => MediaOrder::Prepare { media: if value % 2 == 0 { Media::Audio } else { Media::Video } },
        7 => MediaOrder::Release,
        8 => MediaOrder::Picture { link, size: if value % 2 == 0 { PictureSize::Small } else { PictureSize::Full } },
        9 => MediaOrder::PeerSends { peer: peer(number), audio: true, video: value % 2 == 0 },
        _ => return Some(Note::IceServers(Vec::new())),
    }))
}

proptest! {
    /// The reader is slow at times. What it gets leads to the same state as every order would, and few orders wait.
    #[test]
    fn coalesced_orders_lead_to_the_same_state(orders in prop::collection::vec((order(), 0..20u8), 0..200)) {
        let (inbox, notes) = Inbox::new();
        let (mut all, mut read, mut opened) = (Model::default(), Model::default(), Vec::new());
        for (order, turn) in orders {
            let Some(note) = note(order, &mut opened) else { continue };
            all.on(&note);
            inbox.tell(note);
            prop_assert!(inbox.shared.lock().orders.len() <= 3 * 6 + 5);
            if turn == 0 {
                while let Some(note) = notes.next(Duration::ZERO) {
                    read.on(&note);
                }
            } else if turn == 1 {
                notes.next(Duration::ZERO).iter().for_each(|note| read.on(note));
            }
        }
        while let Some(note) = notes.next(Duration::ZERO) {
            read.on(&note);
        }
        prop_assert_eq!(read, all);
    }
}
