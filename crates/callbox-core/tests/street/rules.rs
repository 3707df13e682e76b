//! What holds in every house after every input.

use std::time::Instant;

use callbox_core::ids::Address;
use callbox_core::protocol::{DoorState, Kind};
use callbox_core::station::{Direction, Phase, Tone};

use super::house::{House, Relay};

impl House {
    /// Panics when a rule is broken.
    pub(super) fn check_rules(&self, who: &Address, now: Instant) {
        let view = self.station.view(now);
        let phase = self.station.phase();
        for (link, end) in &self.links {
            let flow = end.flow();
            let talks_there =
                phase == Phase::Talking && view.call.as_ref().is_some_and(|call| call.talks_with(&link.peer));
            assert!(!flow.send_audio || talks_there, "{who} sends its microphone on {link} while {phase:?}");
            assert!(!flow.play_audio || talks_there, "{who} plays {link} while {phase:?}");
            let preview = phase == Phase::Inviting || view.call.as_ref().is_some_and(|call| call.kind == Kind::Group);
            assert!(!flow.send_video || talks_there || preview, "{who} sends its camera on {link} while {phase:?}");
            assert_eq!(Some(&link.call), view.call.as_ref().map(|call| &call.call), "{who} has {link} of another call");
        }
        let tone_fits = match self.tone {
            Tone::Silence => phase != Phase::Ringing,
            Tone::Ring | Tone::Warning => phase == Phase::Ringing,
            Tone::RingBack => phase == Phase::Inviting,
            // It ends by itself; who redials at once still hears its last beats.
            Tone::Busy => matches!(phase, Phase::Idle | Phase::Inviting),
        };
        assert!(tone_fits, "{who} plays {:?} while {phase:?}", self.tone);
        assert_eq!(phase == Phase::Idle, view.call.is_none());
        assert_eq!(self.prepared, phase != Phase::Idle, "{who} captures and renders only in a call");
        if phase == Phase::Idle {
            assert!(self.links.is_empty() && self.watched.is_empty(), "{who} lets go of everything");
            let door = view.door.and_then(|door| door.state);
            let waits_for_door = matches!(self.relay, Relay::Hangs) || door == Some(DoorState::Open);
            assert!(waits_for_door || self.station.deadline().is_none(), "{who} waits for nothing");
        }
        if let Some(call) = &view.call {
            let ours = call.caller == *who;
            assert_eq!(call.direction == Direction::Outgoing, ours, "{who}");
            assert_eq!(call.microphone, self.links.values().any(|end| end.flow().send_audio) || call.microphone);
        }
    }
}
