//! What a button means: the words of the configuration's `action`, and which of them a press, a long or a double press is.

use std::str::FromStr;

use callbox_core::ids::UserId;
use callbox_core::protocol::MAX_CALLEES;
use callbox_core::station::Plan;

use super::Event;
use super::press::{Gesture, Outcome};

/// What a person wants by pressing a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Pick up.
    Accept,
    /// Decline.
    Reject,
    /// End, or give up, the call.
    Hangup,
    /// Pick up when it rings, hang up otherwise.
    Toggle,
    /// Ring these users, and perhaps others when they do not answer.
    Call(Plan),
    /// Ring these users; everybody who accepts is in.
    CallGroup(Vec<UserId>),
    /// Ring these users too, while there is a talk.
    Add(Vec<UserId>),
    /// Join a group call that this panel missed or left.
    Join,
    /// Send the microphone, or stop sending it.
    Mute,
    /// Send the camera, or stop sending it.
    Camera,
    /// Open the door.
    Unlock,
    /// A step louder.
    VolumeUp,
    /// A step quieter.
    VolumeDown,
    /// Let nobody ring, or let them ring again.
    DoNotDisturb,
}

/// Why a text is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no action of a button")]
pub struct BadAction {
    found: String,
}

/// The actions that are one word.
const WORDS: &[(&str, Action)] = &[
    ("accept", Action::Accept),
    ("reject", Action::Reject),
    ("hangup", Action::Hangup),
    ("toggle", Action::Toggle),
    ("join", Action::Join),
    ("mute", Action::Mute),
    ("camera", Action::Camera),
    ("unlock", Action::Unlock),
    ("volume+", Action::VolumeUp),
    ("volume-", Action::VolumeDown),
    ("dnd", Action::DoNotDisturb),
];

impl FromStr for Action {
    type Err = BadAction;
    fn from_str(text: &str) -> Result<Self, BadAction> {
        if let Some((_, action)) = WORDS.iter().find(|(word, _)| *word == text) {
            return Ok(action.clone());
        }
        let action = match text.split_once(':') {
            Some(("call", plan)) => plan.parse().ok().map(Self::Call),
            Some(("group", list)) => users(list).map(Self::CallGroup),
            Some(("add", list)) => users(list).map(Self::Add),
            _ => None,
        };
        action.ok_or_else(|| BadAction { found: text.chars().take(80).collect() })
    }
}

/// Reads `USER[,USER…]`.
fn users(list: &str) -> Option<Vec<UserId>> {
    let users: Vec<UserId> = list.split(',').map(|user| user.trim().parse()).collect::<Result<_, _>>().ok()?;
    (users.len() <= MAX_CALLEES).then_some(users)
}

/// What a button is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Meaning {
    /// A press.
    pub press: Option<Action>,
    /// A long press.
    pub long: Option<Action>,
    /// A double press.
    pub double: Option<Action>,
}

impl Meaning {
    /// What is to be told of an outcome.
    pub(super) fn event(&self, part: &str, outcome: Outcome) -> Option<Event> {
        let fault = |text: &str| Some(Event::Fault { part: part.to_owned(), text: text.to_owned() });
        match outcome {
            Outcome::Did(gesture) => self.of(gesture).cloned().map(Event::Wanted),
            Outcome::Stuck => fault("stuck: held for longer than any hand does; it is not heard until it is released"),
            Outcome::Chatters => {
                fault("a contact or wire is broken: faster than any hand; not heard until it is quiet")
            }
            Outcome::Well => Some(Event::Recovered { part: part.to_owned() }),
        }
    }

    fn of(&self, gesture: Gesture) -> Option<&Action> {
        match gesture {
            Gesture::Press => self.press.as_ref(),
            Gesture::Long => self.long.as_ref(),
            Gesture::Double => self.double.as_ref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_button_names_its_users() {
        let two = vec!["flat-1".parse().unwrap(), "flat-2".parse().unwrap()];
        assert_eq!("group:flat-1, flat-2".parse(), Ok(Action::CallGroup(two.clone())));
        assert_eq!("add:flat-1,flat-2".parse(), Ok(Action::Add(two)));
        for bad in ["group:", "add:", "add:a b", "group:a then b", &format!("add:{}", ["a"; 17].join(","))] {
            assert!(bad.parse::<Action>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_call_button_names_its_users() {
        for plan in ["flat-1, flat-2", "flat-3 then janitor"] {
            assert_eq!(format!("call:{plan}").parse(), Ok(Action::Call(plan.parse().unwrap())));
        }
        for bad in [
            "",
            "call",
            "call:",
            "call:a b",
            "call:a,,b",
            "call:a then",
            "Accept",
            &format!("call:{}", ["a"; 17].join(",")),
        ] {
            assert!(bad.parse::<Action>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_word_is_read() {
        for (word, action) in WORDS {
            assert_eq!(word.parse::<Action>().as_ref(), Ok(action));
            assert!(format!("{word} ").parse::<Action>().is_err());
        }
    }
}
