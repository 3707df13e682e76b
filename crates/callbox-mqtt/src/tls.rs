//! What secures the way to a broker: the certificates it is checked against, and our own.

use std::sync::Arc;

use callbox_net::tls::{self, Trust};
use rustls::ClientConfig;

use crate::broker::{BrokerUrl, Brokers};

pub use callbox_net::tls::TlsError;

/// Certificates, read once; connections share them.
#[derive(Clone, Debug)]
pub struct Tls(pub(crate) Arc<ClientConfig>);

impl Tls {
    /// Reads the certificates; none where no broker is reached over TLS. Blocks.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(brokers: &Brokers) -> Result<Option<Self>, TlsError> {
        if !brokers.urls.iter().any(BrokerUrl::is_secure) {
            return Ok(None);
        }
        let identity = brokers.identity.as_ref();
        let identity = identity.map(|identity| (identity.certificate.as_path(), identity.key.as_path()));
        tls::client(Trust { ca_file: brokers.ca_file.as_deref(), identity }).map(|config| Some(Self(config)))
    }
}
