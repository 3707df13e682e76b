//! A keypad that dials: digits are collected, and become a call. Pure: time is an argument.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use callbox_core::station::Plan;

/// The longest number, in digits.
pub const MAX_DIGITS: usize = 12;

/// How a keypad dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialling {
    /// Whom a number rings.
    pub directory: HashMap<String, Plan>,
    /// Rings the user of this name for a number that is not in the directory; `{number}` stands for the number.
    pub user: Option<String>,
    /// Dials as soon as so many digits are there, without waiting for the enter key.
    pub digits: Option<usize>,
    /// What was typed is forgotten after so long without another key.
    pub forget: Duration,
}

/// What a key of a keypad is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Stroke {
    /// A digit, 0 to 9.
    Digit(u8),
    /// Dials what was typed.
    Enter,
    /// Forgets what was typed.
    Clear,
}

/// What came of a stroke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Dialled {
    /// Ring these users.
    Call(Plan),
    /// A number that nobody has.
    Unknown(String),
    /// More digits are awaited, or what was typed is forgotten.
    Typing,
    /// Nothing was typed that this stroke could end: it may mean something else.
    Nothing,
}

/// What was typed so far.
#[derive(Debug)]
pub(super) struct Keypad {
    dialling: Dialling,
    typed: String,
    last: Option<Instant>,
}

impl Keypad {
    pub(super) fn new(dialling: Dialling) -> Self {
        Self { dialling, typed: String::new(), last: None }
    }

    /// A key was pressed.
    pub(super) fn stroke(&mut self, at: Instant, stroke: Stroke) -> Dialled {
        if self.last.is_some_and(|last| at.saturating_duration_since(last) >= self.dialling.forget) {
            self.typed.clear();
        }
        self.last = Some(at);
        match stroke {
            Stroke::Digit(digit) => self.digit(digit),
            Stroke::Enter | Stroke::Clear if self.typed.is_empty() => Dialled::Nothing,
            Stroke::Enter => self.dial(),
            Stroke::Clear => {
                self.typed.clear();
                Dialled::Typing
            }
        }
    }

    fn digit(&mut self, digit: u8) -> Dialled {
        self.typed.push(char::from(b'0' + digit % 10));
        let is_whole = self.dialling.digits == Some(self.typed.len());
        if is_whole || self.typed.len() > MAX_DIGITS { self.dial() } else { Dialled::Typing }
    }

    fn dial(&mut self) -> Dialled {
        let number = std::mem::take(&mut self.typed);
        if let Some(plan) = self.dialling.directory.get(&number) {
            return Dialled::Call(plan.clone());
        }
        let user = self.dialling.user.as_ref().and_then(|pattern| pattern.replace("{number}", &number).parse().ok());
        user.map_or(Dialled::Unknown(number), |user| Dialled::Call(Plan::once(vec![user])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypad(user: Option<&str>, digits: Option<usize>) -> Keypad {
        let janitor = "janitor,office".parse().unwrap();
        let directory = HashMap::from([("0".to_owned(), janitor)]);
        Keypad::new(Dialling { directory, user: user.map(str::to_owned), digits, forget: Duration::from_secs(10) })
    }

    fn users(names: &[&str]) -> Dialled {
        Dialled::Call(names.join(",").parse().unwrap())
    }

    /// Types `1` to `9` as digits, `e` as enter, `c` as clear, a second apart; gives what came of the last.
    fn types(keypad: &mut Keypad, text: &str, start: Instant) -> Dialled {
        let strokes = text.chars().enumerate().map(|(second, key)| {
            let at = start + Duration::from_secs(u64::try_from(second).unwrap());
            let stroke = match key {
                'e' => Stroke::Enter,
                'c' => Stroke::Clear,
                digit => Stroke::Digit(u8::try_from(digit.to_digit(10).unwrap()).unwrap()),
            };
            keypad.stroke(at, stroke)
        });
        strokes.last().unwrap()
    }

    #[test]
    fn a_number_of_the_directory_rings_its_users_and_another_one_the_user_of_that_name() {
        let (mut keypad, now) = (keypad(Some("flat-{number}"), None), Instant::now());
        assert_eq!(types(&mut keypad, "0e", now), users(&["janitor", "office"]));
        assert_eq!(types(&mut keypad, "12", now), Dialled::Typing);
        assert_eq!(types(&mut keypad, "3e", now), users(&["flat-123"]));
    }

    #[test]
    fn without_a_rule_for_others_a_number_nobody_has_is_said_to_be_unknown() {
        let (mut keypad, now) = (keypad(None, None), Instant::now());
        assert_eq!(types(&mut keypad, "77e", now), Dialled::Unknown("77".to_owned()));
        assert_eq!(types(&mut keypad, "0e", now), users(&["janitor", "office"]));
    }

    #[test]
    fn clear_forgets_and_with_nothing_typed_the_keys_mean_something_else() {
        let (mut keypad, now) = (keypad(Some("{number}"), None), Instant::now());
        assert_eq!(types(&mut keypad, "12c3e", now), users(&["3"]));
        assert_eq!(types(&mut keypad, "e", now), Dialled::Nothing);
        assert_eq!(types(&mut keypad, "c", now), Dialled::Nothing);
    }

    #[test]
    fn what_was_typed_is_forgotten_after_a_while() {
        let (mut keypad, now) = (keypad(Some("{number}"), None), Instant::now());
        types(&mut keypad, "12", now);
        assert_eq!(types(&mut keypad, "3e", now + Duration::from_secs(11)), users(&["3"]));
        types(&mut keypad, "4", now + Duration::from_secs(20));
        assert_eq!(types(&mut keypad, "e", now + Duration::from_secs(60)), Dialled::Nothing);
    }

    #[test]
    fn a_keypad_without_an_enter_key_dials_with_its_last_digit() {
        let (mut keypad, now) = (keypad(Some("flat-{number}"), Some(3)), Instant::now());
        assert_eq!(types(&mut keypad, "10", now), Dialled::Typing);
        assert_eq!(types(&mut keypad, "7", now), users(&["flat-107"]));
        assert_eq!(types(&mut keypad, "123456", now), users(&["flat-456"]));
    }

    #[test]
    fn a_child_that_types_without_end_fills_no_memory() {
        let (mut keypad, now) = (keypad(None, None), Instant::now());
        for _ in 0..1000 {
            keypad.stroke(now, Stroke::Digit(9));
            assert!(keypad.typed.len() <= MAX_DIGITS);
        }
    }
}
