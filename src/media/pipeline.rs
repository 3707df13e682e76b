//! One GStreamer pipeline as we run them: shared clock, a bus that forwards to the inbox, an end with a deadline.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

use super::inbox::{BusNote, Inbox, Note, PipelineId};
use super::warm::world;
use super::watch;

/// How long a pipeline may take to stop before the process is marked for drain.
const TEARDOWN: Duration = Duration::from_secs(5);
/// A pipeline that fails to start; what its elements say is more.
pub(crate) const DOES_NOT_START: &str = "does not start";

/// Why a pipeline could not be built or started.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{pipeline}: {text}")]
pub(crate) struct PipelineError {
    pipeline: &'static str,
    text: String,
}

impl PipelineError {
    /// Names the pipeline and what went wrong.
    pub(crate) fn new(pipeline: &'static str, text: impl ToString) -> Self {
        Self { pipeline, text: text.to_string() }
    }
}

/// A pipeline of ours. Dropping it stops it on a thread of its own.
pub(crate) struct Pipeline {
    pub(crate) id: PipelineId,
    name: &'static str,
    inner: gst::Pipeline,
    inbox: Inbox,
    shift: i64,
    /// A thread is opening its devices and holds its state lock: whoever needs that lock would wait for the driver.
    is_starting: Arc<AtomicBool>,
}

impl Pipeline {
    /// Builds a pipeline from a fixed description. Values from outside never go into the text: set them as properties.
    pub(crate) fn parse(name: &'static str, description: &str, inbox: &Inbox) -> Result<Self, PipelineError> {
        let failed = |text: &dyn ToString| PipelineError::new(name, text.to_string());
        let inner = gst::Pipeline::new();
        let bin = gst::parse::bin_from_description(description, false).map_err(|error| failed(&error))?;
        inner.add(&bin).map_err(|error| failed(&error))?;
        Self::adopt(name, inner, inbox)
    }

    /// As [`Self::parse`], with a base time of its own: now. Live mixers start at running time 0 whatever `start-time` says
    /// (until eb825574f4, 1.26), and would first work through all the time since the process was warmed up.
    pub(crate) fn parse_mixer(name: &'static str, description: &str, inbox: &Inbox) -> Result<Self, PipelineError> {
        let mut pipeline = Self::parse(name, description, inbox)?;
        let world = world().map_err(|error| PipelineError::new(name, error))?;
        let age = world.running_time();
        pipeline.inner.set_base_time(world.base_time + age);
        pipeline.shift = -i64::try_from(age.nseconds()).unwrap_or(0);
        Ok(pipeline)
    }

    /// What has to be added to the running time of other pipelines to have this one's: the offset of its inputs.
    pub(crate) fn shift(&self) -> i64 {
        self.shift
    }

    /// An empty pipeline, to be filled by hand.
    pub(crate) fn empty(name: &'static str, inbox: &Inbox) -> Result<Self, PipelineError> {
        Self::adopt(name, gst::Pipeline::new(), inbox)
    }

    fn adopt(name: &'static str, inner: gst::Pipeline, inbox: &Inbox) -> Result<Self, PipelineError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let world = world().map_err(|error| PipelineError::new(name, error))?;
        let id = PipelineId(NEXT.fetch_add(1, Ordering::Relaxed));
        inner.use_clock(Some(&world.clock));
        inner.set_start_time(gst::ClockTime::NONE);
        inner.set_base_time(world.base_time);
        let bus = inner.bus().ok_or_else(|| PipelineError::new(name, "no bus"))?;
        bus.set_sync_handler({
            let inbox = inbox.clone();
            move |_, message| {
                if let Some(note) = watch::read(message) {
                    inbox.tell(Note::Bus(id, note));
                }
                gst::BusSyncReply::Drop
            }
        });
        inbox.born();
        Ok(Self { id, name, inner, inbox: inbox.clone(), shift: 0, is_starting: Arc::default() })
    }

    /// An element by its name in the description.
    pub(crate) fn element(&self, name: &str) -> Result<gst::Element, PipelineError> {
        self.inner.by_name(name).ok_or_else(|| PipelineError::new(self.name, format!("no element `{name}`")))
    }

    /// An element by its name in the description, of a known type.
    pub(crate) fn typed<T: IsA<gst::Element>>(&self, name: &str) -> Result<T, PipelineError> {
        self.element(name)?
            .downcast()
            .map_err(|_| PipelineError::new(self.name, format!("`{name}` is of another type")))
    }

    /// The pipeline itself.
    pub(crate) fn inner(&self) -> &gst::Pipeline {
        &self.inner
    }

    /// Starts it on a thread of its own, because it may wait for a device; the outcome comes as a note.
    pub(crate) fn start(&self) {
        self.start_after(|_| Ok(()));
    }

    /// As [`Self::start`]; first asks the devices what they can do, which may wait for them too.
    pub(crate) fn start_after(&self, prepare: impl FnOnce(&gst::Pipeline) -> Result<(), String> + Send + 'static) {
        let (id, pipeline, inbox) = (self.id, self.inner.clone(), self.inbox.clone());
        let is_starting = Arc::clone(&self.is_starting);
        is_starting.store(true, Ordering::Release);
        let spawned = thread::Builder::new().name("starter".into()).spawn(move || {
            let started = prepare(&pipeline).and_then(|()| {
                pipeline.set_state(gst::State::Playing).map(|_| ()).map_err(|_| DOES_NOT_START.to_owned())
            });
            is_starting.store(false, Ordering::Release);
            if let (Ok(()), Err(error)) = (&started, pipeline.recalculate_latency()) {
                tracing::debug!(%error, "latency not settled after the start");
            }
            inbox.tell(Note::Started(id, started));
        });
        if let Err(error) = spawned {
            self.is_starting.store(false, Ordering::Release);
            self.inbox.tell(Note::Started(id, Err(format!("no thread to start it: {error}"))));
        }
    }

    /// Starts it. Only for pipelines that wait for no device.
    pub(crate) fn play(&self) -> Result<(), PipelineError> {
        self.inner.set_state(gst::State::Playing).map(|_| ()).map_err(|_| PipelineError::new(self.name, DOES_NOT_START))
    }

    /// Distributes a changed latency. Never waits: a pipeline that is starting does it when it has started.
    pub(crate) fn settle_latency(&self) {
        if self.is_starting.load(Ordering::Acquire) {
            return;
        }
        if let Err(error) = self.inner.recalculate_latency() {
            tracing::debug!(pipeline = self.name, %error, "latency not settled");
        }
    }

    /// Whether it plays.
    pub(crate) fn is_alive(&self) -> bool {
        self.inner.current_state() == gst::State::Playing
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        tear_down(self.name, self.inner.clone(), self.inbox.clone());
    }
}

/// Stops a pipeline on a thread of its own; a second one watches the deadline and speaks up when a driver hangs.
fn tear_down(name: &'static str, pipeline: gst::Pipeline, inbox: Inbox) {
    let (done, wait) = mpsc::sync_channel::<()>(1);
    let stopper = thread::Builder::new().name("teardown".into()).spawn(move || {
        let stopped = pipeline.set_state(gst::State::Null);
        if let Some(bus) = pipeline.bus() {
            bus.unset_sync_handler();
        }
        drop(pipeline);
        if stopped.is_err() {
            tracing::warn!(pipeline = name, "did not stop cleanly");
        }
        let _ = done.try_send(());
    });
    let watcher = thread::Builder::new().name("teardown-watch".into()).spawn(move || {
        let in_time = wait.recv_timeout(TEARDOWN).is_ok();
        if in_time {
            inbox.buried();
        }
        inbox.tell(Note::TornDown { name: name.to_owned(), in_time });
    });
    if stopper.is_err() || watcher.is_err() {
        tracing::error!(pipeline = name, "no thread to stop it: the system is out of threads");
    }
}

/// Sets a property when this version of the element has it.
pub(crate) fn set_if_there(element: &gst::Element, property: &str, value: &str) {
    if element.has_property(property) {
        element.set_property_from_str(property, value);
    }
}

/// A description as text, for errors.
pub(crate) fn bus_error(error: &gst::message::Error) -> BusNote {
    let element = error.src().map(|src| src.name().to_string()).unwrap_or_default();
    let debug = error.debug().map(|debug| debug.to_string()).unwrap_or_default();
    BusNote::Error { element, text: error.error().to_string(), debug }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::warm_up;

    const SOON: Duration = Duration::from_secs(10);

    /// Opening a FIFO waits for its other end, as a slow driver does.
    #[test]
    fn a_device_that_is_slow_to_open_holds_up_nobody() {
        warm_up().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("device");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let (inbox, notes) = Inbox::new();
        let pipeline = Pipeline::parse("camera", "filesrc name=camera ! fakesink", &inbox).unwrap();
        pipeline.element("camera").unwrap().set_property("location", fifo.to_str().unwrap());
        pipeline.start();
        // Time for the starter to wait in the driver.
        thread::sleep(Duration::from_millis(300));
        let (done, wait) = mpsc::channel();
        thread::spawn(move || {
            pipeline.settle_latency();
            let is_alive = pipeline.is_alive();
            done.send((is_alive, pipeline))
        });
        let asked = wait.recv_timeout(SOON);
        // Lets the starter go on, whatever came of it.
        let opened = std::fs::OpenOptions::new().write(true).open(&fifo).unwrap();
        let (is_alive, pipeline) = asked.expect("waited for the driver");
        assert!(!is_alive);
        let started = std::iter::from_fn(|| notes.next(SOON)).find_map(|note| match note {
            Note::Started(id, started) if id == pipeline.id => Some(started),
            _ => None,
        });
        assert_eq!(started, Some(Ok(())));
        drop(opened);
    }
}
