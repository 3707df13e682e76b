//! The client's event loop as a stream: waiting for the next event may be given up and resumed.

use std::pin::Pin;

use futures_util::stream::{self, Stream};
use rumqttc::v5::{ConnectionError, Event, EventLoop};

pub(crate) type Events = Pin<Box<dyn Stream<Item = Result<Event, ConnectionError>> + Send>>;

/// What happens on a connection, until it fails.
pub(crate) fn of(mut eventloop: EventLoop) -> Events {
    // The client reserves room for a hundred events, which a gateway would hold thousands of times for nothing.
    eventloop.state.events.shrink_to(0);
    Box::pin(stream::unfold(Some((eventloop, None)), |state| async {
        let (mut eventloop, failed): (EventLoop, Option<ConnectionError>) = state?;
        let failed = match failed {
            Some(error) => error,
            None => match eventloop.poll().await {
                Ok(event) => return Some((Ok(event), Some((eventloop, None)))),
                Err(error) => error,
            },
        };
        // What was read before it failed still counts.
        match eventloop.state.events.pop_front() {
            Some(event) => Some((Ok(event), Some((eventloop, Some(failed))))),
            None => Some((Err(failed), None)),
        }
    }))
}
