//! Whom to ring, and whom then when nobody answers: `flat-3 then janitor`.

use std::collections::VecDeque;
use std::fmt;
use std::str::FromStr;

use crate::ids::UserId;
use crate::protocol::MAX_CALLEES;

/// The most steps of a plan: at the longest ring time somebody would stand at the door for more than an hour.
const MOST_STEPS: usize = 8;
const THEN: &str = "then";

/// Users to ring, one step after the other; those of one step at once.
///
/// Written `flat-3`, `flat-1,flat-2`, `flat-3 then janitor`, `flat-1,flat-2 then flat-3 then janitor`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    first: Vec<UserId>,
    then: VecDeque<Vec<UserId>>,
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no plan: USER[,USER…], at most {MAX_CALLEES} at once, and perhaps `then` others, at most {MOST_STEPS} steps"
)]
pub struct BadPlan {
    found: String,
}

impl Plan {
    /// A plan of one step.
    pub fn once(users: Vec<UserId>) -> Self {
        Self { first: users, then: VecDeque::new() }
    }

    /// Whom to ring at first.
    pub fn first(&self) -> &[UserId] {
        &self.first
    }

    /// Everybody whom it may ring.
    pub fn users(&self) -> impl Iterator<Item = &UserId> {
        self.first.iter().chain(self.then.iter().flatten())
    }

    /// How many users it rings at once, at most.
    pub fn most_at_once(&self) -> usize {
        self.then.iter().map(Vec::len).max().unwrap_or(0).max(self.first.len())
    }

    /// The users to ring at first, and the plan for when they do not answer.
    pub(super) fn split(mut self) -> (Vec<UserId>, Option<Plan>) {
        let next = self.then.pop_front();
        (self.first, next.map(|first| Plan { first, then: self.then }))
    }
}

impl FromStr for Plan {
    type Err = BadPlan;
    fn from_str(text: &str) -> Result<Self, BadPlan> {
        let bad = || BadPlan { found: text.chars().take(80).collect() };
        let mut steps = VecDeque::new();
        let words: Vec<&str> = text.split_whitespace().collect();
        for step in words.split(|word| *word == THEN) {
            let users = step.concat();
            let users: Vec<UserId> = users.split(',').map(str::parse).collect::<Result<_, _>>().map_err(|_| bad())?;
            // Two names with a blank between them are not one name.
            let blanks = step.windows(2).any(|pair| !pair[0].ends_with(',') && !pair[1].starts_with(','));
            if users.len() > MAX_CALLEES || blanks {
                return Err(bad());
            }
            steps.push_back(users);
        }
        let first = steps.pop_front().filter(|_| steps.len() < MOST_STEPS).ok_or_else(bad)?;
        Ok(Self { first, then: steps })
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = |users: &[UserId]| users.iter().map(UserId::as_str).collect::<Vec<_>>().join(",");
        f.write_str(&names(&self.first))?;
        self.then.iter().try_for_each(|users| write!(f, " {THEN} {}", names(users)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_written_as_it_is_said() {
        for text in ["flat-3", "flat-1,flat-2", "flat-3 then janitor", "a,b then c then d,e"] {
            assert_eq!(text.parse::<Plan>().unwrap().to_string(), text);
        }
        assert_eq!(" a , b  then c".parse::<Plan>().unwrap().to_string(), "a,b then c");
        let (first, next) = "a,b then c then d".parse::<Plan>().unwrap().split();
        assert_eq!((first.len(), next.unwrap().to_string().as_str()), (2, "c then d"));
    }

    #[test]
    fn what_is_no_plan_is_refused() {
        let many = ["a"; MAX_CALLEES + 1].join(",");
        let long = ["a"; MOST_STEPS + 1].join(" then ");
        for bad in ["", "then", "a then", "then a", "a then then b", "a b", "a,,b", ",a", "a,", "tür", &many, &long] {
            assert!(bad.parse::<Plan>().is_err(), "{bad}");
        }
        assert!(["a"; MOST_STEPS].join(" then ").parse::<Plan>().is_ok());
    }
}
