//! How each message travels: quality of service and expiry.

use callbox_core::protocol::{Kind, Message};
use rumqttc::v5::mqttbytes::QoS;

/// A message of a call that is under way: after this long nobody waits for it.
const SOON: u32 = 30;
/// A command is for now: its sender gives up after so long.
const NOW: u32 = 5;
/// No invite lives longer than ten minutes; the cancel that follows it must not be gone before it.
const LONGEST_RING: u32 = 600;

/// Who missed a call hears of it when it comes back: as long as a broker keeps the session of a device.
const MISSED: u32 = 86_400;

/// A message of a newer version.
pub(crate) const FOREIGN: (QoS, u32) = (QoS::AtLeastOnce, SOON);

/// Quality of service, and expiry in seconds.
pub(crate) fn of(message: &Message) -> (QoS, u32) {
    match message {
        Message::Invite { kind: Kind::Single, remaining_ms, .. } => (QoS::AtLeastOnce, remaining_ms.div_ceil(1000)),
        // Nobody who comes later shall have it.
        Message::Invite { kind: Kind::Group, remaining_ms, .. } => (QoS::AtMostOnce, remaining_ms.div_ceil(1000)),
        Message::Cancel { .. } => (QoS::AtLeastOnce, LONGEST_RING),
        Message::Missed { .. } => (QoS::AtLeastOnce, MISSED),
        Message::Command { .. } | Message::Challenge { .. } => (QoS::AtLeastOnce, NOW),
        _ => (QoS::AtLeastOnce, SOON),
    }
}

/// Takes off an invite, and adds to the age of a missed call, what the message waited for in the broker. False when an invite must not
/// ring.
pub(crate) fn arrived(message: &mut Message, expiry: Option<u32>) -> bool {
    if let (Message::Missed { ago_ms, .. }, Some(left)) = (&mut *message, expiry) {
        let waited_ms = u64::from(MISSED.saturating_sub(left)) * 1000;
        *ago_ms = ago_ms.saturating_add(waited_ms);
    }
    let Message::Invite { kind, remaining_ms, .. } = message else { return true };
    match (expiry, *kind) {
        (Some(left), _) => *remaining_ms = (*remaining_ms).min(left.saturating_mul(1000)),
        (None, Kind::Group) => {}
        // How long it lay in the broker cannot be told: it may be of yesterday.
        (None, Kind::Single) => return false,
    }
    *remaining_ms > 0
}

#[cfg(test)]
pub(crate) mod tests {
    use callbox_core::protocol::{Agent, EarlyMedia, EndReason, Envelope, Media};

    use super::*;

    pub(crate) fn invite(kind: Kind, remaining_ms: u32) -> Message {
        Message::Invite {
            call: "c".parse().unwrap(),
            kind,
            media: Media::Video,
            callees: vec!["door".parse().unwrap()],
            remaining_ms,
            agent: Agent::Panel,
            early: EarlyMedia::Off,
        }
    }

    #[test]
    fn an_invite_expires_with_its_ring_and_its_cancel_does_not_before_it() {
        assert_eq!(of(&invite(Kind::Single, 29_001)), (QoS::AtLeastOnce, 30));
        assert_eq!(of(&invite(Kind::Group, 30_000)), (QoS::AtMostOnce, 30));
        let cancel = Message::Cancel { call: "c".parse().unwrap(), reason: EndReason::Cancelled, by: None };
        assert!(of(&cancel).1 >= of(&invite(Kind::Single, 600_000)).1);
    }

    #[test]
    fn a_missed_call_is_as_old_as_it_was_when_it_was_sent_and_what_it_waited() {
        let missed = |ago_ms: u32| {
            let text = format!(
                r#"{{"v":1,"id":"1","type":"missed","call":"c","caller":{{"user":"door","device":"panel"}},"media":"audio","ago_ms":{ago_ms}}}"#
            );
            Envelope::decode(text.as_bytes()).unwrap().message
        };
        let mut waited = missed(5_000);
        let (quality, expiry) = of(&waited);
        assert_eq!(quality, QoS::AtLeastOnce);
        assert!(arrived(&mut waited, Some(expiry - 60)));
        assert_eq!(waited, missed(65_000));
        assert!(arrived(&mut waited, None), "a broker that does not say");
        assert_eq!(waited, missed(65_000));
    }

    #[test]
    fn an_invite_that_waited_rings_for_less_time() {
        let mut waited = invite(Kind::Single, 30_000);
        assert!(arrived(&mut waited, Some(18)));
        assert_eq!(waited, invite(Kind::Single, 18_000));
        let mut fresh = invite(Kind::Single, 29_500);
        assert!(arrived(&mut fresh, Some(30)));
        assert_eq!(fresh, invite(Kind::Single, 29_500));
        assert!(!arrived(&mut invite(Kind::Single, 30_000), Some(0)));
        assert!(!arrived(&mut invite(Kind::Single, 30_000), None), "of unknown age");
        assert!(arrived(&mut invite(Kind::Group, 30_000), None));
    }
}
