//! What secures the way to a broker: the certificates it is checked against, and our own.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::broker::{BrokerUrl, Brokers};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it should be.
    #[error("{path}: {source}")]
    Pem {
        /// The file.
        path: String,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// A file without what it is there for.
    #[error("{path}: holds no certificate")]
    NoCertificate {
        /// The file.
        path: String,
    },
    /// Nothing to check a broker against.
    #[error("the system has no certificates to check a broker against: name a `ca_file`")]
    NoRoots,
    /// They do not fit together.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// Certificates, read once; connections share them.
#[derive(Clone, Debug)]
pub struct Tls(pub(crate) Arc<ClientConfig>);

impl Tls {
    /// Reads the certificates; none where no broker is reached over TLS.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn load(brokers: &Brokers) -> Result<Option<Self>, TlsError> {
        if !brokers.urls.iter().any(BrokerUrl::is_secure) {
            return Ok(None);
        }
        let mut roots = RootCertStore::empty();
        match &brokers.ca_file {
            Some(path) => {
                for certificate in certificates(path)? {
                    roots.add(certificate)?;
                }
            }
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let config = match &brokers.identity {
            Some(identity) => {
                let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|source| pem(&identity.key, source))?;
                config.with_client_auth_cert(certificates(&identity.certificate)?, key)?
            }
            None => config.with_no_client_auth(),
        };
        Ok(Some(Self(Arc::new(config))))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|source| pem(path, source))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|source| pem(path, source))?;
    if all.is_empty() { Err(TlsError::NoCertificate { path: path.display().to_string() }) } else { Ok(all) }
}

fn pem(path: &Path, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { path: path.display().to_string(), source }
}
