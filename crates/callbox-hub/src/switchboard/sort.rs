//! What a device says, sorted before anything is looked up: for the hub itself, for a peer, or not allowed.

use callbox_core::ids::{Address, EnvelopeId, Target};
use callbox_core::protocol::{DecodeError, EndReason, Envelope, Message, ResultCode};

use super::{Foreign, Frame, HUB_DEVICE, Query};

/// What becomes of a frame.
#[derive(Clone, Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "made for one frame and taken apart at once")]
pub enum Sorted {
    /// Nothing.
    Nothing,
    /// It is answered with `pong`.
    Ping,
    /// The device wants to know of these, in the words of the message with this id.
    Watch(EnvelopeId, Vec<String>),
    /// The device asks for names of users, in the words of the message with this id.
    List(EnvelopeId, Query),
    /// It goes to a peer, its sender stamped.
    Peer(Target, Envelope),
    /// It goes to a peer as it is.
    Foreign(Foreign),
    /// It goes nowhere; the device is told so.
    Refused(Vec<Answer>),
}

/// What the hub answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Whom it speaks for; none: itself.
    pub from: Option<Address>,
    /// What it says.
    pub message: Message,
}

/// Sorts what this device said.
pub fn sort(from: &Address, frame: Frame) -> Sorted {
    match frame {
        Frame::Known(envelope) => known(from, envelope),
        Frame::Foreign(foreign) => Sorted::Foreign(foreign),
        Frame::Unreadable(error) => unreadable(error),
    }
}

fn known(from: &Address, envelope: Envelope) -> Sorted {
    let Envelope { id, to, message, .. } = envelope;
    match &message {
        Message::Ping {} => Sorted::Ping,
        Message::Pong {} => Sorted::Nothing,
        Message::Watch { users } => Sorted::Watch(id, users.clone()),
        Message::List { find, after, limit } => match Query::parse(find.clone(), after.clone(), *limit) {
            Ok(query) => Sorted::List(id, query),
            Err(text) => refused(ResultCode::BadMessage, id, &message, text),
        },
        Message::Login { .. } => refused(ResultCode::BadMessage, id, &message, "already logged in: open a new socket"),
        Message::Welcome { .. }
        | Message::Presence { .. }
        | Message::Listed { .. }
        | Message::Missed { .. }
        | Message::Bye { .. } => {
            let text = format!("only the hub says `{}`", message.type_name());
            refused(ResultCode::Forbidden, id, &message, text)
        }
        // Everything else is said between peers, and what is added to it too.
        _ => match to {
            Some(to) => Sorted::Peer(to.clone(), Envelope { id, from: Some(from.clone()), to: Some(to), message }),
            None => {
                let text = format!("`{}` needs `to`: {{\"user\":…}} or with \"device\"", message.type_name());
                refused(ResultCode::BadMessage, id, &message, text)
            }
        },
    }
}

fn refused(code: ResultCode, re: EnvelopeId, about: &Message, text: impl Into<String>) -> Sorted {
    let call = match about {
        Message::Missed { .. } => None,
        about => about.call().cloned(),
    };
    Sorted::Refused(vec![result(code, Some(re), call, text)])
}

fn result(
    code: ResultCode,
    re: Option<EnvelopeId>,
    call: Option<callbox_core::ids::CallId>,
    text: impl Into<String>,
) -> Answer {
    Answer { from: None, message: Message::Result { re, code, call, text: text.into() } }
}

/// Why a frame goes nowhere; a call of another version is rejected in the callee's stead.
fn unreadable(error: DecodeError) -> Sorted {
    let text = error.to_string();
    match error {
        DecodeError::UnknownType { .. } => Sorted::Nothing,
        DecodeError::TooLarge { .. } | DecodeError::NotAnEnvelope { .. } => {
            Sorted::Refused(vec![result(ResultCode::BadMessage, None, None, text)])
        }
        DecodeError::BadFields { id, .. } => {
            Sorted::Refused(vec![result(ResultCode::BadMessage, Some(id), None, text)])
        }
        DecodeError::UnsupportedVersion { id, call, kind, to, .. } => {
            let mut answers = vec![result(ResultCode::UnsupportedVersion, id, call.clone(), text)];
            let ends_already = matches!(kind.as_str(), "reject" | "cancel" | "hangup");
            if let (Some(call), Some(to), false, Ok(device)) = (call, to, ends_already, HUB_DEVICE.parse()) {
                let message = Message::Reject { call, reason: EndReason::UnsupportedVersion };
                answers.push(Answer { from: Some(Address { user: to.user, device }), message });
            }
            Sorted::Refused(answers)
        }
    }
}
