//! The certificates for the way to the brokers: read once for all sessions, and again when the files have changed.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use callbox_mqtt::{Brokers, Tls, TlsError};

/// What was read, and from which state of the files.
pub(super) struct Certificates {
    brokers: Arc<Brokers>,
    read: Mutex<(Vec<Option<SystemTime>>, Option<Tls>)>,
}

impl Certificates {
    /// Reads them.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn load(brokers: Arc<Brokers>) -> Result<Self, TlsError> {
        let read = Mutex::new((stamps(&brokers), Tls::load(&brokers)?));
        Ok(Self { brokers, read })
    }

    /// What a new connection uses; none where no broker is reached over TLS.
    ///
    /// # Errors
    /// [`TlsError`], when the files have changed and are not right.
    pub(super) fn tls(&self) -> Result<Option<Tls>, TlsError> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps = stamps(&self.brokers);
        if stamps != read.0 {
            *read = (stamps, Tls::load(&self.brokers)?);
            tracing::info!("certificates read anew");
        }
        Ok(read.1.clone())
    }
}

/// When the files changed last.
fn stamps(brokers: &Brokers) -> Vec<Option<SystemTime>> {
    let identity = brokers.identity.as_ref().map(|identity| [identity.certificate.as_path(), identity.key.as_path()]);
    let files = brokers.ca_file.as_deref().into_iter().chain(identity.into_iter().flatten());
    files.map(|file: &Path| std::fs::metadata(file).and_then(|meta| meta.modified()).ok()).collect()
}
