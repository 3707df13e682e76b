//! What happens, in a word or two: for logs and monitors.

use callbox_core::ids::UserId;
use callbox_core::station::{Action, Input, LinkEvent};

use crate::record::Entry;

/// An input's name, for logs.
pub(super) fn name_of(input: &Input) -> String {
    match input {
        Input::Heard { from, message } => format!("heard {} from {from}", message.type_name()),
        Input::Pressed(action) => format!("pressed {}", action_of(action)),
        Input::SignalingUp => "signaling up".to_owned(),
        Input::SignalingDown => "signaling down".to_owned(),
        Input::NetworkChanged => "network changed".to_owned(),
        Input::Presence { peer, online } => format!("{peer} {}", if *online { "came" } else { "went" }),
        Input::Link { link, event } => {
            let what = step_of(event).unwrap_or("description or candidate");
            format!("link {} {what}", link.number)
        }
        Input::InviteResult { user, code, .. } => format!("invite to {user}: {code}"),
        Input::Picture { .. } => "picture of who rings".to_owned(),
        Input::Door(event) => format!("door {event:?}").to_lowercase(),
        Input::LocalTime(time) => format!("{:?} {:02}:{:02}", time.day, time.minute / 60, time.minute % 60),
        Input::MediaReady(ready) => (if *ready { "media ready" } else { "media absent" }).to_owned(),
        Input::Tick => "tick".to_owned(),
    }
}

fn action_of(action: &Action) -> String {
    let names = |users: &[UserId]| users.iter().map(UserId::as_str).collect::<Vec<_>>().join(",");
    match action {
        Action::Call { users, .. } => format!("call {}", names(users)),
        Action::CallGroup { users, .. } => format!("call group {}", names(users)),
        Action::Add { users } => format!("add {}", names(users)),
        Action::Join { call: Some(call) } => format!("join {call}"),
        Action::Join { call: None } => "join".to_owned(),
        Action::CallInTurn { plan, .. } => format!("call {plan}"),
        Action::DoNotDisturb { on } => match on {
            Some(on) => format!("do not disturb {}", if *on { "on" } else { "off" }),
            None => "do not disturb, or again".to_owned(),
        },
        Action::Accept => "accept".to_owned(),
        Action::Reject => "reject".to_owned(),
        Action::Hangup => "hangup".to_owned(),
        Action::Toggle => "toggle".to_owned(),
        Action::SetMicrophone(on) => format!("microphone {}", if *on { "on" } else { "off" }),
        Action::Unlock { by } => format!("unlock ({by})"),
        Action::SetCamera(on) => format!("camera {}", if *on { "on" } else { "off" }),
    }
}

/// The step of a link's set-up that an event is, if it is one.
pub(super) fn step_of(event: &LinkEvent) -> Option<&'static str> {
    match event {
        LinkEvent::Offer(_) | LinkEvent::Answer(_) | LinkEvent::Candidate { .. } => None,
        LinkEvent::IceConnected => Some("ice_connected"),
        LinkEvent::Secured => Some("secured"),
        LinkEvent::FirstAudio => Some("first_audio"),
        LinkEvent::FirstFrameSent => Some("first_frame_sent"),
        LinkEvent::FirstFrameShown => Some("first_frame_shown"),
        LinkEvent::Silent => Some("silent"),
        LinkEvent::Failed(_) => Some("failed"),
    }
}

/// A timing record as one field of a log line.
pub(super) struct Steps<'a>(pub(super) &'a Entry);

impl std::fmt::Display for Steps<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let timing = serde_json::to_value(self.0.record.timing).unwrap_or_default();
        let steps = timing.as_object().into_iter().flatten();
        let steps: Vec<_> = steps.map(|(step, ms)| format!("{}={ms}", step.trim_end_matches("_ms"))).collect();
        f.write_str(&steps.join(" "))
    }
}
