//! The examinations that touch drivers and plug-ins: this program once more, with a deadline, answering in JSON.

use std::io::{self, Write};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::child::{self, ChildError};
use crate::config::Settings;
use crate::media::{self, checkup};
use crate::text_file;

/// What is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probe<'a> {
    /// GStreamer's version and what is installed.
    Inventory,
    /// One encoder, by its element's name.
    Encoder(&'a str),
    Camera,
    Sound,
    /// What of the speaker comes back to the microphone.
    Echo,
    Screen,
}

/// Reading all plug-ins anew takes a slow board half a minute.
const INVENTORY: Duration = Duration::from_secs(60);
const DEVICE: Duration = Duration::from_secs(15);

impl<'a> Probe<'a> {
    fn name(self) -> String {
        match self {
            Self::Inventory => "inventory".to_owned(),
            Self::Encoder(factory) => format!("encoder:{factory}"),
            Self::Camera => "camera".to_owned(),
            Self::Sound => "sound".to_owned(),
            Self::Echo => "echo".to_owned(),
            Self::Screen => "screen".to_owned(),
        }
    }

    fn parse(text: &'a str) -> Option<Self> {
        Some(match text {
            "inventory" => Self::Inventory,
            "camera" => Self::Camera,
            "sound" => Self::Sound,
            "echo" => Self::Echo,
            "screen" => Self::Screen,
            other => Self::Encoder(other.strip_prefix("encoder:")?),
        })
    }

    fn limit(self) -> Duration {
        if self == Self::Inventory { INVENTORY } else { DEVICE }
    }
}

/// Asks, and waits until the deadline.
pub(super) fn ask<T: DeserializeOwned>(probe: Probe<'_>, config: &Path) -> Result<T, String> {
    let text = std::env::current_exe().map_err(ChildError::Start).and_then(|program| {
        let name = probe.name();
        let mut command = Command::new(program);
        command.args(["doctor", "--probe", &name, "--config"]).arg(config);
        child::run(&mut command, probe.limit())
    });
    let text = match text {
        Err(ChildError::Start(_)) => on_a_thread(probe, config),
        text => text.map_err(|error| error.to_string()),
    }?;
    serde_json::from_str::<Result<T, String>>(&text).map_err(|error| format!("answers strangely: {error}"))?
}

/// Where no second process is to be had. What hangs then stays until the end.
fn on_a_thread(probe: Probe<'_>, config: &Path) -> Result<String, String> {
    let (tell, told) = sync_channel(1);
    let (name, config) = (probe.name(), config.to_owned());
    thread::spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = tell.try_send(answer(&name, &config));
    });
    told.recv_timeout(probe.limit()).map_err(|_| ChildError::Hangs(probe.limit()).to_string())
}

/// The other side: examines, and prints the answer.
pub(super) fn serve(what: &str, config: &Path) -> u8 {
    match writeln!(io::stdout().lock(), "{}", answer(what, config)) {
        Ok(()) => 0,
        Err(_closed) => 1,
    }
}

fn answer(what: &str, config: &Path) -> String {
    let settings = text_file::read(config)
        .ok()
        .and_then(|text| Settings::parse(config, &text, config.parent().map(Path::to_owned).unwrap_or_default()).ok())
        .map_or_else(media::Settings::default, |settings| settings.media);
    let answer = match Probe::parse(what) {
        Some(Probe::Inventory) => as_json(checkup::inventory(&settings)),
        Some(Probe::Encoder(factory)) => as_json(checkup::encoder(factory)),
        Some(Probe::Camera) => as_json(checkup::camera(&settings)),
        Some(Probe::Sound) => as_json(checkup::sound(&settings)),
        Some(Probe::Echo) => as_json(media::measure_echo(&settings)),
        Some(Probe::Screen) => as_json(checkup::screen(&settings)),
        None => as_json(Err::<(), _>(format!("nothing is called `{what}`"))),
    };
    answer.unwrap_or_else(|error| format!("{{\"Err\":\"{}\"}}", error.to_string().replace('"', "'")))
}

fn as_json<T: serde::Serialize>(found: Result<T, String>) -> serde_json::Result<String> {
    serde_json::to_string(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_is_read_as_it_is_written() {
        for probe in
            [Probe::Inventory, Probe::Encoder("vp8enc"), Probe::Camera, Probe::Sound, Probe::Echo, Probe::Screen]
        {
            assert_eq!(Probe::parse(&probe.name()), Some(probe));
        }
        assert_eq!(Probe::parse("weather"), None);
    }
}
