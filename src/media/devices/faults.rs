//! Lost devices: told once, tried again with back-off, told when they are back.

use std::time::Instant;

use super::Devices;
use crate::media::backoff::{Backoff, chance};
use crate::media::board::FaultStatus;
use crate::media::fault_text::{Failure, sentence};
use crate::media::outbox::{Device, Event, Outbox};

/// One lost device.
pub(super) struct Trouble {
    pub(super) device: Device,
    /// What is wrong with it; empty while it is tried again.
    pub(super) text: String,
    pub(super) backoff: Backoff,
}

impl Devices {
    /// What is lost.
    pub(crate) fn faults(&self) -> Vec<FaultStatus> {
        let status =
            |t: &Trouble| FaultStatus { device: t.device, text: t.text.clone(), failures: t.backoff.failures() };
        self.troubles.iter().map(status).collect()
    }

    /// A device failed: GStreamer's words become a sentence for who installs it.
    pub(super) fn fail(&mut self, device: Device, failure: Failure<'_>, outbox: &mut Outbox) {
        tracing::debug!(?device, text = failure.text, debug = failure.debug, "what GStreamer says");
        self.fault(device, sentence(device, &self.settings, failure), outbox);
    }

    pub(super) fn fault(&mut self, device: Device, text: String, outbox: &mut Outbox) {
        tracing::warn!(?device, text, "device lost");
        let at = self.troubles.iter().position(|trouble| trouble.device == device).unwrap_or_else(|| {
            self.troubles.push(Trouble { device, text: String::new(), backoff: Backoff::default() });
            self.troubles.len() - 1
        });
        let trouble = &mut self.troubles[at];
        trouble.text.clone_from(&text);
        trouble.backoff.failed(Instant::now(), chance());
        outbox.tell(Event::Fault { device, text });
    }

    pub(super) fn works(&mut self, device: Device, outbox: &mut Outbox) {
        if let Some(at) = self.troubles.iter().position(|trouble| trouble.device == device) {
            self.troubles.swap_remove(at);
            outbox.tell(Event::Recovered { device });
        }
    }
}
