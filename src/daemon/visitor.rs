//! Who is at the door: pictures from before, at and after the press, kept beside the record of the call.

use std::sync::Arc;
use std::time::Duration;

use callbox_core::ids::CallId;

use crate::album::{Album, Moment};
use crate::media::Media;

/// From the press to the last picture.
const AFTER: Duration = Duration::from_secs(1);

/// Takes the pictures of a call that has just begun.
pub(super) async fn remember(media: Arc<Media>, album: Album, call: CallId) {
    let mut earlier = media.history().await;
    let at = earlier.pop();
    let before = if earlier.is_empty() { None } else { Some(earlier.swap_remove(0)) };
    tokio::time::sleep(AFTER).await;
    let after = media.history().await.pop();
    let pictures = [(Moment::Before, before), (Moment::At, at), (Moment::After, after)];
    let kept = tokio::task::spawn_blocking(move || {
        let name = call.to_string();
        let mut there = pictures.iter().filter_map(|(moment, jpeg)| Some((*moment, jpeg.as_ref()?)));
        there.try_for_each(|(moment, jpeg)| album.keep(&name, moment, jpeg))
    });
    match kept.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the visitor's pictures are not kept"),
        Err(error) => tracing::error!(%error, "the visitor's pictures are lost"),
    }
}
