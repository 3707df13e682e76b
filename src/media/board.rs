//! What can be known of the media edge from outside: one plain structure, kept up by the owner.

use std::fs;

use serde::Serialize;

use super::encode::EncoderStatus;
use super::link::LinkStatus;
use super::outbox::Device;

/// A QR code that a test screen read.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Seen {
    /// Everything in it.
    pub text: String,
    /// The name in it, when it is one of ours.
    pub name: Option<String>,
    /// The frame number in it, when it is one of ours.
    pub frame: Option<u64>,
    /// When the frame was made, in milliseconds of the maker's process.
    pub made_ms: Option<u64>,
    /// When it was read, in milliseconds of this process.
    pub at_ms: u64,
    /// How many codes were read so far.
    pub count: u64,
}

/// A sound that a test speaker measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Heard {
    /// The loudest frequency.
    pub hz: f64,
    /// Its level.
    pub level_db: f64,
    /// The frequency of every tone in it.
    pub tones: Vec<f64>,
    /// When it was measured, in milliseconds of this process.
    pub at_ms: u64,
    /// How many audible measurements there were so far.
    pub count: u64,
}

/// A device that is lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FaultStatus {
    /// Which.
    pub device: Device,
    /// What happened last.
    pub text: String,
    /// How often it was tried.
    pub failures: u32,
}

/// Which pipelines run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pipelines {
    /// Microphone and speaker.
    pub audio: bool,
    /// The camera.
    pub camera: bool,
    /// The encoder.
    pub encode: bool,
    /// The screen.
    pub screen: bool,
}

/// The media edge as it is now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// The version of GStreamer that runs.
    pub gstreamer: String,
    /// Which pipelines run.
    pub pipelines: Pipelines,
    /// Every pipeline there is, those that are being stopped among them.
    pub pipeline_count: usize,
    /// The encoders in use.
    pub encoders: Vec<EncoderStatus>,
    /// Raw frames of the camera since it was started.
    pub capture_frames: u64,
    /// Pictures that reached the display since the screen was started.
    pub screen_frames: u64,
    /// How loud the speaker is, in percent.
    pub volume: u8,
    /// Each link in figures.
    pub links: Vec<LinkStatus>,
    /// What the test screen sees.
    pub seen: Option<Seen>,
    /// What the test speaker hears.
    pub heard: Option<Heard>,
    /// Devices that are lost.
    pub faults: Vec<FaultStatus>,
    /// Notes that found no room in the inbox.
    pub notes_lost: u64,
    /// A pipeline hangs: the process should finish its calls and restart.
    pub drain: bool,
    /// Milliseconds since the process was warmed up.
    pub at_ms: u64,
    /// Threads of the process.
    pub threads: usize,
    /// Open file descriptors of the process.
    pub descriptors: usize,
}

impl Status {
    /// Adds what is the process's.
    pub(crate) fn with_process(mut self, at_ms: u64) -> Self {
        let entries = |path| fs::read_dir(path).map_or(0, Iterator::count);
        self.threads = entries("/proc/self/task");
        self.descriptors = entries("/proc/self/fd");
        self.at_ms = at_ms;
        self
    }
}

impl Seen {
    /// Reads what a test camera wrote.
    pub(crate) fn read(text: String, at_ms: u64, count: u64) -> Self {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "UPPERCASE")]
        struct Code {
            timestamp: u64,
            buffercount: u64,
            name: String,
        }
        let code = serde_json::from_str::<Code>(&text).ok();
        let (frame, made_ms) = (code.as_ref().map(|c| c.buffercount), code.as_ref().map(|c| c.timestamp / 1_000_000));
        Self { name: code.map(|code| code.name), frame, made_ms, text, at_ms, count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_ours_is_understood_and_another_is_kept() {
        let text = r#"{"TIMESTAMP":46043110,"BUFFERCOUNT":2,"FRAMERATE":"25/1","NAME":"door"}"#;
        let seen = Seen::read(text.into(), 5, 1);
        assert_eq!((seen.frame, seen.made_ms, seen.name.as_deref()), (Some(2), Some(46), Some("door")));
        assert_eq!(Seen::read("hello".into(), 5, 1).frame, None);
    }
}
