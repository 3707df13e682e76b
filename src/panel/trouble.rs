//! A part that is not there, or went away: told once, looked for again at growing intervals, told when it is back.

use std::time::Duration;

use tokio::sync::mpsc;

use super::Event;

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How one part fares.
#[derive(Debug)]
pub(super) struct Trouble {
    part: String,
    events: mpsc::Sender<Event>,
    is_told: bool,
    pause: Duration,
}

impl Trouble {
    pub(super) fn of(part: String, events: mpsc::Sender<Event>) -> Self {
        Self { part, events, is_told: false, pause: FIRST_PAUSE }
    }

    /// It failed; comes back when it is time to try again.
    pub(super) async fn is(&mut self, error: &std::io::Error) {
        let event = self.is_new(error);
        self.tell(event).await;
        tokio::time::sleep(self.next_pause()).await;
    }

    /// It works.
    pub(super) async fn is_over(&mut self) {
        let event = self.over();
        self.tell(event).await;
    }

    /// It failed: what is to be told, when that is new.
    pub(super) fn is_new(&mut self, error: &std::io::Error) -> Option<Event> {
        let is_new = !std::mem::replace(&mut self.is_told, true);
        is_new.then(|| Event::Fault { part: self.part.clone(), text: error.to_string() })
    }

    /// It works: what is to be told, when it failed before.
    pub(super) fn over(&mut self) -> Option<Event> {
        self.pause = FIRST_PAUSE;
        std::mem::take(&mut self.is_told).then(|| Event::Recovered { part: self.part.clone() })
    }

    /// How long to wait before the next try: twice as long each time, up to a limit, and never the same for two parts.
    pub(super) fn next_pause(&mut self) -> Duration {
        let chance = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
        let pause = self.pause.mul_f64(1.0 + chance / 2.0);
        self.pause = (self.pause * 2).min(LAST_PAUSE);
        pause
    }

    async fn tell(&self, event: Option<Event>) {
        let Some(event) = event else { return };
        if self.events.send(event).await.is_err() {
            tracing::debug!(part = self.part, "nobody wants to hear of the panel any more");
        }
    }
}
