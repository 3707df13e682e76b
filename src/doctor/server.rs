//! The hub, or the brokers: reached, and would they let us in?

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Board;
use super::finding::Finding;
use crate::signaling::{Entry, Knock, Server, knock};

/// Names, connection, TLS and login together.
const LIMIT: Duration = Duration::from_secs(15);
/// A clock that is further off makes fresh tickets invalid.
const APART: Duration = Duration::from_secs(60);

/// Knocks at each server. At a broker that would close the connection of a running daemon, which is asked in place of it.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let settings = &board.settings.signaling;
    let subject = match settings.server {
        Server::Hub(_) => "hub",
        Server::Brokers(_) if board.daemon.is_absent() => "broker",
        Server::Brokers(_) => return vec![as_told("broker", board.daemon.signaling())],
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

/// What the daemon says of its connection.
fn as_told(subject: &'static str, signaling: Option<&Value>) -> Finding {
    let Some(signaling) = signaling else {
        let text = "not tried: it would end the session of a daemon that may run and could not be asked";
        return Finding::warn(subject, text).fix("sudo callbox doctor");
    };
    let url = signaling["url"].as_str().unwrap_or("the broker");
    if signaling["state"] == "up" {
        return Finding::ok(subject, format!("{url}: the daemon is logged in"));
    }
    let error = signaling["last_error"].as_str().unwrap_or("still connecting");
    Finding::fail(subject, format!("{url}: the daemon is not logged in: {error}")).fix(remedy(url, error))
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
    use serde_json::json;

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

    #[test]
    fn a_running_daemon_is_asked_about_its_broker() {
        let told = |value: Value| as_told("broker", Some(&value));
        let up = told(json!({ "state": "up", "url": "mqtt://b" }));
        assert_eq!((up.verdict, up.text.as_str()), (Verdict::Ok, "mqtt://b: the daemon is logged in"));
        let lost = told(json!({ "state": "waiting", "url": "mqtt://b", "last_error": "connection refused" }));
        assert_eq!(lost.verdict, Verdict::Fail);
        assert!(lost.text.contains("connection refused") && lost.fix.unwrap().contains("mosquitto"));
        assert_eq!(as_told("broker", None).verdict, Verdict::Warn);
    }
}
