//! Who is logged in: this login of a device, or another one.

use callbox_core::ids::{EnvelopeId, IdSource};

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
}
