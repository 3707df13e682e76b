//! `[user]`: who we are and what proves it; with `[signaling]`, all that this edge needs.

use std::path::PathBuf;

use callbox_core::ids::{AppId, DeviceId};
use callbox_core::ticket;

use super::check::Check;
use super::{raw, server};
use crate::signaling::{Settings, TicketSource};

const ID: &str = "1 to 32 of A-Z a-z 0-9 _ -";
const SOURCES: &str = "one of user.ticket, user.ticket_file, user.key_file";

/// Reads both tables.
pub(super) fn signaling(check: &mut Check<'_>, user: &raw::User, signaling: &raw::Signaling) -> Option<Settings> {
    let app = match &user.app {
        Some(number) => Some(AppId(check.number("user.app", Some(number), 1..=u32::MAX, 1))),
        None => {
            check.missing("user.app", "the app's number (sdkappid)");
            None
        }
    };
    let name = match &user.user {
        Some(text) => check.parse("user.user", text, ID),
        None => {
            check.missing("user.user", ID);
            None
        }
    };
    let device = match &user.device {
        Some(text) => check.parse("user.device", text, ID),
        None => "panel".parse::<DeviceId>().ok(),
    };
    let ticket = ticket_source(check, user);
    let (server, standby) = server::servers(check, signaling);
    Some(Settings { app: app?, user: name?, device: device?, ticket: ticket?, server: server?, standby })
}

fn ticket_source(check: &mut Check<'_>, user: &raw::User) -> Option<TicketSource> {
    match (&user.ticket, &user.ticket_file, &user.key_file) {
        (Some(text), None, None) => check.filled("user.ticket", text, "a ticket").map(TicketSource::Ticket),
        (None, Some(path), None) => check.secret("user.ticket_file", path).map(TicketSource::File),
        (None, None, Some(path)) => check.secret("user.key_file", path).map(TicketSource::KeyFile),
        (None, None, None) => {
            check.missing("user.ticket", SOURCES);
            None
        }
        (ticket, file, key) => {
            let second = if key.is_some() { key } else { file };
            let span = second.as_ref().or(ticket.as_ref()).map(|text| text.span()).unwrap_or_default();
            check.wrong("user", span, "more than one source of the ticket", SOURCES);
            None
        }
    }
}

/// Checks what proves who we are, as far as it can be told here: files are there, the ticket is ours and not over.
pub(super) fn check_ticket(check: &mut Check<'_>, settings: &Settings, now_unix: u64) {
    let (key, path): (_, Option<PathBuf>) = match &settings.ticket {
        TicketSource::Ticket(_) => ("user.ticket", None),
        TicketSource::File(path) => ("user.ticket_file", Some(path.clone())),
        TicketSource::KeyFile(path) => ("user.key_file", Some(path.clone())),
    };
    let at = check.place_of(key);
    let text = match settings.ticket.ticket(settings.app, &settings.user) {
        Ok(text) => text,
        Err(error) => return check.wrong(key, at, error, "a file that this service can read"),
    };
    let claims = match ticket::read(&text) {
        Ok(claims) => claims,
        Err(error) => return check.wrong(key, at, error, "a ticket, as `callbox ticket make` prints it"),
    };
    if claims.app != settings.app {
        let found = format!("a ticket of app {}", claims.app);
        check.wrong(key, at, found, &format!("one of app {}: make a new ticket, or correct user.app", settings.app));
    } else if claims.user != settings.user {
        let found = format!("a ticket of user {}", claims.user);
        check.wrong(key, at, found, &format!("one of user {}: make a new ticket, or correct user.user", settings.user));
    } else if path.is_none() && now_unix > claims.expires_at() {
        // A file may be renewed while we run; a ticket in the configuration will not.
        check.wrong(key, at, "a ticket that has expired", "one that is valid: make a new one, or use user.ticket_file");
    }
}
