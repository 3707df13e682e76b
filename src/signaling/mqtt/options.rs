//! How a connection is asked for: client id, session, last will, TLS.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use callbox_core::protocol::MAX_BYTES;
use rumqttc::v5::MqttOptions;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, LastWill, LastWillProperties};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use super::Mqtt;
use super::broker::{BrokerUrl, Brokers};

/// How long the broker keeps our session, and what waits in it, while we are away.
const SESSION: u32 = 24 * 60 * 60;
/// How long the broker waits before it tells that we are gone: a reconnect in time is noticed by nobody.
const WILL_DELAY: u32 = 5;
/// How many messages the broker may have under way to us.
const RECEIVE_MAXIMUM: u16 = 32;
/// How many of ours may be under way to the broker.
pub(super) const WINDOW: usize = 16;
/// How long connecting to one broker, and logging in there, may take.
pub(super) const SETUP: Duration = Duration::from_secs(5);
const MAX_PACKET: u32 = 2 * MAX_BYTES as u32;

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum TlsError {
    #[error("{path}: {source}")]
    Pem { path: String, source: rustls::pki_types::pem::Error },
    #[error("{path}: holds no certificate")]
    NoCertificate { path: String },
    #[error("the system has no certificates to check a broker against: name signaling.mqtt.ca_file")]
    NoRoots,
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

impl Mqtt {
    /// The options of one connection; `gone` is what the broker tells of us when we vanish.
    pub(super) fn options(
        &self,
        broker: &BrokerUrl,
        ticket: &str,
        gone: String,
        clean_start: bool,
    ) -> Result<MqttOptions, TlsError> {
        let client_id = format!("{}/{}", self.me, self.settings.device);
        let mut options = MqttOptions::new(client_id, broker.host(), broker.port());
        if broker.is_secure() {
            let tls = Arc::new(tls(&self.brokers)?);
            options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        }
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        let will = LastWillProperties {
            delay_interval: Some(WILL_DELAY),
            payload_format_indicator: Some(1),
            message_expiry_interval: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        options
            .set_network_options(network)
            .set_connection_timeout(SETUP.as_secs())
            .set_keep_alive(self.brokers.keep_alive)
            .set_credentials(self.me.to_string(), ticket)
            .set_clean_start(clean_start)
            .set_outgoing_inflight_upper_limit(WINDOW as u16 + 4)
            .set_last_will(LastWill::new(self.presence_topic(), gone, QoS::AtLeastOnce, true, Some(will)))
            .set_connect_properties(ConnectProperties {
                session_expiry_interval: Some(SESSION),
                receive_maximum: Some(RECEIVE_MAXIMUM),
                max_packet_size: Some(MAX_PACKET),
                ..ConnectProperties::new()
            });
        Ok(options)
    }
}

/// Read anew for each connection, so that renewed certificates are taken.
fn tls(brokers: &Brokers) -> Result<ClientConfig, TlsError> {
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
    match &brokers.identity {
        Some(identity) => {
            let key = PrivateKeyDer::from_pem_file(&identity.key).map_err(|source| pem(&identity.key, source))?;
            Ok(config.with_client_auth_cert(certificates(&identity.certificate)?, key)?)
        }
        None => Ok(config.with_no_client_auth()),
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
