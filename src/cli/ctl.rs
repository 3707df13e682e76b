//! `callbox ctl`: asks a running daemon.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use base64::Engine;
use callbox_core::ids::{CallId, UserId};
use callbox_core::protocol::Media;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use super::print::{complain, out};
use super::{REFUSED, UNREACHABLE, USAGE};
use crate::control::{Answer, Client, ClientError, DEFAULT_SOCKET, Picture, Request, Volume};

#[derive(Debug, Args)]
pub(super) struct CtlArgs {
    /// The daemon's control socket
    #[arg(long, global = true, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    socket: PathBuf,
    /// Print the daemon's answer as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything there is to know
    Status,
    /// Ring one user, or several at once: the first to accept wins
    Call {
        /// The users
        #[arg(required = true, num_args = 1..=callbox_core::protocol::MAX_CALLEES)]
        users: Vec<UserId>,
        /// Voice only
        #[arg(long)]
        audio: bool,
        /// Everybody who accepts is in, up to six devices
        #[arg(long)]
        group: bool,
    },
    /// Ring more users while you talk: everybody who accepts is in
    Add {
        /// The users
        #[arg(required = true, num_args = 1..=callbox_core::protocol::MAX_CALLEES)]
        users: Vec<UserId>,
    },
    /// Join a group call that this device missed or left
    Join {
        /// Which call; without it, the newest
        call: Option<CallId>,
    },
    /// Pick up
    Accept,
    /// Decline
    Reject,
    /// End, or give up, the call
    Hangup,
    /// Stop sending the microphone, or send it again
    Mute {
        /// Muted or not
        state: Switch,
    },
    /// Send the camera, or stop sending it
    Camera {
        /// Sent or not
        state: Switch,
    },
    /// Let nobody ring, let them ring again, or say which holds
    Dnd {
        /// What is wanted
        state: DndState,
    },
    /// Open the door: this panel's own, or the one at the other end of the call
    Unlock,
    /// Make the speaker louder or quieter, until the call is over
    Volume {
        /// 0 to 100, + or -
        #[arg(value_parser = volume, allow_hyphen_values = true)]
        change: Volume,
    },
    /// Save a picture
    Snapshot {
        /// Which picture
        picture: Which,
        /// Where to; -: standard output
        file: PathBuf,
    },
    /// Print every event as a line of JSON, until interrupted
    Monitor,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum DndState {
    On,
    Off,
    Status,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Which {
    Camera,
    Screen,
}

/// Asks, prints, gives the exit status.
pub(super) fn ctl(args: CtlArgs) -> u8 {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, REFUSED),
    };
    match runtime.block_on(converse(&args)) {
        Ok(status) => status,
        Err(error @ ClientError::Unreachable { .. }) => complain(&error, UNREACHABLE),
        Err(error) => complain(&error, REFUSED),
    }
}

async fn converse(args: &CtlArgs) -> Result<u8, ClientError> {
    let mut client = Client::connect(&args.socket).await?;
    let answer = client.ask(&request(&args.command)).await?;
    if args.json {
        out(&serde_json::to_string(&answer)?);
    }
    if !answer.ok {
        let why = answer.error.as_deref().unwrap_or("refused");
        return Ok(if args.json { REFUSED } else { complain(&why, REFUSED) });
    }
    match &args.command {
        Command::Snapshot { file, .. } => Ok(save(&answer, file)),
        Command::Volume { .. } if !args.json => {
            Ok(answer.body.get("volume").map_or(0, |percent| out(&format!("volume {percent}"))))
        }
        Command::Monitor => {
            while let Some(line) = client.event().await? {
                if out(&line) != 0 {
                    break;
                }
            }
            Ok(0)
        }
        _ if args.json => Ok(0),
        Command::Status => Ok(out(&status(&answer.body.into_iter().collect()))),
        Command::Dnd { .. } => Ok(out(&quiet(answer.body.get("view")))),
        Command::Unlock => Ok(out("the door is unlocked")),
        _ => Ok(answer.body.get("view").map_or(0, |view| out(&phase(view)))),
    }
}

fn request(command: &Command) -> Request {
    match command {
        Command::Status => Request::Status {},
        Command::Call { users, audio, group } => {
            let (users, media) = (users.clone(), if *audio { Media::Audio } else { Media::Video });
            if *group { Request::CallGroup { users, media } } else { Request::Call { users, media } }
        }
        Command::Add { users } => Request::Add { users: users.clone() },
        Command::Join { call } => Request::Join { call: call.clone() },
        Command::Accept => Request::Accept {},
        Command::Reject => Request::Reject {},
        Command::Hangup => Request::Hangup {},
        Command::Mute { state } => Request::Mute { on: *state == Switch::On },
        Command::Camera { state } => Request::Camera { on: *state == Switch::On },
        Command::Dnd { state: DndState::Status } => Request::Status {},
        Command::Dnd { state } => Request::DoNotDisturb { on: *state == DndState::On },
        Command::Unlock => Request::Unlock {},
        Command::Volume { change } => Request::Volume { change: *change },
        Command::Snapshot { picture: Which::Camera, .. } => Request::Snapshot { picture: Picture::Camera },
        Command::Snapshot { picture: Which::Screen, .. } => Request::Snapshot { picture: Picture::Screen },
        Command::Monitor => Request::Monitor {},
    }
}

fn save(answer: &Answer, file: &std::path::Path) -> u8 {
    let data = answer.body.get("data").and_then(Value::as_str).unwrap_or_default();
    match base64::engine::general_purpose::STANDARD.decode(data) {
        Ok(bytes) => match write(file, &bytes) {
            Ok(()) => 0,
            Err(error) => complain(&format!("{}: {error}", file.display()), USAGE),
        },
        Err(error) => complain(&format!("the picture is not understood: {error}"), REFUSED),
    }
}

fn write(file: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
    if file == std::path::Path::new("-") {
        return std::io::stdout().lock().write_all(bytes);
    }
    // A picture of whoever is at the door: for its owner only.
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
    file.write_all(bytes)
}

/// `+`, `-`, or a percentage.
fn volume(text: &str) -> Result<Volume, String> {
    match text {
        "+" => Ok(Volume::Up),
        "-" => Ok(Volume::Down),
        _ => match text.parse() {
            Ok(percent) if percent <= 100 => Ok(Volume::To(percent)),
            _ => Err("0 to 100, + or -".to_owned()),
        },
    }
}

/// Whether anybody may ring, in one line.
fn quiet(view: Option<&Value>) -> String {
    view.and_then(|view| view["quiet"].as_str()).map_or("off".to_owned(), |reason| format!("on ({reason})"))
}

/// Where a view stands, in one line.
fn phase(view: &Value) -> String {
    let phase = view["phase"].as_str().unwrap_or("?");
    match view["call"]["call"].as_str() {
        Some(call) => format!("{phase} {call}"),
        None => phase.to_owned(),
    }
}

/// The status for a person: dotted names, one a line; lists and tables unfolded.
fn status(answer: &Value) -> String {
    let mut lines = Vec::new();
    unfold("", answer, &mut lines);
    lines.join("\n")
}

fn unfold(name: &str, value: &Value, lines: &mut Vec<String>) {
    let join = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(part, value)| unfold(&join(part), value, lines)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| unfold(&join(&index.to_string()), value, lines));
        }
        Value::String(text) => lines.push(format!("{name:<40} {text}")),
        value => lines.push(format!("{name:<40} {value}")),
    }
}
