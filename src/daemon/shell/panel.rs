//! What happens at the panel, and what its lamps show.

use std::time::Instant;

use callbox_core::station::Input;
use serde_json::json;

use super::Shell;
use crate::daemon::answer::{self, Wish};
use crate::panel::{self, Event};

impl Shell {
    pub(super) fn panel(&mut self, event: Event) {
        match event {
            Event::Wanted(action) => self.pressed(action),
            Event::Door(event) => drop(self.handle(Input::Door(event))),
            Event::Unlisted { number } => {
                tracing::info!(number, "dialled: nobody has this number");
                self.journal.tell("unlisted", || json!({ "number": number }));
            }
            Event::Fault { part, text } => {
                tracing::warn!(part, text, "a part of the panel is lost");
                self.journal.tell("fault", || json!({ "device": part, "text": text }));
                self.outlook.fault(part);
            }
            Event::Recovered { part } => {
                tracing::info!(part, "a part of the panel is back");
                self.journal.tell("recovered", || json!({ "device": part }));
                self.outlook.recovered(&part);
            }
        }
    }

    /// Shows how things stand, on the lamps.
    pub(super) fn light(&self) {
        self.edges.show(self.outlook.scene(self.station.phase()));
    }

    fn pressed(&mut self, action: panel::Action) {
        tracing::info!(?action, "button");
        match answer::pressed(action, &self.station.view(Instant::now())) {
            Wish::Do(action) => drop(self.handle(Input::Pressed(action))),
            Wish::NoCall => tracing::debug!("there is no call for this button"),
            Wish::Volume(change) => drop(self.change_volume(change)),
        }
    }
}
