//! The pipelines of the devices: started when a call begins, mended when one fails, stopped after it.

mod encoders;
mod faults;

use std::thread;
use std::time::Instant;

use callbox_core::protocol::Media;
use gstreamer as gst;

use super::audio::Audio;
use super::board::Pipelines;
use super::camera::{Capture, Known};
use super::encode::Encode;
use super::fault_text::{Failure, camera_sentence};
use super::inbox::{Inbox, Note, PipelineId};
use super::outbox::{Device, Outbox};
use super::screen::{Display, size};
use super::settings::{Microphone, Settings, Speaker};
use super::still;

use encoders::Demoted;
use faults::Trouble;

/// What has to be joined anew after a pipeline was rebuilt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rebuilt {
    pub(crate) audio: bool,
    pub(crate) screen: bool,
    pub(crate) encoder: bool,
}

/// The device pipelines that run.
pub(crate) struct Devices {
    pub(crate) audio: Option<Audio>,
    pub(crate) display: Option<Display>,
    encoders: Vec<Encode>,
    capture: Option<Capture>,
    /// What is known of the camera from its last pipelines.
    camera: Known,
    settings: Settings,
    idle: Option<gst::Sample>,
    inbox: Inbox,
    running: Option<Media>,
    troubles: Vec<Trouble>,
    demoted: Demoted,
}

impl Devices {
    /// Nothing runs yet.
    pub(crate) fn new(settings: Settings, inbox: Inbox) -> Self {
        Self {
            audio: None,
            display: None,
            encoders: Vec::new(),
            capture: None,
            camera: Known::default(),
            settings,
            idle: None,
            inbox,
            running: None,
            troubles: Vec::new(),
            demoted: Demoted::default(),
        }
    }

    /// Nobody calls yet: the screen shows the idle picture, if there is one, and the camera runs if it always shall.
    pub(crate) fn begin(&mut self, outbox: &mut Outbox) {
        if self.settings.camera_always {
            self.start_camera(outbox);
        }
        let (Some(path), true) = (self.settings.idle_picture.clone(), self.settings.screen.is_there()) else { return };
        let (size, inbox) = (size(&self.settings), self.inbox.clone());
        // A large picture, or a slow disk, takes seconds.
        let spawned =
            thread::Builder::new().name("idle-picture".into()).spawn(move || match still::load(&path, size) {
                Ok(picture) => inbox.tell(Note::IdlePicture(picture)),
                Err(error) => tracing::warn!(%error, "no idle picture"),
            });
        if let Err(error) = spawned {
            tracing::error!(%error, "no thread to read the idle picture");
        }
    }

    /// The idle picture was read.
    pub(crate) fn take_idle_picture(&mut self, picture: gst::Sample, outbox: &mut Outbox) {
        if let Some(display) = &mut self.display {
            display.rest_with(picture.clone());
        }
        self.idle = Some(picture);
        if self.display.is_none() {
            self.start_screen(outbox);
        }
    }

    /// Starts what a call of this kind needs and does not run yet.
    pub(crate) fn start(&mut self, media: Media, outbox: &mut Outbox) {
        if self.running != Some(Media::Video) {
            self.running = Some(media);
        }
        if self.audio.is_none() {
            self.start_audio(outbox);
        }
        if media == Media::Video {
            if self.capture.is_none() {
                self.start_camera(outbox);
            }
            if self.display.is_none() {
                self.start_screen(outbox);
            }
            if let Err(error) = self.encode(self.settings.codec) {
                self.fault(Device::Encoder, error.to_string(), outbox);
            }
        }
    }

    /// Stops everything.
    pub(crate) fn stop(&mut self) {
        self.running = None;
        self.audio = None;
        self.encoders.clear();
        if !self.settings.camera_always {
            self.capture = None;
        }
        if self.idle.is_none() {
            self.display = None;
        }
        // What goes on without a call goes on being tried, too.
        let (camera, screen) = (self.settings.camera_always, self.idle.is_some());
        self.troubles.retain(|trouble| match trouble.device {
            Device::Camera => camera,
            Device::Screen => screen,
            Device::Microphone | Device::Speaker | Device::Encoder => false,
        });
    }

    /// Stops what goes on without a call, too.
    pub(crate) fn end(&mut self) {
        self.settings.camera_always = false;
        self.idle = None;
        self.stop();
    }

    /// Whether a call runs.
    pub(crate) fn are_running(&self) -> bool {
        self.running.is_some()
    }

    /// A pipeline's first sample came: its device works.
    pub(crate) fn flows(&mut self, id: PipelineId, outbox: &mut Outbox) {
        if self.capture.as_ref().is_some_and(|capture| capture.pipeline.id == id) {
            self.works(Device::Camera, outbox);
        }
    }

    /// A pipeline started. Sound and screen work when they do; a camera only when it gives a frame.
    pub(crate) fn started(&mut self, id: PipelineId, outbox: &mut Outbox) {
        if let Some(display) = self.display.as_mut().filter(|display| display.pipeline.id == id) {
            display.begin();
            self.works(Device::Screen, outbox);
        }
        let audio = self.audio.as_ref().is_some_and(|audio| audio.pipeline.id == id);
        for device in [Device::Microphone, Device::Speaker] {
            let tried = self.troubles.iter().any(|t| t.device == device && t.text.is_empty());
            if audio && tried {
                self.works(device, outbox);
            }
        }
    }

    /// A pipeline failed: says what is to be joined anew.
    pub(crate) fn broke(
        &mut self,
        id: PipelineId,
        element: &str,
        failure: Failure<'_>,
        outbox: &mut Outbox,
    ) -> Rebuilt {
        let mut rebuilt = Rebuilt::default();
        if self.capture.as_ref().is_some_and(|capture| capture.pipeline.id == id) {
            self.lose_camera();
            self.fail(Device::Camera, failure, outbox);
        } else if self.display.as_ref().is_some_and(|display| display.has(id)) {
            self.display = None;
            self.fail(Device::Screen, failure, outbox);
        } else if self.audio.as_ref().is_some_and(|audio| audio.pipeline.id == id) {
            // Sources are named after what they are; anything else in the pipeline hangs on the speaker's clock.
            let device = if element == "microphone" { Device::Microphone } else { Device::Speaker };
            self.fail(device, failure, outbox);
            self.audio = None;
            self.start_audio(outbox);
            rebuilt.audio = true;
        } else if let Some(at) = self.encoders.iter().position(|encode| encode.pipeline.id == id) {
            rebuilt.encoder = self.replace_encoder(at, failure, outbox);
        }
        rebuilt
    }

    /// Tries lost devices again whose time has come.
    pub(crate) fn tick(&mut self, now: Instant, outbox: &mut Outbox) -> Rebuilt {
        let mut rebuilt = Rebuilt::default();
        if let Some(fault) = self.capture.as_mut().and_then(|capture| capture.look(now)) {
            self.lose_camera();
            self.fault(Device::Camera, camera_sentence(&self.settings, fault), outbox);
        }
        let due: Vec<Device> =
            self.troubles.iter_mut().filter_map(|t| t.backoff.is_due(now).then_some(t.device)).collect();
        for device in due {
            match device {
                Device::Camera => self.start_camera(outbox),
                Device::Screen => {
                    self.start_screen(outbox);
                    rebuilt.screen = true;
                }
                Device::Microphone | Device::Speaker => {
                    self.troubles.iter_mut().filter(|t| t.device == device).for_each(|t| t.text.clear());
                    self.audio = None;
                    self.start_audio(outbox);
                    rebuilt.audio = true;
                }
                Device::Encoder => rebuilt.encoder |= self.retry_encoder(outbox),
            }
        }
        rebuilt
    }

    /// Which pipelines run.
    pub(crate) fn pipelines(&self) -> Pipelines {
        Pipelines {
            audio: self.audio.as_ref().is_some_and(|audio| audio.pipeline.is_alive()),
            camera: self.capture.as_ref().is_some_and(|capture| capture.pipeline.is_alive()),
            encode: self.encoders.iter().any(|encode| encode.pipeline.is_alive()),
            screen: self.display.as_ref().is_some_and(|display| display.pipeline.is_alive()),
        }
    }

    /// Raw frames since the camera was started.
    pub(crate) fn capture_frames(&self) -> u64 {
        self.capture.as_ref().map_or(0, Capture::frames)
    }

    /// At most so many of the camera's last pictures, oldest first.
    pub(crate) fn history(&self, most: usize) -> Vec<gst::Sample> {
        self.capture.as_ref().map(|capture| capture.history.pictures(most)).unwrap_or_default()
    }

    /// What each capturing pipeline has given so far.
    pub(crate) fn captured(&self) -> impl Iterator<Item = (PipelineId, u64)> {
        let sound = self.audio.iter().map(|audio| (audio.pipeline.id, audio.captured()));
        sound.chain(self.encoders.iter().map(|encode| (encode.pipeline.id, encode.captured())))
    }

    /// Whether this is the pipeline of the sound.
    pub(crate) fn is_sound(&self, id: PipelineId) -> bool {
        self.audio.as_ref().is_some_and(|audio| audio.pipeline.id == id)
    }

    fn start_audio(&mut self, outbox: &mut Outbox) {
        let mut settings = self.settings.clone();
        let lost = |device| self.troubles.iter().any(|t| t.device == device && !t.text.is_empty());
        if lost(Device::Microphone) {
            settings.microphone = Microphone::None;
        }
        if lost(Device::Speaker) {
            settings.speaker = Speaker::None;
        }
        match Audio::new(&settings, &self.inbox) {
            Ok(audio) => {
                audio.pipeline.start();
                self.audio = Some(audio);
            }
            Err(error) => self.fail(Device::Speaker, Failure { text: &error.to_string(), debug: "" }, outbox),
        }
    }

    fn lose_camera(&mut self) {
        if let Some(capture) = self.capture.take() {
            self.camera.transport = self.camera.transport.after(capture.has_heard());
        }
        self.starve_encoders();
    }

    fn start_camera(&mut self, outbox: &mut Outbox) {
        match Capture::new(&self.settings, &self.camera, &self.inbox) {
            Ok(Some(capture)) => {
                self.capture = Some(capture);
                self.feed_encoders();
                self.capture.iter().for_each(Capture::start);
            }
            Ok(None) => {}
            Err(error) => self.fail(Device::Camera, Failure { text: &error.to_string(), debug: "" }, outbox),
        }
    }

    fn start_screen(&mut self, outbox: &mut Outbox) {
        match Display::new(&self.settings, self.idle.as_ref(), &self.inbox) {
            Ok(Some(display)) => {
                display.pipeline.start();
                self.display = Some(display);
            }
            Ok(None) => {}
            Err(error) => self.fail(Device::Screen, Failure { text: &error.to_string(), debug: "" }, outbox),
        }
    }
}
