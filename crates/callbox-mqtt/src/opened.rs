//! What comes without a hub: the broker vouches for its sender's user by the topic, all else is checked here.

use callbox_core::ids::{Address, DeviceId, EnvelopeId, Target, UserId};
use callbox_core::protocol::{DecodeError, Envelope, Message};

use crate::topic::Party;

/// A peer's message, read but not yet passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// Who sent it.
    pub from: Address,
    /// This device, or every device of its user.
    pub to: Target,
    /// Tells a repeated one.
    pub id: EnvelopeId,
    /// What it says.
    pub message: Message,
}

/// Reads a message that came to this device on the topic of this sender. None when it must not be looked at: it has been logged.
pub(crate) fn open(me: &Address, sender: &UserId, bytes: &[u8]) -> Option<Result<Opened, DecodeError>> {
    match Envelope::decode(bytes) {
        Ok(Envelope { id, from, to, message }) => {
            if !is_for(me, sender, from.as_ref(), to.as_ref()) {
                return None;
            }
            let (from, to) = from.zip(to)?;
            if is_between_peers(&from, &message) {
                return Some(Ok(Opened { from, to, id, message }));
            }
            tracing::warn!(%from, message = message.type_name(), "no peer may say this: ignored");
            None
        }
        Err(error) => {
            let is_ours = match &error {
                DecodeError::UnsupportedVersion { from, to, .. } | DecodeError::UnknownType { from, to, .. } => {
                    is_for(me, sender, from.as_ref(), to.as_ref())
                }
                DecodeError::TooLarge { .. } | DecodeError::NotAnEnvelope { .. } | DecodeError::BadFields { .. } => {
                    true
                }
            };
            is_ours.then_some(Err(error))
        }
    }
}

/// What a presence topic holds; an empty message takes it back.
pub(crate) fn presence(of: &Party, device: &DeviceId, payload: &[u8]) -> Option<bool> {
    if payload.is_empty() {
        return Some(false);
    }
    match Envelope::decode(payload).map(|envelope| envelope.message) {
        Ok(Message::Presence { user, device: Some(said), online }) if user == of.user && said == *device => {
            Some(online)
        }
        said => {
            let error = said.err().map(|error| error.to_string());
            tracing::warn!(%of, %device, error, "presence that contradicts its topic: ignored");
            None
        }
    }
}

/// Whether a message is for this device, and says of its sender what the topic says.
fn is_for(me: &Address, sender: &UserId, from: Option<&Address>, to: Option<&Target>) -> bool {
    let (Some(from), Some(to)) = (from, to) else {
        tracing::warn!(user = %sender, "message without `from` or `to`: ignored");
        return false;
    };
    if from.user != *sender || to.user != me.user {
        tracing::warn!(user = %sender, claimed = %from, to = %to.user, "message that contradicts its topic: ignored");
        return false;
    }
    if let Some(device) = to.device.as_ref().filter(|device| **device != me.device) {
        tracing::debug!(%from, %device, "message for another device of ours");
        return false;
    }
    true
}

/// What one device may say to another where no hub stands between them.
fn is_between_peers(from: &Address, message: &Message) -> bool {
    match message {
        // Of its own calls only: the broker vouches for the sender and for nobody else.
        Message::Missed { caller, .. } => caller.user == from.user,
        Message::Result { .. } => true,
        message => message.call().is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HANGUP: &str = r#"{"v":1,"id":"1","from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"hangup","call":"c","reason":"hangup"}"#;

    fn open(text: &str) -> Option<Result<Opened, DecodeError>> {
        let me = Address { user: "door".parse().unwrap(), device: "panel".parse().unwrap() };
        super::open(&me, &"anna".parse().unwrap(), text.as_bytes())
    }

    #[test]
    fn a_sender_is_who_the_topic_says() {
        let opened = open(HANGUP).unwrap().unwrap();
        assert_eq!((opened.from.to_string(), opened.message.type_name()), ("anna/x".to_owned(), "hangup"));
        let future = HANGUP.replace(r#""v":1"#, r#""v":2"#);
        assert!(matches!(open(&future), Some(Err(DecodeError::UnsupportedVersion { .. }))));
        let foreign = HANGUP.replace("\"hangup\",\"call\"", "\"dance\",\"call\"");
        assert!(matches!(open(&foreign), Some(Err(DecodeError::UnknownType { .. }))));
        for (right, wrong) in [
            ("anna", "bert"),
            (r#"{"user":"door"}"#, r#"{"user":"flat"}"#),
            (r#"{"user":"door"}"#, r#"{"user":"door","device":"kitchen"}"#),
            (r#""from":{"user":"anna","device":"x"},"#, ""),
            (r#""to":{"user":"door"},"#, ""),
        ] {
            for text in [HANGUP, &future, &foreign] {
                assert_eq!(open(&text.replace(right, wrong)), None, "{wrong}");
            }
        }
        let bye =
            HANGUP.replace(r#""type":"hangup","call":"c","reason":"hangup""#, r#""type":"bye","reason":"replaced""#);
        assert_eq!(open(&bye), None);
    }

    #[test]
    fn a_caller_tells_of_its_own_missed_calls_and_of_nobody_elses() {
        let missed = HANGUP.replace(
            r#""type":"hangup","call":"c","reason":"hangup""#,
            r#""type":"missed","call":"c","caller":{"user":"anna","device":"y"},"media":"audio","ago_ms":5000"#,
        );
        assert_eq!(open(&missed).unwrap().unwrap().message.type_name(), "missed");
        let of_another = missed.replace(r#""caller":{"user":"anna""#, r#""caller":{"user":"bert""#);
        assert!(matches!(Envelope::decode(of_another.as_bytes()).unwrap().message, Message::Missed { .. }));
        assert_eq!(open(&of_another), None);
    }
}
