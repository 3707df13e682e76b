//! The running daemon, if there is one: it holds the devices in a call, and knows how signalling is.

use std::io;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::finding::Finding;
use crate::config::Settings;
use crate::control::{Client, ClientError, Request};

const SUBJECT: &str = "daemon";
const LIMIT: Duration = Duration::from_secs(3);

/// What the daemon says of itself.
pub(super) enum Daemon {
    /// Its status.
    Runs(Value),
    /// There is none, for this reason.
    Absent(String),
    /// There may be one that cannot be asked, for this reason.
    Silent(String),
    /// There is no configuration to find it by.
    Unknown,
}

impl Daemon {
    /// Asks over the control socket.
    pub(super) fn ask(settings: Option<&Settings>) -> Self {
        let Some(settings) = settings else { return Self::Unknown };
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => return Self::Silent(error.to_string()),
        };
        let status = async {
            let socket = &settings.control.socket;
            let mut client = Client::connect(socket).await.map_err(|error| Self::unreached(socket, &error))?;
            client.ask(&Request::Status {}).await.map_err(|error| Self::Silent(error.to_string()))
        };
        match runtime.block_on(async { tokio::time::timeout(LIMIT, status).await }) {
            Ok(Ok(answer)) => Self::Runs(answer.body.into_iter().collect()),
            Ok(Err(other)) => other,
            Err(_) => Self::Silent(format!("no answer within {} s", LIMIT.as_secs())),
        }
    }

    /// A socket that may not be opened says nothing of the daemon behind it.
    fn unreached(socket: &Path, error: &ClientError) -> Self {
        match error {
            ClientError::Unreachable { source, .. }
                if matches!(source.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                Self::Absent(format!("nobody listens at {}", socket.display()))
            }
            ClientError::Unreachable { source, .. } => Self::Silent(format!("{}: {source}", socket.display())),
            error => Self::Silent(error.to_string()),
        }
    }

    /// How its signalling is; none: it does not say.
    pub(super) fn signaling(&self) -> Option<&Value> {
        match self {
            Self::Runs(status) => status.get("signaling"),
            Self::Absent(_) | Self::Silent(_) | Self::Unknown => None,
        }
    }

    /// Whether nobody holds the device's session at a server.
    pub(super) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent(_))
    }

    /// Whether a call has the devices now.
    pub(super) fn is_in_a_call(&self) -> bool {
        matches!(self, Self::Runs(status) if status["view"]["phase"].as_str().is_some_and(|phase| phase != "idle"))
    }

    /// The addresses of the STUN and TURN servers that the server named.
    pub(super) fn ice_urls(&self) -> Vec<String> {
        let Self::Runs(status) = self else { return Vec::new() };
        let urls = status["ice_servers"].as_array().into_iter().flatten();
        urls.filter_map(|url| url.as_str().map(str::to_owned)).collect()
    }

    /// How it is.
    pub(super) fn finding(&self) -> Finding {
        match self {
            Self::Unknown => Finding::warn(SUBJECT, "unknown without a configuration"),
            Self::Absent(error) => {
                Finding::warn(SUBJECT, format!("does not run: {error}")).fix("sudo systemctl enable --now callbox")
            }
            Self::Silent(error) => Finding::warn(SUBJECT, format!("cannot be asked: {error}"))
                .fix("sudo callbox doctor; journalctl -u callbox -n 50"),
            Self::Runs(status) => {
                let (signaling, phase) = (&status["signaling"], status["view"]["phase"].as_str().unwrap_or("?"));
                if signaling["state"] == "up" {
                    return Finding::ok(SUBJECT, format!("runs, logged in, {phase}"));
                }
                let error = signaling["last_error"].as_str().unwrap_or("still connecting");
                Finding::fail(SUBJECT, format!("runs, not logged in: {error}")).fix("journalctl -u callbox -n 50")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::doctor::finding::Verdict;

    #[test]
    fn what_it_says_is_judged() {
        let status = |state: &str, phase: &str| {
            Daemon::Runs(
                json!({ "signaling": { "state": state }, "view": { "phase": phase }, "ice_servers": ["stun:a"] }),
            )
        };
        assert_eq!(status("up", "idle").finding().verdict, Verdict::Ok);
        assert_eq!(status("waiting", "idle").finding().verdict, Verdict::Fail);
        assert_eq!(Daemon::Absent("x".into()).finding().verdict, Verdict::Warn);
        assert!(status("up", "talking").is_in_a_call() && !status("up", "idle").is_in_a_call());
        assert_eq!(status("up", "idle").ice_urls(), ["stun:a"]);
    }
}
