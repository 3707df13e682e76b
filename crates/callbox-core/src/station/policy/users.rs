//! Users whom the operator names.

use crate::ids::UserId;

/// Users, named one by one, and those whose name has a number in it, as a keypad rings them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Users {
    named: Vec<UserId>,
    numbered: Option<Numbered>,
}

/// Every user whose name is this text with a number in it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Numbered {
    before: String,
    after: String,
    digits: usize,
}

/// What stands for the number in a pattern.
const NUMBER: &str = "{number}";

impl Users {
    /// Adds users by their names.
    pub fn extend(&mut self, users: impl IntoIterator<Item = UserId>) {
        for user in users {
            if !self.named.contains(&user) {
                self.named.push(user);
            }
        }
    }

    /// Adds all users whose name is `pattern` with a number of 1 to `digits` digits in place of `{number}`.
    pub fn number(&mut self, pattern: &str, digits: usize) {
        if let Some((before, after)) = pattern.split_once(NUMBER) {
            self.numbered = Some(Numbered { before: before.to_owned(), after: after.to_owned(), digits });
        }
    }

    /// Returns whether this user is among them.
    pub fn contains(&self, user: &UserId) -> bool {
        self.named.contains(user) || self.numbered.as_ref().is_some_and(|numbered| numbered.fits(user.as_str()))
    }

    /// Returns whether nobody is among them.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.numbered.is_none()
    }
}

impl From<Vec<UserId>> for Users {
    fn from(named: Vec<UserId>) -> Self {
        Self { named, numbered: None }
    }
}

impl Numbered {
    fn fits(&self, user: &str) -> bool {
        let number = user.strip_prefix(self.before.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        number.is_some_and(|number| {
            (1..=self.digits).contains(&number.len()) && number.bytes().all(|digit| digit.is_ascii_digit())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_every_number_of_its_length() {
        let mut users = Users::default();
        assert!(users.is_empty());
        users.number("flat-{number}b", 2);
        users.extend(["anna".parse().unwrap()]);
        let among = |name: &str| users.contains(&name.parse().unwrap());
        assert!(["flat-1b", "flat-42b", "anna"].into_iter().all(among));
        assert!(!["flat-b", "flat-123b", "flat-1", "flat-1xb", "ben", "xflat-1b"].into_iter().any(among));
    }
}
