//! The ticket: is it there, is it ours, and for how long?

use callbox_core::ticket::{self, Claims};

use super::finding::Finding;
use super::{Board, unix_now};
use crate::signaling::{Settings, TicketSource};

const SUBJECT: &str = "ticket";
const DAY: u64 = 24 * 60 * 60;
/// A ticket that ends sooner wants a new one soon.
const SOON: u64 = 14 * DAY;

/// As far as it can be told without the app's key; a server is asked for the rest.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let settings = &board.settings.signaling;
    let text = match settings.ticket.ticket(settings.app, &settings.user) {
        Ok(text) => text,
        Err(error) => return vec![Finding::fail(SUBJECT, error.to_string()).fix(remedy(settings))],
    };
    let found = match ticket::read(&text) {
        Ok(claims) => judge(&claims, settings, unix_now()),
        Err(error) => Finding::fail(SUBJECT, error.to_string()).fix(remedy(settings)),
    };
    vec![found]
}

fn judge(claims: &Claims, settings: &Settings, now: u64) -> Finding {
    if claims.app != settings.app || claims.user != settings.user {
        let text = format!(
            "it is for {} of app {}, the configuration for {} of app {}",
            claims.user, claims.app, settings.user, settings.app
        );
        return Finding::fail(SUBJECT, text).fix(remedy(settings));
    }
    if let TicketSource::KeyFile(path) = &settings.ticket {
        return Finding::ok(SUBJECT, format!("made here from {} at each login", path.display()));
    }
    match claims.expires_at().checked_sub(now) {
        None => {
            let text = format!("it expired {} ago", span(now - claims.expires_at()));
            Finding::fail(SUBJECT, text).fix(remedy(settings))
        }
        Some(left) if left < SOON && claims.expire > SOON => {
            Finding::warn(SUBJECT, format!("it expires in {}", span(left))).fix(remedy(settings))
        }
        Some(left) => Finding::ok(SUBJECT, format!("for {} of app {}, for {}", claims.user, claims.app, span(left))),
    }
}

/// How to make a new one, and where to put it.
fn remedy(settings: &Settings) -> String {
    let make =
        format!("callbox ticket make --app {} --user {} --key-file KEY --expire 15552000", settings.app, settings.user);
    match &settings.ticket {
        TicketSource::File(path) => format!("{make} | sudo tee {}", path.display()),
        TicketSource::KeyFile(path) => {
            format!("sudo install -m 600 KEY {} && sudo systemctl restart callbox", path.display())
        }
        TicketSource::Ticket(_) => format!("{make}  # put it into user.ticket"),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} minutes", seconds / 60),
        7200..=172_799 => format!("{} hours", seconds / 3600),
        _ => format!("{} days", seconds / DAY),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use callbox_core::ids::AppId;

    use super::*;
    use crate::doctor::finding::Verdict;
    use crate::signaling::Server;

    fn settings() -> Settings {
        Settings {
            app: AppId(7),
            user: "door".parse().unwrap(),
            device: "panel".parse().unwrap(),
            ticket: TicketSource::File(PathBuf::from("/etc/callbox/ticket")),
            server: Server::Hub("ws://hub/ws".parse().unwrap()),
            standby: None,
        }
    }

    fn claims(user: &str, expire: u64) -> Claims {
        let key = ticket::SecretKey::new("secret").unwrap();
        ticket::read(&ticket::make(AppId(7), &key, &user.parse().unwrap(), 1000, expire)).unwrap()
    }

    #[test]
    fn a_ticket_is_ours_and_valid_or_says_why_not() {
        let verdict = |user, expire, now| judge(&claims(user, expire), &settings(), now).verdict;
        assert_eq!(verdict("door", 100 * DAY, 2000), Verdict::Ok);
        assert_eq!(verdict("door", 3600, 2000), Verdict::Ok, "a short one is renewed by somebody");
        assert_eq!(verdict("door", 100 * DAY, 95 * DAY), Verdict::Warn);
        assert_eq!(verdict("door", 100 * DAY, 101 * DAY), Verdict::Fail);
        assert_eq!(verdict("anna", 100 * DAY, 2000), Verdict::Fail);
    }

    #[test]
    fn the_remedy_can_be_typed() {
        let found = judge(&claims("door", 10), &settings(), 2000);
        assert_eq!(found.text, "it expired 16 minutes ago");
        let fix = found.fix.unwrap();
        assert!(fix.starts_with("callbox ticket make --app 7 --user door") && fix.ends_with("tee /etc/callbox/ticket"));
    }
}
