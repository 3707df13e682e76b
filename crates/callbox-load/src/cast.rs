//! Who takes part: the names, tickets and habits of the simulated users.

use std::time::Duration;

use callbox_core::ids::{Address, AppId, DeviceId, UserId};
use callbox_core::protocol::Agent;
use callbox_core::station::{Policy, Station};
use callbox_core::ticket::{self, SecretKey};

use crate::transport::Login;

/// Tickets outlive any run.
const TICKET_SECS: u64 = 24 * 3600;
const PREFIX: &str = "load-";

/// What all simulated users share.
#[derive(Clone, Debug)]
pub struct Cast {
    /// Their app.
    pub app: AppId,
    /// Its key.
    pub key: SecretKey,
    /// When their tickets are made, in seconds since 1970.
    pub issued: u64,
    /// How long a call rings that nobody answers.
    pub unanswered: Duration,
    /// How long ICE and DTLS take.
    pub link: Duration,
}

/// The user of this number.
pub fn user(index: usize) -> UserId {
    format!("{PREFIX}{index:05}").parse().expect("letters, digits and a dash, far shorter than 32")
}

/// The number of this user.
pub fn index(user: &UserId) -> Option<usize> {
    user.as_str().strip_prefix(PREFIX)?.parse().ok()
}

/// Panels and browsers by turns, so that either kind of party makes offers.
pub fn agent(index: usize) -> Agent {
    if index % 2 == 0 { Agent::Panel } else { Agent::Browser }
}

impl Cast {
    /// What this user logs in with.
    pub fn login(&self, index: usize) -> Login {
        let user = user(index);
        let ticket = ticket::make(self.app, &self.key, &user, self.issued, TICKET_SECS);
        Login { app: self.app, user, device: device(), ticket, agent: agent(index) }
    }

    /// What a broker that compares passwords has to know: a line `USER@APP/DEVICE:TICKET` for each of so many.
    pub fn passwords(&self, many: usize) -> String {
        let line = |index| {
            let Login { app, user, device, ticket, .. } = self.login(index);
            format!("{user}@{app}/{device}:{ticket}\n")
        };
        (0..many).map(line).collect()
    }

    /// This user's station. `seed` is chance for its call ids.
    pub fn station(&self, index: usize, seed: [u8; 32]) -> Station {
        let me = Address { user: user(index), device: device() };
        Station::new(me, agent(index), Policy { ring: self.unanswered, ..Policy::default() }, seed)
    }
}

fn device() -> DeviceId {
    "simulated".parse().expect("letters only")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_back_to_its_number() {
        for number in [0, 7, 99_999, 123_456] {
            assert_eq!(index(&user(number)), Some(number));
        }
        assert_eq!(index(&"anna".parse().unwrap()), None);
    }
}
