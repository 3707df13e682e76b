//! A message that comes without a hub: the transport vouches for its sender's user, all else is checked here.

use callbox_core::ids::{Address, DeviceId, EnvelopeId, Target, UserId};
use callbox_core::protocol::Message;

/// A peer's message, read but not yet passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    pub(super) from: Address,
    pub(super) id: EnvelopeId,
    pub(super) message: Message,
}

/// Whether a message is for this device, and says of its sender what the transport says.
pub(super) fn is_for(me: (&UserId, &DeviceId), sender: &UserId, from: Option<&Address>, to: Option<&Target>) -> bool {
    let (Some(from), Some(to)) = (from, to) else {
        tracing::warn!(user = %sender, "message without `from` or `to`: ignored");
        return false;
    };
    if from.user != *sender || to.user != *me.0 {
        tracing::warn!(user = %sender, claimed = %from, to = %to.user, "message that contradicts its topic: ignored");
        return false;
    }
    if let Some(device) = to.device.as_ref().filter(|device| *device != me.1) {
        tracing::debug!(%from, %device, "message for another device of ours");
        return false;
    }
    true
}

/// What one device may say to another where no hub stands between them.
pub(super) fn is_between_peers(message: &Message) -> bool {
    match message {
        Message::Missed { .. } => false,
        Message::Result { .. } => true,
        message => message.call().is_some(),
    }
}
