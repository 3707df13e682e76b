//! The hub, or the brokers: reached, and would they let us in?

use std::time::{Duration, SystemTime};

use super::Board;
use super::finding::Finding;
use crate::signaling::{Entry, Knock, Server, knock};

/// Names, connection, TLS and login together.
const LIMIT: Duration = Duration::from_secs(15);
/// A clock that is further off makes fresh tickets invalid.
const APART: Duration = Duration::from_secs(60);

/// Knocks at each server; nobody is logged in by it.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let settings = &board.settings.signaling;
    let subject = match settings.server {
        Server::Hub(_) => "hub",
        Server::Brokers(_) => "broker",
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::fail(subject, error.to_string())],
    };
    let knocks = runtime.block_on(async { tokio::time::timeout(LIMIT, knock(settings)).await });
    // A look-up of a name cannot be broken off; nobody waits for it.
    runtime.shutdown_background();
    match knocks {
        Ok(knocks) => knocks.iter().flat_map(|knock| judge(subject, knock, SystemTime::now())).collect(),
        Err(_) => {
            let text = format!("no answer within {} s", LIMIT.as_secs());
            vec![Finding::fail(subject, text).fix("ip route; resolvectl status")]
        }
    }
}

fn judge(subject: &'static str, knock: &Knock, now: SystemTime) -> Vec<Finding> {
    let url = &knock.url;
    let mut findings = vec![match &knock.entry {
        Entry::Open => Finding::ok(subject, format!("{url} is there and takes the ticket")),
        Entry::NoTicket => Finding::warn(subject, format!("{url} is there; whether it lets us in needs a ticket")),
        Entry::Refused { code: Some(70003), text } => {
            Finding::fail(subject, format!("{url} refuses: {text}")).fix("sudo timedatectl set-ntp true")
        }
        Entry::Refused { text, .. } => Finding::fail(subject, format!("{url} refuses: {text}")).fix(
            "callbox ticket verify --app APP --user USER --key-file KEY TICKET  # with the key of the server's app",
        ),
        Entry::Unreached(error) => {
            Finding::fail(subject, format!("{url} is not reached: {error}")).fix(remedy(url, error))
        }
    }];
    for address in &knock.silent {
        let text = format!("{address}, one address of {url}, does not answer; another one does");
        findings.push(Finding::warn(subject, text).fix(format!("ping -c 3 {}; ip route", address.ip())));
    }
    if let Some(its) = knock.clock {
        let apart = its.duration_since(now).unwrap_or_else(|early| early.duration());
        if apart > APART {
            let text = format!("{} s from the clock of {url}", apart.as_secs());
            findings.push(Finding::fail("clock", text).fix("sudo timedatectl set-ntp true"));
        }
    }
    findings
}

/// What to try, by how far it came.
fn remedy(url: &str, error: &str) -> String {
    let host = url.split("://").last().and_then(|rest| rest.split(['/', ':']).next()).unwrap_or_default();
    let has = |parts: &[&str]| parts.iter().any(|part| error.to_lowercase().contains(part));
    if has(&["certificate", "tls"]) {
        return "sudo apt install --reinstall ca-certificates && sudo update-ca-certificates".to_owned();
    }
    if has(&["look up", "resolve", "name or service", "dns"]) {
        return format!("getent hosts {host}; resolvectl status");
    }
    if has(&["refused"]) {
        return format!("ssh {host} sudo systemctl status callbox-hub mosquitto");
    }
    format!("ping -c 3 {host}; ip route")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn knocked(entry: Entry) -> Vec<Finding> {
        judge(
            "hub",
            &Knock { url: "wss://hub.example:1/ws".into(), entry, clock: None, silent: Vec::new() },
            SystemTime::now(),
        )
    }

    #[test]
    fn the_remedy_fits_how_far_it_came() {
        let fix = |error: &str| knocked(Entry::Unreached(error.into())).remove(0).fix.unwrap();
        assert!(fix("cannot look up hub.example: Name or service not known").starts_with("getent hosts hub.example"));
        assert!(fix("Connection refused (os error 111)").contains("systemctl status"));
        assert!(fix("invalid peer certificate: UnknownIssuer").contains("update-ca-certificates"));
        assert!(fix("no answer in 10 s").starts_with("ping"));
    }

    #[test]
    fn a_clock_that_is_off_is_told_beside_the_rest() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let knock =
            |clock| Knock { url: "ws://h/ws".into(), entry: Entry::Open, clock: Some(clock), silent: Vec::new() };
        let at = |clock| judge("hub", &knock(clock), now);
        assert_eq!(at(now + Duration::from_secs(3)).len(), 1);
        assert_eq!(at(now - Duration::from_secs(7200))[1].verdict, Verdict::Fail);
    }
}
