//! What the owner does beside calls: it takes other settings over, and shows that media moves.

use std::time::{Duration, Instant};

use super::Owner;
use crate::media::devices::Devices;
use crate::media::fault_text::Failure;

/// A microphone that gives nothing for so long, not even silence, is lost.
const MUTE: Duration = Duration::from_secs(10);

impl Owner {
    /// Takes waiting settings over, if nothing is in use.
    pub(super) fn configure(&mut self) {
        if !self.links.is_empty() || self.devices.are_running() {
            return;
        }
        let Some(mut settings) = self.next_settings.take() else { return };
        tracing::info!("the next call takes the new devices");
        settings.program.clone_from(&self.settings.program);
        self.devices = Devices::new((*settings).clone(), self.inbox.clone());
        self.settings = *settings;
        self.devices.begin(&mut self.outbox);
    }

    /// Media moves. A microphone that does not is replaced by silence; a camera has a watchdog of its own, and a placeholder.
    pub(super) fn beat(&mut self, now: Instant) {
        self.heart.beat(now, self.devices.captured());
        for id in self.heart.silent(now, MUTE) {
            if self.devices.is_sound(id) {
                self.broke(id, "microphone", Failure { text: "no sound comes from it", debug: "" });
            }
        }
    }
}
