//! The media edge while GStreamer is absent: it is tried until it works, and orders come to nothing meanwhile.

use std::time::{Duration, Instant};

use callbox_core::coalesce::CoalescingQueue;
use tokio::sync::oneshot;

use super::inbox::{Note, Notes};
use super::outbox::{Event, Outbox};
use super::warm::WarmUpError;

/// How long until GStreamer is tried again.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(30);
/// Places for settings, STUN and TURN servers and the caption: the newest of each is kept for the owner.
const PLACES: usize = 8;

/// Tries until `warm_up` works, and returns what the owner has to know of this time; `None`: the edge ends. `tried` is told after the
/// first try, when its outcome has been told as an event.
pub(super) fn until_warm(
    notes: &Notes,
    outbox: &mut Outbox,
    warm_up: impl Fn() -> Result<(), WarmUpError>,
    tried: oneshot::Sender<()>,
) -> Option<CoalescingQueue<Note>> {
    let mut held = CoalescingQueue::new(PLACES);
    let (mut tried, mut pause) = (Some(tried), FIRST_PAUSE);
    loop {
        let outcome = warm_up();
        let is_warm = outcome.is_ok();
        outbox.tell(match outcome {
            Ok(()) => Event::Ready,
            Err(error) => Event::Absent { text: sentence(&error) },
        });
        // Nobody waits for long.
        let _ = tried.take().map(|tried| tried.send(()));
        if is_warm {
            return Some(held);
        }
        rest(notes, outbox, &mut held, pause)?;
        pause = (pause * 2).min(LAST_PAUSE);
    }
}

/// Returns what to say while the first try takes longer than this.
pub(super) fn hangs(limit: Duration) -> String {
    let seconds = limit.as_secs();
    format!(
        "calls are impossible: GStreamer has not started within {seconds} s; if that lasts, `callbox doctor` examines it \
         and `sudo systemctl restart callbox` tries again"
    )
}

fn sentence(error: &WarmUpError) -> String {
    format!("calls are impossible: {error}; then it is used by itself within {} s", LAST_PAUSE.as_secs())
}

/// Waits for the next try; `None`: the edge ends.
fn rest(notes: &Notes, outbox: &mut Outbox, held: &mut CoalescingQueue<Note>, pause: Duration) -> Option<()> {
    let until = Instant::now() + pause;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Some(());
        }
        match notes.next(left) {
            Some(Note::Stop(done)) => {
                // Nobody may wait for it any more.
                let _ = done.send(());
                return None;
            }
            Some(Note::Retry) => return Some(()),
            Some(note @ (Note::Settings(_) | Note::IceServers(_) | Note::Caption(_))) => drop(held.push(note)),
            // Whoever asked for a picture hears that there is none.
            Some(_) | None => {}
        }
        outbox.flush();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::mpsc;

    use super::*;
    use crate::media::inbox::Inbox;

    fn missing() -> WarmUpError {
        WarmUpError::Missing { elements: "webrtcbin".into(), packages: "gstreamer1.0-plugins-bad".into() }
    }

    #[test]
    fn it_is_tried_until_it_works_and_the_newest_of_each_setting_is_kept() {
        let (inbox, notes) = Inbox::new();
        let (events, mut told) = mpsc::channel(8);
        let (tried, mut first) = oneshot::channel();
        for text in ["old", "new"] {
            inbox.tell(Note::Caption(Some(text.into())));
        }
        inbox.tell(Note::IceServers(Vec::new()));
        inbox.tell(Note::Volume);
        inbox.tell(Note::Retry);
        let (tries, begin) = (Cell::new(0), Instant::now());
        let warm_up = || {
            tries.set(tries.get() + 1);
            if tries.get() < 2 { Err(missing()) } else { Ok(()) }
        };
        let mut held = until_warm(&notes, &mut Outbox::new(events), warm_up, tried).unwrap();
        assert!(first.try_recv().is_ok() && begin.elapsed() < FIRST_PAUSE, "the operator's wish needs no pause");
        let Ok(Event::Absent { text }) = told.try_recv() else { panic!("a fault first") };
        assert!(text.contains("webrtcbin") && text.contains("apt install gstreamer1.0-plugins-bad"), "{text}");
        assert_eq!(told.try_recv(), Ok(Event::Ready));
        assert!(matches!(held.pop(), Some(Note::Caption(Some(text))) if text == "new"));
        assert!(matches!(held.pop(), Some(Note::IceServers(_))) && held.is_empty());
    }

    #[test]
    fn it_ends_while_it_waits() {
        let (inbox, notes) = Inbox::new();
        let (done, mut ended) = oneshot::channel();
        inbox.tell(Note::Stop(done));
        let outbox = &mut Outbox::new(mpsc::channel(8).0);
        assert!(until_warm(&notes, outbox, || Err(missing()), oneshot::channel().0).is_none());
        assert!(ended.try_recv().is_ok());
    }
}
