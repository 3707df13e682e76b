//! Who is logged in: this login of a device, or another one.

use callbox_core::ids::{Address, EnvelopeId, IdSource};
use callbox_core::protocol::{Envelope, Message};

/// One login of a device over all its connections: by it a connection that broke is told from one that another login ended. Brokers
/// should say so (`Session taken over`), but Mosquitto 2.0 only hangs up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// The id of the message that tells that it is there.
    pub(crate) here: EnvelopeId,
    /// … and of the one that tells that it is gone.
    pub(crate) gone: EnvelopeId,
}

impl Instance {
    pub(crate) fn new(ids: &mut IdSource) -> Self {
        Self { here: ids.envelope(), gone: ids.envelope() }
    }

    /// Returns what the presence topic of this device says.
    pub(crate) fn presence(&self, device: &Address, online: bool) -> String {
        let message = Message::Presence { user: device.user.clone(), device: Some(device.device.clone()), online };
        let id = if online { &self.here } else { &self.gone }.clone();
        Envelope { id, from: Some(device.clone()), to: None, message }.encode()
    }
}
