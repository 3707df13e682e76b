//! Every input a station can get, from a small world in which things meet: three users, three calls, a few links.

use callbox_core::ids::{Address, CallId, LinkId, UserId};
use callbox_core::protocol::{
    Agent, Bye, DoorState, EarlyMedia, EndReason, Invited, Kind, Media, Message, PictureSize, ResultCode, RosterEntry,
};
use callbox_core::station::{Action, DoorEvent, Input, LinkEvent, LinkFailure, LocalTime, Opener, Plan, Weekday};
use proptest::prelude::*;

use crate::street::address;

pub(super) const ME: &str = "anna/phone";
const PEERS: [&str; 4] = ["door/panel", "door/second", "otto/phone", "anna/desk"];

/// Calls of others; the station's own ids are put in by [`aim`].
const CALLS: [&str; 3] = ["0-smallest", "m-middle", "z-greatest"];

pub(super) fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        6 => (peer(), message()).prop_map(|(from, message)| Input::Heard { from, message }),
        4 => action().prop_map(Input::Pressed),
        1 => Just(Input::SignalingUp),
        1 => Just(Input::SignalingDown),
        1 => Just(Input::NetworkChanged),
        1 => (peer(), any::<bool>()).prop_map(|(peer, online)| Input::Presence { peer, online }),
        4 => (call(), peer(), 1..4u32, event()).prop_map(|(call, peer, number, event)| {
            Input::Link { link: LinkId { call, peer, number }, event }
        }),
        1 => (call(), user(), code()).prop_map(|(call, user, code)| Input::InviteResult { call, user, code }),
        1 => call().prop_map(|call| Input::Picture { call, jpeg: "/9j/".to_owned() }),
        2 => door_event().prop_map(Input::Door),
        1 => (prop::sample::select(Weekday::ALL.to_vec()), 0..1440u16).prop_map(|(day, minute)| {
            Input::LocalTime(LocalTime { day, minute })
        }),
        1 => prop::bool::weighted(0.8).prop_map(Input::MediaReady),
        2 => Just(Input::Tick),
    ]
}

fn peer() -> impl Strategy<Value = Address> {
    prop::sample::select(PEERS.to_vec()).prop_map(address)
}

fn user() -> impl Strategy<Value = UserId> {
    prop::sample::select(vec!["anna", "door", "otto", "ida"]).prop_map(|name| name.parse().unwrap())
}

fn code() -> impl Strategy<Value = ResultCode> {
    prop::sample::select(vec![
        ResultCode::Ok,
        ResultCode::Queued,
        ResultCode::Offline,
        ResultCode::UnknownUser,
        ResultCode::Forbidden,
        ResultCode::BadMessage,
        ResultCode::UnsupportedVersion,
        ResultCode::TooMany,
    ])
}

fn call() -> impl Strategy<Value = CallId> {
    prop::sample::select(CALLS.to_vec()).prop_map(|id| id.parse().unwrap())
}

fn reason() -> impl Strategy<Value = EndReason> {
    prop::sample::select(EndReason::ALL.to_vec())
}

fn media() -> impl Strategy<Value = Media> {
    prop_oneof![Just(Media::Audio), Just(Media::Video)]
}

fn agent() -> impl Strategy<Value = Agent> {
    prop_oneof![Just(Agent::Panel), Just(Agent::Browser)]
}

pub(super) fn early() -> impl Strategy<Value = EarlyMedia> {
    prop_oneof![Just(EarlyMedia::Off), Just(EarlyMedia::Connect), Just(EarlyMedia::Preview)]
}

fn action() -> impl Strategy<Value = Action> {
    let users = || {
        let names = prop::collection::vec(prop::sample::select(vec!["anna", "door", "otto", "ida"]), 0..4);
        names.prop_map(|names| names.into_iter().map(|name| name.parse().unwrap()).collect())
    };
    prop_oneof![
        1 => (users(), media()).prop_map(|(users, media)| Action::CallGroup { users, media }),
        1 => users().prop_map(|users| Action::Add { users }),
        1 => prop::option::of(call()).prop_map(|call| Action::Join { call }),
        2 => (users(), media()).prop_map(|(users, media)| Action::Call { users, media }),
        3 => Just(Action::Accept),
        1 => Just(Action::Reject),
        1 => Just(Action::Hangup),
        1 => Just(Action::Toggle),
        1 => any::<bool>().prop_map(Action::SetMicrophone),
        1 => any::<bool>().prop_map(Action::SetCamera),
        1 => (plan(), media()).prop_map(|(plan, media)| Action::CallInTurn { plan, media }),
        1 => prop::option::of(any::<bool>()).prop_map(|on| Action::DoNotDisturb { on }),
        1 => prop_oneof![Just(Opener::Button), (1..4u64).prop_map(|request| Opener::Control { request })].prop_map(|by| Action::Unlock { by }),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    prop::sample::select(vec!["door then otto", "anna then anna", "ida,door then door then otto"])
        .prop_map(|text| text.parse().unwrap())
}

fn door_event() -> impl Strategy<Value = DoorEvent> {
    prop_oneof![
        4 => opening().prop_map(|opening| DoorEvent::Unlocked { opening }),
        1 => opening().prop_map(|opening| DoorEvent::Failed { opening }),
        1 => Just(DoorEvent::Opened),
        1 => Just(DoorEvent::Closed),
        1 => any::<bool>().prop_map(DoorEvent::Tamper),
    ]
}

/// 0 stands for the newest one.
fn opening() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0_u64), 1 => 1..4_u64]
}

fn event() -> impl Strategy<Value = LinkEvent> {
    let failure = prop::sample::select(vec![
        LinkFailure::Negotiation,
        LinkFailure::Refused,
        LinkFailure::Transport,
        LinkFailure::WrongFingerprint,
        LinkFailure::Pipeline,
    ]);
    prop_oneof![
        1 => Just(LinkEvent::Offer("sdp".to_owned())),
        1 => Just(LinkEvent::Answer("sdp".to_owned())),
        1 => Just(LinkEvent::Candidate { candidate: String::new(), mline: 0 }),
        1 => Just(LinkEvent::IceConnected),
        3 => Just(LinkEvent::Secured),
        1 => Just(LinkEvent::FirstAudio),
        1 => Just(LinkEvent::FirstFrameSent),
        1 => Just(LinkEvent::FirstFrameShown),
        2 => Just(LinkEvent::Silent),
        2 => failure.prop_map(LinkEvent::Failed),
    ]
}

fn message() -> impl Strategy<Value = Message> {
    prop_oneof![4 => call_message(), 2 => group_message(), 3 => link_message(), 2 => door_message(), 1 => hub_message()]
}

fn call_message() -> impl Strategy<Value = Message> {
    let kind = prop_oneof![4 => Just(Kind::Single), 1 => Just(Kind::Group)];
    let callees = prop::collection::vec(prop::sample::select(vec!["anna", "anna", "otto"]), 1..3);
    let time = prop_oneof![Just(0), 1..60_000u32, Just(600_000)];
    let invite = (call(), kind, media(), callees, time, agent(), early());
    let by = prop::option::of(prop_oneof![peer(), Just(address(ME))]);
    prop_oneof![
        4 => invite.prop_map(|(call, kind, media, callees, remaining_ms, agent, early)| {
            let callees = callees.into_iter().map(|user| user.parse().unwrap()).collect();
            Message::Invite { call, kind, media, callees, remaining_ms, agent, early }
        }),
        2 => (call(), agent(), early()).prop_map(|(call, agent, early)| Message::Ringing { call, agent, early, link: 0 }),
        2 => (call(), agent()).prop_map(|(call, agent)| Message::Accept { call, agent }),
        3 => call().prop_map(|call| Message::Confirm { call }),
        1 => (call(), reason()).prop_map(|(call, reason)| Message::Reject { call, reason }),
        1 => (call(), reason(), by).prop_map(|(call, reason, by)| Message::Cancel { call, reason, by }),
        1 => (call(), reason()).prop_map(|(call, reason)| Message::Hangup { call, reason }),
    ]
}

fn group_message() -> impl Strategy<Value = Message> {
    let device = || prop_oneof![4 => peer(), 1 => Just(address(ME))];
    let user = || prop::sample::select(vec!["anna", "otto", "eve"]).prop_map(|user| user.parse().unwrap());
    let invited = (user(), prop::option::of(reason()));
    let invited = invited.prop_map(|(user, ended)| Invited { user, ring_s: 30, ended });
    let entry = (device(), 1..5u32, agent(), 1..9u16, prop::option::of(reason()), prop::collection::vec(invited, 0..2));
    let entry = entry.prop_map(|(device, number, agent, place, left, invited)| RosterEntry {
        device,
        number,
        agent,
        place,
        left,
        invited,
    });
    prop_oneof![
        1 => (call(), agent()).prop_map(|(call, agent)| Message::Join { call, agent }),
        4 => (call(), prop::collection::vec(entry, 1..4)).prop_map(|(call, entries)| Message::Roster { call, entries }),
    ]
}

fn link_message() -> impl Strategy<Value = Message> {
    let number = || prop_oneof![0..4u32, Just(256), Just(257), Just(u32::MAX)];
    let sdp = || "sdp".to_owned();
    prop_oneof![
        2 => (call(), number()).prop_map(move |(call, link)| Message::Offer { call, link, sdp: sdp() }),
        2 => (call(), number()).prop_map(move |(call, link)| Message::Answer { call, link, sdp: sdp() }),
        1 => (call(), number(), any::<u16>()).prop_map(|(call, link, mline)| {
            Message::Candidate { call, link, candidate: String::new(), mline }
        }),
        1 => (call(), any::<bool>(), any::<bool>()).prop_map(|(call, audio, video)| Message::Media { call, audio, video, group: video, want: if audio { PictureSize::Full } else { PictureSize::Small } }),
        1 => (call(), number()).prop_map(|(call, link)| Message::Relink { call, link }),
    ]
}

/// The challenge `right` stands for the one that the station has sent last.
fn door_message() -> impl Strategy<Value = Message> {
    let id = |ids: &'static [&'static str]| prop::sample::select(ids).prop_map(|id| id.parse().unwrap());
    let challenge = prop::option::of(id(&["right", "right", "right", "wrong"]));
    let name = prop::sample::select(vec!["unlock", "unlock", "unlock", "dance"]).prop_map(|name| name.parse().unwrap());
    let state = prop::option::of(prop_oneof![Just(DoorState::Closed), Just(DoorState::Open)]);
    let code = prop_oneof![Just(ResultCode::Ok), Just(ResultCode::Expired)];
    prop_oneof![
        6 => (call(), name, id(&["n1", "n2"]), challenge).prop_map(|(call, name, nonce, challenge)| {
            Message::Command { call, name, nonce, challenge }
        }),
        1 => (call(), state, any::<bool>()).prop_map(|(call, state, tamper)| Message::Door { call, state, tamper }),
        1 => call().prop_map(|call| Message::Picture { call, jpeg: "/9j/".to_owned() }),
        1 => (call(), id(&["n1"]), id(&["c1"])).prop_map(|(call, nonce, challenge)| {
            Message::Challenge { call, nonce, challenge, remaining_ms: 5000 }
        }),
        1 => (call(), id(&["n1"]), code).prop_map(|(call, re, code)| {
            Message::Result { re: Some(re), code, call: Some(call), text: String::new() }
        }),
    ]
}

fn hub_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        (call(), peer(), media()).prop_map(|(call, caller, media)| Message::Missed { call, caller, media, ago_ms: 1 }),
        call().prop_map(|call| Message::Result {
            re: None,
            code: ResultCode::Offline,
            call: Some(call),
            text: String::new()
        }),
        Just(Message::Bye { reason: Bye::Shutdown, code: None, text: String::new(), retry_ms: None }),
        (peer(), any::<bool>()).prop_map(|(peer, online)| Message::Presence { user: peer.user, device: None, online }),
        Just(Message::Ping {}),
        Just(Message::Pong {}),
    ]
}

/// Which input it is. A new variant does not compile until it has a place here and above.
fn name(input: &Input) -> String {
    match input {
        Input::Heard { message, .. } => message.type_name().to_owned(),
        Input::Pressed(action) => match action {
            Action::Call { .. } => "call",
            Action::CallGroup { .. } => "call a group",
            Action::Add { .. } => "add",
            Action::Join { .. } => "join a group",
            Action::Accept => "pick up",
            Action::Reject => "decline",
            Action::Hangup => "hang up",
            Action::Toggle => "toggle",
            Action::SetMicrophone(_) => "microphone",
            Action::SetCamera(_) => "camera",
            Action::CallInTurn { .. } => "call in turn",
            Action::DoNotDisturb { .. } => "do not disturb",
            Action::Unlock { .. } => "unlock",
        }
        .to_owned(),
        Input::SignalingUp => "signaling up".to_owned(),
        Input::SignalingDown => "signaling down".to_owned(),
        Input::NetworkChanged => "network changed".to_owned(),
        Input::Presence { .. } => "presence of a device".to_owned(),
        Input::Link { event, .. } => match event {
            LinkEvent::Offer(_) => "offer made",
            LinkEvent::Answer(_) => "answer made",
            LinkEvent::Candidate { .. } => "candidate found",
            LinkEvent::IceConnected => "ice",
            LinkEvent::Secured => "secured",
            LinkEvent::FirstAudio => "first audio",
            LinkEvent::FirstFrameSent => "first frame sent",
            LinkEvent::FirstFrameShown => "first frame shown",
            LinkEvent::Silent => "silent",
            LinkEvent::Failed(LinkFailure::Negotiation) => "failed: negotiation",
            LinkEvent::Failed(LinkFailure::Refused) => "failed: refused",
            LinkEvent::Failed(LinkFailure::Transport) => "failed: transport",
            LinkEvent::Failed(LinkFailure::WrongFingerprint) => "failed: fingerprint",
            LinkEvent::Failed(LinkFailure::Pipeline) => "failed: pipeline",
        }
        .to_owned(),
        Input::Door(event) => match event {
            DoorEvent::Unlocked { .. } => "unlocked",
            DoorEvent::Failed { .. } => "relay failed",
            DoorEvent::Opened => "door opened",
            DoorEvent::Closed => "door closed",
            DoorEvent::Tamper(_) => "tamper",
        }
        .to_owned(),
        Input::InviteResult { .. } => "invite result".to_owned(),
        Input::Picture { .. } => "picture taken".to_owned(),
        Input::LocalTime(_) => "local time".to_owned(),
        Input::MediaReady(_) => "media ready".to_owned(),
        Input::Tick => "tick".to_owned(),
    }
}

/// Every name above, and every message that travels between devices or that a careless edge could pass on.
const NAMES: usize = 65;

/// Puts the station's own call and peer into an input in place of the drawn ones, so that most inputs hit something.
pub(super) fn aim(input: Input, call: &CallId, peer: Option<&Address>) -> Input {
    match input {
        Input::Heard { from, mut message } => {
            set_call(&mut message, call);
            Input::Heard { from: peer.cloned().unwrap_or(from), message }
        }
        Input::Link { link, event } => {
            let peer = peer.cloned().unwrap_or(link.peer);
            Input::Link { link: LinkId { call: call.clone(), peer, number: link.number }, event }
        }
        Input::Picture { jpeg, .. } => Input::Picture { call: call.clone(), jpeg },
        Input::InviteResult { user, code, .. } => Input::InviteResult { call: call.clone(), user, code },
        Input::Presence { peer: drawn, online } => Input::Presence { peer: peer.cloned().unwrap_or(drawn), online },
        other => other,
    }
}

fn set_call(message: &mut Message, to: &CallId) {
    match message {
        Message::Invite { call, .. }
        | Message::Join { call, .. }
        | Message::Roster { call, .. }
        | Message::Ringing { call, .. }
        | Message::Accept { call, .. }
        | Message::Confirm { call }
        | Message::Reject { call, .. }
        | Message::Cancel { call, .. }
        | Message::Hangup { call, .. }
        | Message::Offer { call, .. }
        | Message::Answer { call, .. }
        | Message::Candidate { call, .. }
        | Message::Media { call, .. }
        | Message::Picture { call, .. }
        | Message::Door { call, .. }
        | Message::Command { call, .. }
        | Message::Challenge { call, .. }
        | Message::Relink { call, .. }
        | Message::Missed { call, .. } => *call = to.clone(),
        Message::Result { call, .. } => *call = Some(to.clone()),
        Message::Login { .. }
        | Message::Welcome { .. }
        | Message::Watch { .. }
        | Message::List { .. }
        | Message::Listed { .. }
        | Message::Presence { .. }
        | Message::Bye { .. }
        | Message::Ping {}
        | Message::Pong {} => {}
    }
}

#[test]
fn every_input_is_drawn() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let drawn = || input().new_tree(&mut runner).unwrap().current();
    let names: std::collections::BTreeSet<String> =
        std::iter::repeat_with(drawn).take(5000).map(|i| name(&i)).collect();
    assert_eq!(names.len(), NAMES, "{names:?}");
}
