//! What a button means.

use std::str::FromStr;

use callbox_core::ids::UserId;
use callbox_core::protocol::MAX_CALLEES;

/// What a person wants by pressing a button.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// Pick up.
    Accept,
    /// Decline.
    Reject,
    /// End, or give up, the call.
    Hangup,
    /// Pick up when it rings, hang up otherwise.
    Toggle,
    /// Ring these users.
    Call(Vec<UserId>),
    /// Send the microphone, or stop sending it.
    Mute,
    /// Send the camera, or stop sending it.
    Camera,
}

/// Why a text is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no action of a button")]
pub struct BadPress {
    found: String,
}

impl FromStr for Press {
    type Err = BadPress;
    fn from_str(text: &str) -> Result<Self, BadPress> {
        let bad = || BadPress { found: text.chars().take(80).collect() };
        Ok(match text {
            "accept" => Self::Accept,
            "reject" => Self::Reject,
            "hangup" => Self::Hangup,
            "toggle" => Self::Toggle,
            "mute" => Self::Mute,
            "camera" => Self::Camera,
            _ => {
                let users = text.strip_prefix("call:").ok_or_else(bad)?;
                let users: Vec<UserId> =
                    users.split(',').map(|user| user.trim().parse()).collect::<Result<_, _>>().map_err(|_| bad())?;
                if users.len() > MAX_CALLEES {
                    return Err(bad());
                }
                Self::Call(users)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_button_names_its_users() {
        let users = ["flat-1", "flat-2"].map(|user| user.parse().unwrap()).to_vec();
        assert_eq!("call:flat-1, flat-2".parse(), Ok(Press::Call(users)));
        assert_eq!("toggle".parse(), Ok(Press::Toggle));
        for bad in ["", "call", "call:", "call:a b", "call:a,,b", "Accept", &format!("call:{}", ["a"; 17].join(","))] {
            assert!(bad.parse::<Press>().is_err(), "{bad}");
        }
    }
}
