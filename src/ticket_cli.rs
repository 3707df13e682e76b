//! `callbox ticket`: makes, shows and verifies tickets.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use callbox_core::ids::{AppId, UserId};
use callbox_core::ticket::{self, Claims, Rights, Room, RoomName, RoomRights, SecretKey};
use clap::{Args, Subcommand};
use serde_json::json;

use crate::text_file;

const FIFTY_YEARS: u64 = 50 * 365 * 86_400;

/// Tickets (UserSig v2): what a user logs in with.
#[derive(Clone, Debug, Subcommand)]
pub enum TicketCommand {
    /// Make a ticket and print it, and nothing else
    Make(Make),
    /// Show what a ticket says, without checking its signature
    Show(Show),
    /// Check a ticket: exit status 0, or 1 with the error code and what to do
    Verify(Verify),
}

/// Whose ticket it is.
#[derive(Clone, Debug, Args)]
pub struct Owner {
    /// Number of the app (sdkappid)
    #[arg(long, value_name = "NUMBER")]
    app: u32,
    /// File with the app's secret key
    #[arg(long, value_name = "FILE")]
    key_file: PathBuf,
    /// The user it is for
    #[arg(long)]
    user: UserId,
}

/// Arguments of `callbox ticket make`.
#[derive(Clone, Debug, Args)]
pub struct Make {
    #[command(flatten)]
    owner: Owner,
    /// How long it is valid, from now
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=FIFTY_YEARS))]
    expire: u64,
    /// Room that --rights speak of: a number, or a name
    #[arg(long, requires = "rights", value_name = "ROOM")]
    room: Option<Room>,
    /// Room by name, for a name that is all digits
    #[arg(long, requires = "rights", value_name = "NAME", conflicts_with = "room")]
    room_name: Option<RoomName>,
    /// Rights in the room, added up: 1 create, 2 join, 4 send audio, 8 receive audio, 16 send video, 32 receive video, 64 send
    /// screen, 128 receive screen; 255 all
    #[arg(long, value_name = "BITS")]
    rights: Option<u8>,
}

/// Arguments of `callbox ticket show`.
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// The ticket, or `-`: it comes on standard input, where no list of processes shows it
    token: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Arguments of `callbox ticket verify`.
#[derive(Clone, Debug, Args)]
pub struct Verify {
    #[command(flatten)]
    owner: Owner,
    /// The ticket, or `-`: it comes on standard input, where no list of processes shows it
    token: String,
}

/// Why a command did not do what was asked. Its text goes to standard error.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{path}: {error}: give a file with the secret key on one line")]
    KeyFile { path: String, error: io::Error },
    #[error("{path}: {error}")]
    Key { path: String, error: ticket::BadKey },
    #[error("standard input: {0}")]
    Input(io::Error),
    #[error("--rights needs --room or --room-name: rights are for one room")]
    NoRoom,
    #[error("{code}: {0}", code = .0.code())]
    Ticket(#[from] ticket::TicketError),
}

/// Runs one command at `now_unix` seconds and returns the exit status.
///
/// # Errors
/// Only when writing to `out` or `err` fails.
pub fn run(command: &TicketCommand, now_unix: u64, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<u8> {
    let text = match command {
        TicketCommand::Make(make) => make.run(now_unix),
        TicketCommand::Show(show) => show.run(now_unix),
        TicketCommand::Verify(verify) => verify.run(now_unix),
    };
    match text {
        Ok(text) => out.write_all(text.as_bytes()).map(|()| 0),
        Err(refusal) => writeln!(err, "{refusal}").map(|()| 1),
    }
}

impl Make {
    fn run(&self, now: u64) -> Result<String, Refusal> {
        let (app, user) = (AppId(self.owner.app), &self.owner.user);
        let key = read_key(&self.owner.key_file)?;
        let room = self.room.clone().or_else(|| self.room_name.clone().map(Room::Name));
        let token = match (room, self.rights.map(Rights)) {
            (Some(room), Some(rights)) => ticket::make_with_rights(app, &key, user, now, self.expire, &room, rights),
            (None, None) => ticket::make(app, &key, user, now, self.expire),
            // clap refuses a room without rights.
            _ => return Err(Refusal::NoRoom),
        };
        Ok(token + "\n")
    }
}

impl Show {
    fn run(&self, now: u64) -> Result<String, Refusal> {
        let claims = ticket::read(&token(&self.token)?)?;
        Ok(if self.json { as_json(&claims) } else { as_lines(&claims, now) })
    }
}

impl Verify {
    fn run(&self, now: u64) -> Result<String, Refusal> {
        let key = read_key(&self.owner.key_file)?;
        ticket::verify(AppId(self.owner.app), &key, &self.owner.user, &token(&self.token)?, now)?;
        Ok(String::new())
    }
}

/// The ticket as it was given, or as it comes on standard input.
fn token(given: &str) -> Result<String, Refusal> {
    let text = match given {
        "-" => text_file::read_from(&mut io::stdin().lock()).map_err(Refusal::Input)?,
        given => given.to_owned(),
    };
    Ok(text.trim().to_owned())
}

fn read_key(path: &Path) -> Result<SecretKey, Refusal> {
    let shown = || path.display().to_string();
    let text = text_file::read(path).map_err(|error| Refusal::KeyFile { path: shown(), error })?;
    SecretKey::new(&text).map_err(|error| Refusal::Key { path: shown(), error })
}

fn as_json(claims: &Claims) -> String {
    let rights = claims.rights().ok().flatten().map(|RoomRights { room, rights, expires_at }| {
        let room = match room {
            Room::Number(number) => json!(number),
            Room::Name(name) => json!(name.as_str()),
        };
        json!({ "room": room, "bits": rights.0, "names": rights.names().collect::<Vec<_>>(), "expires_at": expires_at })
    });
    let fields = json!({
        "user": claims.user,
        "app": claims.app,
        "issued_at": claims.issued_at,
        "expire": claims.expire,
        "expires_at": claims.expires_at(),
        "userbuf_hex": claims.userbuf.as_deref().map(hex),
        "rights": rights,
    });
    format!("{fields:#}\n")
}

fn as_lines(claims: &Claims, now: u64) -> String {
    let end = claims.expires_at();
    let state = match end.checked_sub(now) {
        Some(left) => format!("{} left", span(left)),
        None => format!("expired {} ago", span(now - end)),
    };
    let mut lines = vec![
        format!("user     {}", claims.user),
        format!("app      {}", claims.app),
        format!("made     {}", utc(claims.issued_at)),
        format!("expires  {} ({state})", utc(end)),
    ];
    match (claims.rights(), &claims.userbuf) {
        (Ok(Some(RoomRights { room, rights, expires_at })), _) => {
            let form = if matches!(room, Room::Name(_)) { " (by name)" } else { "" };
            lines.push(format!("room     {room}{form}"));
            lines.push(format!("rights   {} ({})", rights.0, rights.names().collect::<Vec<_>>().join(", ")));
            lines.push(format!("         until {}", utc(expires_at.into())));
        }
        (Err(error), Some(bytes)) => lines.push(format!("userbuf  {} ({error})", hex(bytes))),
        _ => {}
    }
    lines.push("The signature is not checked here; `callbox ticket verify` does.\n".to_owned());
    lines.join("\n")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A span in its largest fitting unit.
fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A moment as date and time, and as unix seconds.
fn utc(unix: u64) -> String {
    // The year 9999: what lies beyond has no date of the usual form.
    if unix > 253_402_300_799 {
        return format!("{unix}, in a far future");
    }
    let (days, seconds) = (unix / 86_400, unix % 86_400);
    // Days counted from 1 March of the year 0, in eras of 400 years; a year then ends with its leap day.
    let (era, day_of_era) = ((days + 719_468) / 146_097, (days + 719_468) % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC ({unix})")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(subcommand)]
        command: TicketCommand,
    }

    const NOW: u64 = 1_600_000_000;

    /// Runs a command line with a key file in place of `KEY`: exit status, standard output, standard error.
    fn callbox(now: u64, line: &str) -> (u8, String, String) {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("key");
        fs::write(&key, "abcdef0123456789\n").unwrap();
        fs::write(directory.path().join("empty"), "\n").unwrap();
        let words = line.split_whitespace().map(|word| match word {
            "KEY" => key.display().to_string(),
            "EMPTY" => directory.path().join("empty").display().to_string(),
            other => other.to_owned(),
        });
        let cli = Cli::try_parse_from(std::iter::once("ticket".to_owned()).chain(words));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        match cli {
            Ok(cli) => {
                let status = run(&cli.command, now, &mut out, &mut err).unwrap();
                (status, String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap())
            }
            Err(error) => (2, String::new(), error.to_string()),
        }
    }

    fn made(more: &str) -> String {
        let (status, out, err) = callbox(NOW, &format!("make --app 7 --key-file KEY --user door --expire 60 {more}"));
        assert_eq!((status, err.as_str()), (0, ""));
        assert_eq!(out.lines().count(), 1);
        out
    }

    #[test]
    fn a_made_ticket_verifies_until_it_expires() {
        let token = made("");
        let verify = |now| callbox(now, &format!("verify --app 7 --key-file KEY --user door {token}"));
        assert_eq!(verify(NOW + 60), (0, String::new(), String::new()));
        let (status, out, err) = verify(NOW + 61);
        assert_eq!((status, out.as_str()), (1, ""));
        assert_eq!(err, "70001: the ticket expired 1 s ago: make a new one\n");
    }

    #[test]
    fn a_refusal_has_its_code() {
        let token = made("");
        for (line, code) in [
            (format!("verify --app 8 --key-file KEY --user door {token}"), "70014: "),
            (format!("verify --app 7 --key-file KEY --user flat-3 {token}"), "70013: "),
            (format!("verify --app 7 --key-file KEY --user door {}", &token[..40]), "70003: "),
            (format!("show {}", &token[..40]), "70003: "),
        ] {
            let (status, out, err) = callbox(NOW, &line);
            assert_eq!((status, out.as_str()), (1, ""));
            assert!(err.starts_with(code), "{err}");
        }
    }

    #[test]
    fn show_tells_what_a_ticket_says() {
        let token = made("--room hall --rights 42");
        let (status, out, _) = callbox(NOW + 10, &format!("show {token}"));
        assert_eq!(status, 0);
        let expected = "user     door\n\
            app      7\n\
            made     2020-09-13 12:26:40 UTC (1600000000)\n\
            expires  2020-09-13 12:27:40 UTC (1600000060) (50 s left)\n\
            room     hall (by name)\n\
            rights   42 (join_room, receive_audio, receive_video)\n         \
            until 2020-09-13 12:27:40 UTC (1600000060)\n\
            The signature is not checked here; `callbox ticket verify` does.\n";
        assert_eq!(out, expected);
    }

    #[test]
    fn show_speaks_json_too() {
        let show = |more: &str| {
            let (_, out, _) = callbox(NOW, &format!("show --json {}", made(more)));
            serde_json::from_str::<serde_json::Value>(&out).unwrap()
        };
        let plain = show("");
        assert_eq!((&plain["user"], &plain["app"], &plain["expire"]), (&json!("door"), &json!(7), &json!(60)));
        assert_eq!((&plain["expires_at"], &plain["rights"]), (&json!(NOW + 60), &json!(null)));
        assert_eq!(show("--room 123 --rights 255")["rights"]["room"], json!(123));
        assert_eq!(show("--room-name 123 --rights 255")["rights"]["room"], json!("123"));
    }

    #[test]
    fn a_wrong_command_line_says_what_is_wrong() {
        for (line, expected) in [
            ("make --app 7 --key-file KEY --user a/b --expire 60", "is no user"),
            ("make --app 7 --key-file KEY --user door --expire 0", "--expire"),
            ("make --app 7 --key-file KEY --user door --expire 60 --room hall", "--rights"),
            ("make --app 7 --key-file KEY --user door --expire 60 --rights 1", "--room"),
            ("make --app 7 --key-file KEY --user door --expire 60 --rights 256 --room 1", "--rights"),
            ("make --app 7 --key-file KEY --user door --expire 60 --rights 1 --room 0", "no room"),
            ("make --app 7 --key-file EMPTY --user door --expire 60", "secret key is empty"),
            ("make --app 7 --key-file /nowhere/key --user door --expire 60", "/nowhere/key"),
            ("verify --app 7 --key-file /nowhere/key --user door e", "/nowhere/key"),
        ] {
            let (status, out, err) = callbox(NOW, line);
            assert_ne!(status, 0, "{line}");
            assert_eq!(out, "");
            assert!(err.contains(expected), "{line}: {err}");
        }
    }

    #[test]
    fn dates_are_right() {
        for (unix, date) in [
            (0, "1970-01-01 00:00:00"),
            (951_782_399, "2000-02-28 23:59:59"),
            (951_782_400, "2000-02-29 00:00:00"),
            (951_868_800, "2000-03-01 00:00:00"),
            (4_107_542_400, "2100-03-01 00:00:00"),
            (253_402_300_799, "9999-12-31 23:59:59"),
        ] {
            assert_eq!(utc(unix), format!("{date} UTC ({unix})"));
        }
        assert!(utc(u64::MAX).contains("far future"));
    }
}
