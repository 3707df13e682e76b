//! Whom the panel itself names: the users of its buttons, its keypad and its door. Who may ring, and who is connected early, follows
//! from it where the file does not say otherwise.

use callbox_core::ids::UserId;
use callbox_core::station::{MayOpen, Plan, Policy, Users};

use super::check::Check;
use super::raw::Text;
use crate::panel::{Action, Button, MAX_DIGITS, Settings};

/// What stands for everybody.
const EVERYBODY: &str = "*";
const USERS: &str = "users: 1 to 32 of A-Z a-z 0-9 _ -; or [\"*\"] alone, for everybody";

/// A list of users in the file. `None`: everybody.
pub(super) fn listed(check: &mut Check<'_>, key: &str, list: &[Text]) -> Option<Users> {
    match list {
        [one] if one.get_ref() == EVERYBODY => None,
        users => {
            let users: Vec<UserId> = users.iter().filter_map(|user| check.parse(key, user, USERS)).collect();
            Some(users.into())
        }
    }
}

/// The users of the panel's buttons, keypad and door.
pub(super) fn by(panel: &Settings, policy: &Policy) -> Users {
    let mut users = Users::default();
    users.extend(plans(panel).flat_map(Plan::users).cloned());
    if let Some(dialling) = panel.keypad.as_ref().map(|keypad| &keypad.dialling) {
        if let Some(pattern) = &dialling.user {
            users.number(pattern, dialling.digits.unwrap_or(MAX_DIGITS));
        }
    }
    if let Some(MayOpen::Users(openers)) = policy.door.as_ref().map(|door| &door.allow) {
        users.extend(openers.iter().cloned());
    }
    users
}

/// Who may ring where the file does not say: whom the panel names, and whom a rule of the file lets ring in some way; everybody where
/// the panel names nobody.
pub(super) fn callers(named: &Users, policy: &Policy) -> Option<Users> {
    if named.is_empty() {
        return None;
    }
    let mut users = named.clone();
    users.extend(policy.quiet.except.iter().cloned());
    users.extend(policy.auto_answer.iter().flat_map(|auto| auto.users.iter().cloned()));
    Some(users)
}

/// How many users are rung at once, at most.
pub(super) fn largest_group(panel: &Settings) -> usize {
    plans(panel).map(Plan::most_at_once).max().unwrap_or(1)
}

/// Whom buttons and keypad ring.
fn plans(panel: &Settings) -> impl Iterator<Item = &Plan> {
    let presses = panel.buttons.iter().flat_map(|Button { meaning, .. }| {
        [&meaning.press, &meaning.long, &meaning.double].into_iter().filter_map(Option::as_ref)
    });
    let pressed = presses.filter_map(|action| if let Action::Call(plan) = action { Some(plan) } else { None });
    pressed.chain(panel.keypad.iter().flat_map(|keypad| keypad.dialling.directory.values()))
}
