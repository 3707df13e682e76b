//! TLS configurations for clients: which certificates a server is checked against, and our own.
//!
//! All of it reads files: a slow disk or a large store of certificates takes its time, so not on a thread that others wait for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not what it should be.
    #[error("{}: {source}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::pki_types::pem::Error,
    },
    /// A file holds no certificate.
    #[error("{}: holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to check a server against.
    #[error("the system has no certificates to check a server against: install ca-certificates, or name a `ca_file`")]
    NoRoots,
    /// They do not fit together.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// What a server is checked against, and what we show it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust<'a> {
    /// Certificates of authorities, PEM. `None`: those of the system.
    pub ca_file: Option<&'a Path>,
    /// Our own certificate with its chain, and its private key, both PEM.
    pub identity: Option<(&'a Path, &'a Path)>,
}

/// Returns a client's configuration, read from files now. Blocks.
///
/// # Errors
/// [`TlsError`].
pub fn client(trust: Trust<'_>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match trust.ca_file {
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
    let config = match trust.identity {
        Some((certificate, key)) => {
            let secret = PrivateKeyDer::from_pem_file(key).map_err(|source| pem(key, source))?;
            config.with_client_auth_cert(certificates(certificate)?, secret)?
        }
        None => config.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let all = CertificateDer::pem_file_iter(path).map_err(|source| pem(path, source))?;
    let all: Vec<_> = all.collect::<Result<_, _>>().map_err(|source| pem(path, source))?;
    if all.is_empty() { Err(TlsError::NoCertificate { path: path.to_owned() }) } else { Ok(all) }
}

fn pem(path: &Path, source: rustls::pki_types::pem::Error) -> TlsError {
    TlsError::Pem { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_absent_or_holds_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.crt");
        let error = |path: &Path| client(Trust { ca_file: Some(path), identity: None }).unwrap_err().to_string();
        assert!(error(&path).contains("ca.crt"));
        std::fs::write(&path, "not a certificate\n").unwrap();
        assert!(error(&path).ends_with("holds no certificate"), "{}", error(&path));
    }
}
