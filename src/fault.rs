//! What an edge tells of a part of the system, such as a disk: it is lost, or back. Changes only.

use std::sync::{Mutex, PoisonError};

use tokio::sync::mpsc;

/// How a part is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which part.
    pub part: &'static str,
    /// What is wrong with it; `None`: nothing any more.
    pub fault: Option<String>,
}

/// Tells how one part is.
#[derive(Debug)]
pub struct Teller {
    part: &'static str,
    reports: mpsc::Sender<Report>,
    told: Mutex<Option<String>>,
}

impl Teller {
    /// For one part, which is well so far.
    pub fn of(part: &'static str, reports: mpsc::Sender<Report>) -> Self {
        Self { part, reports, told: Mutex::new(None) }
    }

    /// Tells how the part is, when that is new. Never waits: what does not fit is told the next time.
    pub fn tell(&self, fault: Option<String>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told != fault && self.reports.try_send(Report { part: self.part, fault: fault.clone() }).is_ok() {
            *told = fault;
        }
    }

    /// Tells how it went.
    pub fn went<T>(&self, outcome: &std::io::Result<T>) {
        self.tell(outcome.as_ref().err().map(ToString::to_string));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_are_told_and_none_is_lost_for_good() {
        let (reports, mut inbox) = mpsc::channel(1);
        let disk = Teller::of("disk", reports);
        disk.tell(None);
        disk.tell(Some("full".to_owned()));
        disk.tell(Some("full".to_owned()));
        // No room for this one yet.
        disk.tell(None);
        assert_eq!(inbox.try_recv().unwrap().fault.as_deref(), Some("full"));
        disk.tell(None);
        assert_eq!(inbox.try_recv().unwrap(), Report { part: "disk", fault: None });
        assert!(inbox.try_recv().is_err());
    }
}
