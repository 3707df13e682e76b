//! Writes down what went into a station and what came out of it, so that the page's station can be held to it.
//!
//! One story is one line of JSON in `crates/callbox-hub/web-tests/stories/`: the device, its settings, and a list of steps
//! `[milliseconds, input, changes]`. What is long and comes up again is written once, in the story's `table` (`shorthand.rs`). An input that a page does not have is written as `{"none": NAME}`; the reader knows the reasons.
//! A story that is not in the file fails its test; `make stories` writes the file anew.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use callbox_core::ids::{Address, LinkId};
use callbox_core::protocol::{Agent, Message};
use callbox_core::station::{
    Action, CallRecord, CallView, Effect, Flow, Input, LinkEvent, LinkFailure, MediaOrder, PartyRecord, Phase, Policy,
    Station, Tone,
};
use serde_json::{Map, Value, json};

use super::shorthand::shorthand;

/// Set by `make stories`: the file that stories are appended to in place of being looked up.
const WRITE_TO: &str = "CALLBOX_WRITE_STORIES";

/// The story of one browser.
pub(crate) struct Recorder {
    me: Address,
    settings: Value,
    start: Instant,
    steps: Vec<Value>,
    seen: Map<String, Value>,
    flows: BTreeMap<LinkId, Flow>,
    tone: Tone,
    transitions: BTreeSet<String>,
}

impl Recorder {
    /// Records a device whose settings a page can have.
    pub(crate) fn of(me: &Address, agent: Agent, policy: &Policy, start: Instant) -> Option<Self> {
        let a_page_has = Policy { ring: policy.ring, early: policy.early, ..Policy::default() };
        (agent == Agent::Browser && *policy == a_page_has).then(|| Self {
            me: me.clone(),
            settings: json!({ "ring": policy.ring.as_millis() as u64, "early": policy.early }),
            start,
            steps: Vec::new(),
            seen: Map::new(),
            flows: BTreeMap::new(),
            tone: Tone::Silence,
            transitions: BTreeSet::new(),
        })
    }

    /// Whether a page can be given this input.
    pub(crate) fn a_page_has(input: &Input) -> bool {
        input_of(input, None).get("none").is_none()
    }

    /// One input was handled.
    pub(crate) fn step(&mut self, now: Instant, input: &Input, effects: &[Effect], station: &Station) {
        let mut out = Out::default();
        for effect in effects {
            self.effect(effect, &mut out);
        }
        let before = self.seen.get("state").cloned();
        let mut changes = Map::new();
        let seen = station.view(now);
        let joinable = seen.joinable.map(|known| json!([known.call, known.media, known.users]));
        let view = seen.call;
        let call = view.as_ref().map(|view| view.call.as_str().to_owned());
        let peer = view.as_ref().and_then(|view| view.peer.as_ref()).map(Address::to_string);
        let sends = view.as_ref().map(|view| json!([view.microphone, view.camera]));
        let due = station.deadline().map(|due| self.millis(due));
        let flows: Map<String, Value> = self.flows.iter().map(|(link, flow)| (name_of(link), flow_of(*flow))).collect();
        for (name, value) in [
            ("state", json!(station.phase())),
            ("call", json!(call)),
            ("peer", json!(peer)),
            ("wants", json!(sends)),
            ("due", json!(due)),
            ("tone", json!(tone_of(self.tone, station.phase()))),
            ("flows", Value::Object(flows)),
            ("peers", json!(view.as_ref().map_or(Vec::new(), peers_of))),
            ("roster", json!(view.as_ref().map_or(Vec::new(), roster_of))),
            ("joinable", json!(joinable)),
        ] {
            if self.seen.get(name).unwrap_or(&unsaid(name)) != &value {
                self.seen.insert(name.to_owned(), value.clone());
                changes.insert(name.to_owned(), value);
            }
        }
        let (out_says, out_media) = (out.says.clone(), out.media.clone());
        for (name, list) in [("says", out.says), ("media", out.media), ("records", out.records)] {
            if !list.is_empty() {
                changes.insert(name.to_owned(), Value::Array(list));
            }
        }
        let kinds = [&out_says, &out_media].map(|list| list.iter().map(kind_of).collect::<Vec<_>>());
        self.transitions.insert(format!("{before:?} {} {:?} {kinds:?}", kind_of_input(input), station.phase()));
        if let Some(id) = out.id {
            changes.insert("id".to_owned(), json!(id));
        }
        // An input that a page does not have and that changes nothing need not end the story.
        if matches!(input, Input::Picture { .. } | Input::Pressed(Action::Toggle)) && changes.is_empty() {
            return;
        }
        let input = input_of(input, before.as_ref().and_then(Value::as_str));
        self.steps.push(json!([self.millis(now), input, changes]));
    }

    /// What kinds of transitions were seen: states, input, and what came of it, without names and numbers.
    pub(crate) fn transitions(&self) -> &BTreeSet<String> {
        &self.transitions
    }

    /// Looks the story up in the committed file, or writes it.
    pub(crate) fn close(self) {
        if self.steps.is_empty() {
            return;
        }
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("main");
        let (table, steps) = shorthand(Value::Array(self.steps));
        let story = format!(r#""me":"{}","settings":{},"table":{table},"steps":{steps}}}"#, self.me, self.settings);
        if let Some(file) = std::env::var_os(WRITE_TO) {
            return write(Path::new(&file), &format!("{{\"name\":\"{name}\",{story}\n"));
        }
        assert!(
            committed().contains(story.as_str()),
            "the story of {} in {name} is not in {}: run `make stories` and look at what has changed",
            self.me,
            stories().display()
        );
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.start).as_millis()).unwrap()
    }

    fn effect(&mut self, effect: &Effect, out: &mut Out) {
        match effect {
            Effect::Send { to, message } => {
                let device = to.device.as_ref().map_or(String::new(), |device| format!("/{}", device.as_str()));
                out.says.push(json!([format!("{}{device}", to.user.as_str()), without_text(message)]));
                match message {
                    Message::Invite { call, .. } => out.id = Some(call.as_str().to_owned()),
                    Message::Command { nonce, challenge: None, .. } => out.id = Some(nonce.as_str().to_owned()),
                    _ => {}
                }
            }
            Effect::Media(order) => self.order(order, out),
            Effect::Record(record) => out.records.push(record_of(record)),
            // What a page does otherwise: it watches everybody, paints after every input, and keeps no journal of doors.
            Effect::Watch(_) | Effect::Show | Effect::Unlock { .. } | Effect::Door(_) | Effect::Ignored(_) => {}
        }
    }

    fn order(&mut self, order: &MediaOrder, out: &mut Out) {
        match order {
            MediaOrder::Open { link, media, offerer } => {
                self.flows.insert(link.clone(), Flow::default());
                out.media.push(json!(["open", name_of(link), media, offerer]));
            }
            MediaOrder::Close { link } => {
                self.flows.remove(link);
                out.media.push(json!(["close", name_of(link)]));
            }
            MediaOrder::RemoteOffer { link, sdp } => out.media.push(json!(["offer", name_of(link), sdp])),
            MediaOrder::RemoteAnswer { link, sdp } => out.media.push(json!(["answer", name_of(link), sdp])),
            MediaOrder::RemoteCandidate { link, candidate, mline } => {
                out.media.push(json!(["candidate", name_of(link), candidate, mline]));
            }
            MediaOrder::Gate { link, flow } => drop(self.flows.insert(link.clone(), *flow)),
            MediaOrder::Tone(tone) => self.tone = *tone,
            // A page asks for camera and microphone when a person picks up, not while it rings.
            MediaOrder::Prepare { .. } | MediaOrder::Release => {}
            MediaOrder::Picture { link, size } => out.media.push(json!(["picture", name_of(link), size])),
            // A page paints its tiles after every input.
            MediaOrder::PeerSends { .. } => {}
        }
    }
}

#[derive(Default)]
struct Out {
    says: Vec<Value>,
    media: Vec<Value>,
    records: Vec<Value>,
    /// The id that the station has made: a page is given it.
    id: Option<String>,
}

/// What is said or ordered: its type, and the reason if there is one.
fn kind_of(said: &Value) -> String {
    let message = &said[1];
    message.get("type").map_or(said[0].to_string(), |kind| format!("{kind}{}", message["reason"]))
}

fn kind_of_input(input: &Input) -> String {
    let value = input_of(input, None);
    let first = value.as_object().unwrap().iter().find(|(name, _)| *name != "from" && *name != "call").unwrap();
    let heard = &value["heard"];
    if heard.is_object() { format!("{}{}", heard["type"], heard["reason"]) } else { format!("{first:?}") }
}

fn name_of(link: &LinkId) -> String {
    format!("{}#{}", link.peer, link.number)
}

fn flow_of(flow: Flow) -> Value {
    let letters = [(flow.send_audio, 'a'), (flow.send_video, 'v'), (flow.play_audio, 'A'), (flow.play_video, 'V')];
    json!(letters.iter().filter(|(on, _)| *on).map(|(_, letter)| *letter).collect::<String>())
}

/// The busy tone ends by itself.
fn tone_of(tone: Tone, phase: Phase) -> &'static str {
    match tone {
        Tone::Silence => "silence",
        Tone::Ring | Tone::Warning => "ring",
        Tone::RingBack => "ring_back",
        Tone::Busy if phase == Phase::Idle => "busy",
        Tone::Busy => "silence",
    }
}

fn record_of(record: &CallRecord) -> Value {
    json!({
        "call": record.call.as_str(),
        "direction": record.direction,
        "kind": record.kind,
        "media": record.media,
        "caller": record.caller.to_string(),
        "callees": record.callees,
        "peer": record.peer.as_ref().map(Address::to_string),
        "answeredBy": record.answered_by.as_ref().map(Address::to_string),
        "reason": record.reason,
        "lasted": record.lasted.as_millis() as u64,
        "talked": record.talked.as_millis() as u64,
        "timing": record.timing,
        "parties": record.parties.iter().map(party_of).collect::<Vec<_>>(),
    })
}

fn party_of(PartyRecord { device, joined, left, reason }: &PartyRecord) -> Value {
    json!([device.to_string(), joined.as_millis() as u64, left.map(|left| left.as_millis() as u64), reason])
}

/// What holds until the first change is written.
fn unsaid(name: &str) -> Value {
    match name {
        "peers" | "roster" => json!([]),
        "joinable" => Value::Null,
        _ => json!("unsaid"),
    }
}

fn peers_of(view: &CallView) -> Vec<Value> {
    view.peers.iter().map(|peer| json!([peer.device.to_string(), peer.state, peer.audio, peer.video])).collect()
}

fn roster_of(view: &CallView) -> Vec<Value> {
    view.roster.iter().map(|part| json!([part.user, part.state, part.reason])).collect()
}

/// Words for people are nobody's business here.
fn without_text(message: &Message) -> Value {
    let mut value = serde_json::to_value(message).unwrap();
    value.as_object_mut().unwrap().remove("text");
    value
}

/// What a page is given in this state.
fn input_of(input: &Input, state: Option<&str>) -> Value {
    match input {
        Input::Heard { from, message } => json!({ "heard": message, "from": from.to_string() }),
        // A page has a button for each of the two. Where the station ignores the one button, the step is left out.
        Input::Pressed(Action::Toggle) => {
            json!({ "press": if state == Some("ringing") { "accept" } else { "hangup" } })
        }
        Input::Pressed(action) => action_of(action),
        Input::SignalingUp => json!({ "signaling": true }),
        Input::SignalingDown => json!({ "signaling": false }),
        Input::NetworkChanged => json!({ "network": true }),
        Input::Presence { peer, online } => json!({ "presence": peer.to_string(), "online": online }),
        Input::InviteResult { call, user, code } => json!({ "result": code, "call": call, "user": user }),
        Input::Link { link, event } => match link_event(event) {
            Some((event, more)) => {
                json!({ "link": event, "of": [link.call, link.peer.to_string(), link.number], "more": more })
            }
            None => json!({ "none": "wrong fingerprint" }),
        },
        Input::Picture { .. } => json!({ "none": "picture taken" }),
        Input::Door(_) => json!({ "none": "door" }),
        Input::LocalTime(_) => json!({ "none": "local time" }),
        // A page is there as long as its browser is, and media with it.
        Input::MediaReady(_) => json!({ "none": "media ready" }),
        Input::Tick => json!({ "tick": true }),
    }
}

fn action_of(action: &Action) -> Value {
    match action {
        Action::Call { users, media } => json!({ "press": "call", "users": users, "media": media }),
        Action::CallGroup { users, media } => {
            json!({ "press": "call", "users": users, "media": media, "kind": "group" })
        }
        Action::Add { users } => json!({ "press": "add", "users": users }),
        Action::Join { call } => json!({ "press": "join", "call": call }),
        Action::Accept => json!({ "press": "accept" }),
        Action::Reject => json!({ "press": "reject" }),
        Action::Hangup => json!({ "press": "hangup" }),
        Action::SetMicrophone(on) => json!({ "press": "microphone", "on": on }),
        Action::SetCamera(on) => json!({ "press": "camera", "on": on }),
        Action::Unlock { .. } => json!({ "press": "unlock" }),
        Action::Toggle => unreachable!("input_of translates it"),
        Action::CallInTurn { .. } => json!({ "none": "call in turn" }),
        Action::DoNotDisturb { .. } => json!({ "none": "do not disturb" }),
    }
}

fn link_event(event: &LinkEvent) -> Option<(&'static str, Value)> {
    Some(match event {
        LinkEvent::Offer(sdp) => ("offer", json!({ "sdp": sdp })),
        LinkEvent::Answer(sdp) => ("answer", json!({ "sdp": sdp })),
        LinkEvent::Candidate { candidate, mline } => ("candidate", json!({ "candidate": candidate, "mline": mline })),
        LinkEvent::IceConnected => ("ice", json!({})),
        LinkEvent::Secured => ("connected", json!({})),
        LinkEvent::FirstAudio => ("first_audio", json!({})),
        LinkEvent::FirstFrameSent => ("first_frame_sent", json!({})),
        LinkEvent::FirstFrameShown => ("first_frame_shown", json!({})),
        LinkEvent::Silent => ("disconnected", json!({})),
        LinkEvent::Failed(LinkFailure::WrongFingerprint) => return None,
        LinkEvent::Failed(LinkFailure::Refused) => ("refused", json!({})),
        LinkEvent::Failed(_) => ("failed", json!({})),
    })
}

fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../callbox-hub/web-tests/stories/station.jsonl")
}

/// What is committed, each story without the name of its test: that is for people.
fn committed() -> &'static HashSet<String> {
    static COMMITTED: OnceLock<HashSet<String>> = OnceLock::new();
    COMMITTED.get_or_init(|| {
        let text = fs::read_to_string(stories()).expect("the recorded stories: run `make stories`");
        text.lines().map(|line| line[line.find(r#""me":"#).unwrap()..].to_owned()).collect()
    })
}

fn write(file: &Path, line: &str) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = WRITING.lock().unwrap();
    let mut file = fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
