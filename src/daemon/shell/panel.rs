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
            Event::Fault { part, text } => self.fault(&part, text),
            Event::Recovered { part } => self.recovered(&part),
        }
    }

    /// Shows how things stand, on the lamps.
    pub(super) fn light(&self) {
        self.edges.show(self.outlook.scene(self.station.phase()));
    }

    fn pressed(&mut self, action: panel::Action) {
        tracing::info!(?action, "button");
        let view = self.station.view(Instant::now());
        let ignored = match answer::pressed(action, &view) {
            Wish::Do(action) => {
                let changed = self.handle(Input::Pressed(action.clone()));
                self.outcome(&action, changed).error
            }
            Wish::NoCall => Some(format!("there is no call ({})", view.phase.as_str())),
            Wish::Volume(change) => self.change_volume(change).error,
        };
        if let Some(reason) = ignored {
            tracing::info!(reason, "the press is ignored");
            self.journal.tell("ignored", || json!({ "reason": reason }));
        }
    }
}
