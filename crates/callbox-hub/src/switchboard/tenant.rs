//! One app: who is there, who watches whom, and what waits for whom.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::{Duration, Instant};

use callbox_core::ids::{Address, AppId, DeviceId, EnvelopeId, UserId};
use callbox_core::protocol::{Bye, ListedUser, Message, ResultCode};

use super::Now;
use super::SessionId;
use super::deadlines::Deadlines;
use super::effect::Change;
use super::held::Held;
use super::kept::KeptInvites;
use super::lately::Lately;
use super::listing::{Page, Query, merge};
use super::missed::Missed;
use super::outbox::Outbox;
use super::pairs::Pairs;
use super::seen::Seen;
use super::watchers::{MAX_EVERYBODY, Watchers, Wish};

/// After the start of the hub, devices of an earlier run may come back within this time.
const RESTART: Duration = Duration::from_secs(60);
/// UserSig's code for a ticket that ran out.
const EXPIRED: u32 = 70001;

/// How one app is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantSettings {
    /// Users that exist though they may never have logged in. When there are any, a name neither here nor ever logged in
    /// is answered with `unknown_user`; when there are none, every name may exist.
    pub users: BTreeSet<UserId>,
    /// Keep `group` invites for absent users as `single` ones are kept.
    pub queue_group_invites: bool,
    /// The most devices of one user at once.
    pub max_devices: usize,
    /// How often a session is greeted anew, so that its TURN credentials stay good.
    pub renew_welcome: Option<Duration>,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self { users: BTreeSet::new(), queue_group_invites: false, max_devices: 16, renew_welcome: None }
    }
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) address: Address,
    ticket_until: Instant,
    renew_at: Option<Instant>,
}

impl Session {
    /// When something is to be done about it.
    pub(super) fn due(&self) -> Instant {
        self.renew_at.map_or(self.ticket_until, |at| at.min(self.ticket_until))
    }
}

/// The user has as many devices as it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NoRoom;

/// One app's state.
#[derive(Debug)]
pub(super) struct Tenant {
    pub(super) app: AppId,
    pub(super) settings: TenantSettings,
    pub(super) sessions: BTreeMap<SessionId, Session>,
    pub(super) kept: KeptInvites,
    pub(super) missed: Missed,
    pub(super) held: Held,
    pub(super) budgets: Pairs,
    due: Deadlines<SessionId>,
    present: BTreeMap<UserId, BTreeMap<DeviceId, SessionId>>,
    seen: Seen,
    pub(super) lately: Lately,
    started: Instant,
    watchers: Watchers,
}

impl Tenant {
    pub(super) fn new(now: Now, app: AppId, settings: TenantSettings) -> Self {
        Self {
            app,
            settings,
            sessions: BTreeMap::new(),
            kept: KeptInvites::default(),
            missed: Missed::default(),
            held: Held::default(),
            budgets: Pairs::default(),
            due: Deadlines::default(),
            present: BTreeMap::new(),
            seen: Seen::default(),
            lately: Lately::default(),
            started: now.steady,
            watchers: Watchers::default(),
        }
    }

    /// A device came. The session it replaces comes back.
    ///
    /// # Errors
    /// [`NoRoom`]: it may not stay, and has been told.
    pub(super) fn log_in(
        &mut self,
        now: Now,
        session: SessionId,
        address: Address,
        ticket_left: Duration,
        out: &mut Outbox,
    ) -> Result<Option<SessionId>, NoRoom> {
        let devices = self.present.entry(address.user.clone()).or_default();
        let older = devices.get(&address.device).copied();
        if older.is_none() && devices.len() >= self.settings.max_devices {
            let text = format!("{} has {} devices connected, no more are allowed", address.user, devices.len());
            out.close(session, Bye::NotLoggedIn, None, text);
            return Err(NoRoom);
        }
        devices.insert(address.device.clone(), session);
        if let Some(older) = older {
            self.sessions.remove(&older);
            self.due.remove(&older);
            self.watchers.remove(older);
            out.close(older, Bye::Replaced, None, "the same device logged in again, the newer login stays");
        }
        let renew_at = self.settings.renew_welcome.map(|every| now.steady + every);
        let ticket_until = now.steady + ticket_left;
        let known = Session { address: address.clone(), ticket_until, renew_at };
        self.due.set(session, known.due());
        self.sessions.insert(session, known);
        out.welcome(session, &address);
        self.mark_seen(&address.user, out);
        if older.is_none() {
            self.tell_watchers(&address.user, Some(&address.device), true, out);
        }
        for envelope in self.held.take(now, &address) {
            out.pass(session, envelope);
        }
        self.deliver_waiting(now, session, &address, out);
        Ok(older)
    }

    /// A device left.
    pub(super) fn leave(&mut self, now: Now, session: SessionId, out: &mut Outbox) {
        let Some(Session { address: Address { user, device }, .. }) = self.sessions.remove(&session) else { return };
        self.due.remove(&session);
        self.watchers.remove(session);
        let Some(devices) = self.present.get_mut(&user) else { return };
        devices.remove(&device);
        let last = devices.is_empty();
        self.lately.left(now, &Address { user: user.clone(), device: device.clone() });
        if last {
            self.present.remove(&user);
        }
        self.tell_watchers(&user, Some(&device), false, out);
        if last {
            self.tell_watchers(&user, None, false, out);
        }
    }

    /// Time passed. The sessions whose tickets ran out come back.
    pub(super) fn tick(&mut self, now: Now, out: &mut Outbox) -> Vec<SessionId> {
        self.expire(now, out);
        self.held.expire(now);
        self.lately.expire(now);
        for change in self.missed.expire(self.app, now) {
            out.store(change);
        }
        let mut expired = Vec::new();
        for id in self.due.take_due(now.steady) {
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            if session.ticket_until <= now.steady {
                out.close(id, Bye::TicketExpired, Some(EXPIRED), "the ticket has run out: log in with a new one");
                self.leave(now, id, out);
                expired.push(id);
            } else {
                session.renew_at = self.settings.renew_welcome.map(|every| now.steady + every);
                self.due.set(id, session.due());
                out.welcome(id, &session.address);
            }
        }
        expired
    }

    /// When `tick` has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let own = [self.kept.deadline(), self.held.deadline(), self.missed.deadline(), self.lately.deadline()];
        own.into_iter().flatten().chain(self.due.next()).min()
    }

    /// Answers a `watch`: the state now, then `ok`, then every change.
    pub(super) fn watch(&mut self, session: SessionId, re: &EnvelopeId, users: &[String], out: &mut Outbox) {
        let wish = match Wish::parse(users) {
            Ok(wish) => wish,
            Err(text) => return out.result(session, ResultCode::BadMessage, Some(re), None, text),
        };
        let names = match &wish {
            Wish::Users(users) => users.clone(),
            Wish::Everybody => {
                let known = if self.seen.len() > MAX_EVERYBODY { BTreeSet::new() } else { self.known_users() };
                let messages = known.len().max(self.sessions.len()).max(self.seen.len());
                if messages > MAX_EVERYBODY {
                    let text =
                        format!("this app has {messages} users and devices, `*` shows {MAX_EVERYBODY}: ask by `list`");
                    return out.result(session, ResultCode::Forbidden, Some(re), None, text);
                }
                known
            }
        };
        for user in names {
            match self.present.get(&user) {
                None => out.say(session, Message::Presence { user, device: None, online: false }),
                Some(devices) => {
                    for device in devices.keys() {
                        let (user, device) = (user.clone(), Some(device.clone()));
                        out.say(session, Message::Presence { user, device, online: true });
                    }
                }
            }
        }
        self.watchers.set(session, wish);
        out.result(session, ResultCode::Ok, Some(re), None, "");
    }

    /// Answers a `list`: one page of names.
    pub(super) fn list(&self, session: SessionId, re: EnvelopeId, query: &Query, out: &mut Outbox) {
        let behind = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let sources: Vec<Box<dyn Iterator<Item = &UserId>>> = vec![
            Box::new(self.settings.users.range((behind, Bound::Unbounded))),
            Box::new(self.seen.after(behind)),
            Box::new(self.present.range((behind, Bound::Unbounded)).map(|(user, _)| user)),
        ];
        let Page { names, after } = query.page(merge(sources));
        let listed = |user: UserId| ListedUser { online: Some(self.present.contains_key(&user)), user };
        let users = names.into_iter().map(listed).collect();
        out.say(session, Message::Listed { re, users, after });
    }

    /// The sessions of a user, all or one device.
    pub(super) fn reachable(&self, user: &UserId, device: Option<&DeviceId>) -> Vec<SessionId> {
        let Some(devices) = self.present.get(user) else { return Vec::new() };
        match device {
            Some(device) => devices.get(device).copied().into_iter().collect(),
            None => devices.values().copied().collect(),
        }
    }

    /// Whether a user of this name can be called.
    pub(super) fn may_exist(&self, user: &UserId) -> bool {
        self.settings.users.is_empty() || self.is_known(user)
    }

    /// Whether a user of this name is listed, or has logged in before.
    pub(super) fn is_known(&self, user: &UserId) -> bool {
        self.settings.users.contains(user) || self.seen.contains(user)
    }

    /// Whether this device may log in again in a moment: it was there a while ago, or may have been before the hub was restarted.
    pub(super) fn may_be_back(&self, now: Now, device: &Address) -> bool {
        let just_started = now.steady.saturating_duration_since(self.started) < RESTART;
        self.lately.knows(device) || just_started && self.is_known(&device.user)
    }

    pub(super) fn remember_seen(&mut self, user: &UserId) {
        // More than the bound are not stored.
        self.seen.note(user);
    }

    fn mark_seen(&mut self, user: &UserId, out: &mut Outbox) {
        let (is_new, forgotten) = self.seen.note(user);
        if let Some(user) = forgotten {
            out.store(Change::Unseen { app: self.app, user });
        }
        if is_new {
            out.store(Change::Seen { app: self.app, user: user.clone() });
        }
    }

    /// Everybody that is listed, has logged in before, or is there.
    fn known_users(&self) -> BTreeSet<UserId> {
        let seen = self.seen.after(Bound::Unbounded);
        self.settings.users.iter().chain(seen).chain(self.present.keys()).cloned().collect()
    }

    fn tell_watchers(&self, user: &UserId, device: Option<&DeviceId>, online: bool, out: &mut Outbox) {
        for session in self.watchers.of(user) {
            out.say(session, Message::Presence { user: user.clone(), device: device.cloned(), online });
        }
    }
}
