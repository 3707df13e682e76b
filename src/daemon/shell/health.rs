//! What is lost, what is said of it, and whether the daemon lives: for lamps, monitors, logs, `callbox ctl status` and systemd.

use serde_json::json;

use super::{READY, STUCK, Shell};
use crate::daemon::systemd;

impl Shell {
    /// A part is lost: told once, and again when something else is wrong with it.
    pub(super) fn fault(&mut self, part: &str, text: String) {
        if self.outlook.faults().get(part) == Some(&text) {
            return;
        }
        tracing::warn!(part, text, "fault: the rest goes on without this part");
        self.journal.tell("fault", || json!({ "device": part, "text": text }));
        self.outlook.fault(part.to_owned(), text);
        self.show_status();
    }

    /// A part is back, if it was lost.
    pub(super) fn recovered(&mut self, part: &str) {
        if self.outlook.recovered(part) {
            tracing::info!(part, "recovered");
            self.journal.tell("recovered", || json!({ "device": part }));
            self.show_status();
        }
    }

    /// A part is well, or something is wrong with it.
    pub(in crate::daemon) fn judge(&mut self, part: &str, fault: Option<String>) {
        match fault {
            Some(text) => self.fault(part, text),
            None => self.recovered(part),
        }
    }

    /// Pings systemd's watchdog, as long as the edges move too.
    pub(super) fn beat(&mut self) {
        if !self.is_ready && self.started.elapsed() >= READY {
            self.become_ready();
        }
        let signaling = (!self.edges.signaling.moves(STUCK)).then_some("signalling");
        match signaling.or_else(|| self.edges.media.stuck(STUCK)) {
            None => systemd::alive(),
            Some(part) => tracing::error!(part, "this part has not moved for 40 s: not pinging the watchdog"),
        }
    }

    /// Tells systemd that the daemon does what it can.
    pub(in crate::daemon) fn become_ready(&mut self) {
        self.is_ready = true;
        self.told = self.status_line();
        systemd::ready(&self.told);
    }

    /// Tells systemd how things stand, when that has changed.
    pub(super) fn show_status(&mut self) {
        let line = self.status_line();
        if self.is_ready && line != self.told {
            systemd::status(&line);
            self.told = line;
        }
    }

    fn status_line(&self) -> String {
        let signaling = if self.outlook.is_up() { "signalling is up" } else { "signalling is down" };
        let faults: Vec<_> = self.outlook.faults().keys().map(String::as_str).collect();
        if faults.is_empty() { signaling.to_owned() } else { format!("{signaling}; faults: {}", faults.join(", ")) }
    }
}
