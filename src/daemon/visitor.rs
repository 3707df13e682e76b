//! Who is at the door: a picture for those who are rung, and pictures from before, at and after the press beside the record of the call.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callbox_core::ids::CallId;
use callbox_core::protocol::MAX_PICTURE;
use callbox_core::station::{CallView, Direction, Input};
use tokio::task::JoinSet;

use super::edges::Edges;
use crate::album::{Album, Moment};
use crate::fault::Teller;
use crate::media::Media;

/// From the press to the last picture.
const AFTER: Duration = Duration::from_secs(1);
/// A camera that has just been opened takes a moment until its first picture, a slow one takes longer.
const LOOK: Duration = Duration::from_millis(150);
const LOOKS: u32 = 40;

/// The pictures that are being taken.
#[derive(Default)]
pub(super) struct Pictures {
    /// What comes of one may be something for the station.
    tasks: JoinSet<Option<Input>>,
    /// The call whose beginning they show.
    call: Option<CallId>,
}

impl Pictures {
    /// To be told of every call there is: takes those of one that begins here.
    /// Somebody who rings this panel from afar is not at its door.
    pub(super) fn begin(&mut self, view: &CallView, edges: &Edges, send: bool) {
        if self.call.as_ref() == Some(&view.call) {
            return;
        }
        self.call = Some(view.call.clone());
        if view.direction != Direction::Outgoing {
            return;
        }
        let (media, call) = (edges.media.clone(), view.call.clone());
        if let Some(album) = &edges.album {
            self.take(remember(media.clone(), (album.clone(), edges.snapshots.clone()), call.clone()));
        }
        if send && view.media == callbox_core::protocol::Media::Video {
            self.tasks.spawn(show(media, call));
        }
    }

    /// Takes one more, for somebody else.
    pub(super) fn take(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(async {
            work.await;
            None
        });
    }

    /// The next one that the station shall know of; waits for ever when there is none.
    pub(super) async fn next(&mut self) -> Input {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(Some(input))) => return input,
                Some(Ok(None)) => {}
                Some(Err(error)) => tracing::error!(%error, "a picture is lost"),
                None => std::future::pending().await,
            }
        }
    }

    /// Takes no more.
    pub(super) async fn stop(&mut self) {
        self.tasks.shutdown().await;
    }
}

/// The picture for those who are rung: the newest one, as soon as there is one.
async fn show(media: Arc<Media>, call: CallId) -> Option<Input> {
    for _ in 0..LOOKS {
        if let Some(jpeg) = media.history(1).await.pop() {
            let jpeg = STANDARD.encode(jpeg);
            if jpeg.len() > MAX_PICTURE {
                tracing::debug!(characters = jpeg.len(), "the visitor's picture is too large to be sent");
                return None;
            }
            return Some(Input::Picture { call, jpeg });
        }
        tokio::time::sleep(LOOK).await;
    }
    None
}

/// Keeps the pictures of a call that has just begun.
async fn remember(media: Arc<Media>, (album, disk): (Album, Arc<Teller>), call: CallId) {
    let mut earlier = media.history(2).await;
    let (at, before) = (earlier.pop(), earlier.pop());
    tokio::time::sleep(AFTER).await;
    let after = media.history(1).await.pop();
    let pictures = [(Moment::Before, before), (Moment::At, at), (Moment::After, after)];
    let kept = tokio::task::spawn_blocking(move || {
        let name = call.to_string();
        let mut there = pictures.iter().filter_map(|(moment, jpeg)| Some((*moment, jpeg.as_ref()?)));
        there.try_for_each(|(moment, jpeg)| album.keep(&name, moment, jpeg))
    });
    let lost = |error: &dyn std::fmt::Display| format!("the visitor's pictures are not kept: {error}");
    match kept.await {
        Ok(kept) => disk.tell(kept.err().map(|error| lost(&error))),
        Err(error) => disk.tell(Some(lost(&error))),
    }
}
