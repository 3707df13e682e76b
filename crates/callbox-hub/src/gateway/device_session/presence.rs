//! Answers a device about who is there: `watch`, `list`, and changes of presence.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::time::Instant;

use callbox_core::ids::{Address, DeviceId, EnvelopeId, UserId};
use callbox_core::protocol::{ListedUser, Message, ResultCode};

use super::super::watching::Focus;
use super::{DeviceSession, Effect};
use crate::switchboard::{MAX_EVERYBODY, Page, Query, Wish};

impl DeviceSession {
    /// The device asks to be told of these users from now on.
    pub(super) fn watch(&mut self, now: Instant, id: EnvelopeId, users: &[String]) {
        let wish = match Wish::parse(users) {
            Ok(wish) => wish,
            Err(text) => return self.result(ResultCode::BadMessage, &id, None, text),
        };
        if let Some(older) = self.watching.due.replace(id) {
            self.result(ResultCode::Ok, &older, None, "replaced by a newer `watch`");
        }
        self.watching.wish = Some(wish);
        self.refocus();
        self.settle(now);
    }

    /// One page of the configured names: a broker lists nobody. Who is there is known of those alone that are watched.
    pub(super) fn list(&mut self, re: EnvelopeId, query: &Query) {
        let behind = query.after.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let Page { names, after } = query.page(self.users.range((behind, Bound::Unbounded)));
        let online = |user: &UserId| self.watching.tells(user).then(|| self.presence.devices(user).next().is_some());
        let users = names.into_iter().map(|user| ListedUser { online: online(&user), user }).collect();
        self.say(Message::Listed { re, users, after });
    }

    /// Answers a `watch`: the state now, then `ok`.
    pub(super) fn tell_state(&mut self) {
        let Some(id) = self.watching.due.take() else { return };
        let names: BTreeSet<UserId> = match &self.watching.wish {
            Some(Wish::Users(users)) => users.clone(),
            Some(Wish::Everybody) => self.users.iter().chain(self.presence.users()).cloned().collect(),
            None => BTreeSet::new(),
        };
        for user in names {
            let devices: Vec<DeviceId> = self.presence.devices(&user).cloned().collect();
            if devices.is_empty() {
                self.say(Message::Presence { user: user.clone(), device: None, online: false });
            }
            for device in devices {
                self.say(Message::Presence { user: user.clone(), device: Some(device), online: true });
            }
        }
        self.result(ResultCode::Ok, &id, None, "");
    }

    /// Devices came or went: tells of those that are watched.
    pub(super) fn changed(&mut self, changes: Vec<(Address, bool)>) {
        for (Address { user, device }, online) in changes {
            if !self.watching.tells(&user) {
                continue;
            }
            let is_last = !online && self.presence.devices(&user).next().is_none();
            self.say(Message::Presence { user: user.clone(), device: Some(device), online });
            if is_last {
                self.say(Message::Presence { user, device: None, online: false });
            }
        }
    }

    /// Everybody is watched only where they are not too many.
    pub(super) fn stay_bounded(&mut self) {
        let devices = self.presence.count();
        if devices <= MAX_EVERYBODY || self.watching.wish != Some(Wish::Everybody) {
            return;
        }
        self.watching.wish = None;
        let text = format!("more than {MAX_EVERYBODY} devices are there, `*` shows no more: name those to watch");
        let re = self.watching.due.take();
        self.say(Message::Result { re, code: ResultCode::Forbidden, call: None, text });
        self.refocus();
    }

    /// Asks the broker for those, and only those, whose presence is needed now.
    pub(super) fn refocus(&mut self) {
        let Some(focus) = &mut self.focus else { return };
        let wanted = self.watching.focus(self.asked.users());
        if wanted == *focus {
            return;
        }
        if let Focus::Users(users) = &wanted {
            self.presence.watch(&users.iter().cloned().collect::<Vec<_>>());
        }
        *focus = wanted.clone();
        self.settling.asked();
        self.effects.push_back(Effect::Watch(wanted));
    }
}
