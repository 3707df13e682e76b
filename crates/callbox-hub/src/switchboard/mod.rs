//! The hub's decisions without a socket, a clock or a file: inputs in, effects out.

mod budget;
mod deadlines;
mod effect;
mod held;
mod input;
mod invite;
mod kept;
mod lately;
mod listing;
mod missed;
mod outbox;
mod pairs;
mod route;
mod seen;
mod shares;
mod sort;
mod tenant;
mod watchers;

use std::collections::BTreeMap;
use std::time::Instant;

use callbox_core::ids::{AppId, IdSource};
use callbox_core::protocol::Bye;

pub use budget::{Allowance, Budgets};
pub use effect::{Change, Effect, KeptInvite, MissedCall, Remembered};
pub use input::{Foreign, Frame, Input, Now, SessionId};
pub use listing::{Page, Query, merge};
pub(crate) use pairs::{INVITES, Spending, ends};
pub use sort::{Answer, Sorted, sort};
pub use tenant::TenantSettings;
pub use watchers::{MAX_EVERYBODY, Wish};

use outbox::Outbox;
use tenant::Tenant;

/// The device name under which the hub rejects in a user's stead. Nobody logs in as it.
pub const HUB_DEVICE: &str = "hub";

/// Every app of the hub.
#[derive(Debug)]
pub struct Switchboard {
    tenants: BTreeMap<AppId, Tenant>,
    sessions: BTreeMap<SessionId, AppId>,
    out: Outbox,
}

impl Switchboard {
    /// A switchboard for these apps that takes up what outlived the last run.
    pub fn new(
        now: Now,
        apps: impl IntoIterator<Item = (AppId, TenantSettings)>,
        remembered: Remembered,
        ids: IdSource,
    ) -> Self {
        let tenants = apps.into_iter().map(|(app, settings)| (app, Tenant::new(now, app, settings))).collect();
        let mut switchboard = Self { tenants, sessions: BTreeMap::new(), out: Outbox::new(ids) };
        switchboard.remember(now, remembered);
        switchboard
    }

    /// Takes how each app is run from now on. An app that is not among them keeps what it was run by: nobody logs in to it.
    pub fn reconfigure(&mut self, now: Now, apps: impl IntoIterator<Item = (AppId, TenantSettings)>) {
        for (app, settings) in apps {
            match self.tenants.get_mut(&app) {
                Some(tenant) => tenant.settings = settings,
                None => drop(self.tenants.insert(app, Tenant::new(now, app, settings))),
            }
        }
    }

    /// One thing happened. Drain [`Self::poll_effect`] before the next.
    pub fn handle(&mut self, now: Now, input: Input) {
        match input {
            Input::LoggedIn { session, app, address, ticket_left } => {
                let Some(tenant) = self.tenants.get_mut(&app) else {
                    return self.out.close(session, Bye::NotLoggedIn, None, format!("there is no app {app} here"));
                };
                if let Ok(replaced) = tenant.log_in(now, session, address, ticket_left, &mut self.out) {
                    self.sessions.insert(session, app);
                    if let Some(replaced) = replaced {
                        self.sessions.remove(&replaced);
                    }
                }
            }
            Input::Heard { session, frame } => {
                if let Some(tenant) = self.sessions.get(&session).and_then(|app| self.tenants.get_mut(app)) {
                    tenant.hear(now, session, frame, &mut self.out);
                }
            }
            Input::Closed { session } => {
                if let Some(tenant) = self.sessions.remove(&session).and_then(|app| self.tenants.get_mut(&app)) {
                    tenant.leave(now, session, &mut self.out);
                }
            }
            Input::Tick => {
                for tenant in self.tenants.values_mut() {
                    for session in tenant.tick(now, &mut self.out) {
                        self.sessions.remove(&session);
                    }
                }
            }
            Input::Shutdown => {
                for session in std::mem::take(&mut self.sessions).into_keys() {
                    self.out.close(session, Bye::Shutdown, None, "the hub stops: come back in a moment");
                }
            }
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.out.pop()
    }

    /// When to hand in [`Input::Tick`].
    pub fn deadline(&self) -> Option<Instant> {
        self.tenants.values().filter_map(Tenant::deadline).min()
    }

    /// How many devices are logged in.
    pub fn sessions(&self) -> usize {
        self.sessions.len()
    }

    fn remember(&mut self, now: Now, remembered: Remembered) {
        let Remembered { invites, missed, seen } = remembered;
        for (app, user) in seen {
            if let Some(tenant) = self.tenants.get_mut(&app) {
                tenant.remember_seen(&user);
            }
        }
        for call in missed {
            if let Some(tenant) = self.tenants.get_mut(&call.app) {
                // What is stored is stored already: only the bounds may ask for a change.
                for change in tenant.missed.note(now, call) {
                    if matches!(change, Change::DropMissed { .. }) {
                        self.out.store(change);
                    }
                }
            }
        }
        for invite in invites {
            if let Some(tenant) = self.tenants.get_mut(&invite.app) {
                tenant.restore(now, invite);
            }
        }
        for tenant in self.tenants.values_mut() {
            tenant.expire(now, &mut self.out);
        }
    }
}

#[cfg(test)]
pub(crate) use tests::chance::Chance;
#[cfg(test)]
mod tests;
