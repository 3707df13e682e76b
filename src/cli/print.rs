//! What goes to the terminal.

use std::io::{self, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use super::REFUSED;
use crate::daemon::EncoderTrial;
use crate::ticket_cli::{self, TicketCommand};

/// One text and a line end. A reader that went away (`| head`) is no failure of ours, but it ends the command.
pub(super) fn out(text: &str) -> u8 {
    match writeln!(io::stdout().lock(), "{text}") {
        Ok(()) => 0,
        Err(_) => REFUSED,
    }
}

/// A message for the person at the terminal; gives the exit status it was given.
pub(super) fn complain(what: &dyn std::fmt::Display, status: u8) -> u8 {
    for line in what.to_string().lines() {
        // Nobody can be told that standard error is closed.
        let _closed = writeln!(io::stderr().lock(), "callbox: {line}");
    }
    status
}

/// `callbox ticket …`
pub(super) fn ticket(command: &TicketCommand) -> u8 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match ticket_cli::run(command, now, &mut io::stdout().lock(), &mut io::stderr().lock()) {
        Ok(status) => status,
        Err(error) => complain(&error, REFUSED),
    }
}

/// What an encoder did when it was tried.
pub(super) fn trial(trial: &Result<EncoderTrial, String>) -> u8 {
    match trial {
        Ok(trial) => {
            let told = out(&serde_json::json!(trial).to_string());
            if trial.works { told } else { REFUSED }
        }
        Err(error) => complain(error, REFUSED),
    }
}
