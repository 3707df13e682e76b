//! What the lamps show: how the station stands, and whether everything works.

use std::collections::BTreeMap;

use callbox_core::station::Phase;

use crate::panel::Scene;

/// What there is to know beside the station.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    is_up: bool,
    /// What is lost, and what is wrong with it.
    faults: BTreeMap<String, String>,
}

impl Outlook {
    /// Signalling is up, or down.
    pub(super) fn signaling(&mut self, is_up: bool) {
        self.is_up = is_up;
    }

    /// Whether signalling is up.
    pub(super) fn is_up(&self) -> bool {
        self.is_up
    }

    /// A part is lost.
    pub(super) fn fault(&mut self, part: String, text: String) {
        self.faults.insert(part, text);
    }

    /// It is back; false: it was not lost.
    pub(super) fn recovered(&mut self, part: &str) -> bool {
        self.faults.remove(part).is_some()
    }

    /// What is lost now, with what is wrong with it.
    pub(super) fn faults(&self) -> &BTreeMap<String, String> {
        &self.faults
    }

    /// A call is what a person in front of the panel cares for first; then whether one could be made.
    pub(super) fn scene(&self, phase: Phase) -> Scene {
        match phase {
            Phase::Ringing => Scene::Ringing,
            Phase::Inviting | Phase::Accepting => Scene::Calling,
            Phase::Talking => Scene::Talking,
            Phase::Idle if !self.is_up => Scene::Offline,
            Phase::Idle if !self.faults.is_empty() => Scene::Fault,
            Phase::Idle => Scene::Idle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_shown_first_then_what_keeps_one_from_being_made() {
        let mut outlook = Outlook::default();
        assert_eq!((outlook.scene(Phase::Idle), outlook.scene(Phase::Talking)), (Scene::Offline, Scene::Talking));
        outlook.fault("keys pad".to_owned(), "gone".to_owned());
        assert_eq!(outlook.scene(Phase::Idle), Scene::Offline);
        outlook.signaling(true);
        assert_eq!((outlook.scene(Phase::Idle), outlook.scene(Phase::Ringing)), (Scene::Fault, Scene::Ringing));
        outlook.recovered("another");
        assert_eq!(outlook.scene(Phase::Idle), Scene::Fault);
        outlook.recovered("keys pad");
        assert_eq!((outlook.scene(Phase::Idle), outlook.scene(Phase::Accepting)), (Scene::Idle, Scene::Calling));
    }
}
