//! The certificates for the way to the brokers: read before the first session, and again when the files have changed.
//!
//! Files may be slow (a network, a dying card): they are read on threads that may block, never by a session, and a session that connects
//! takes what was read last.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use callbox_mqtt::{Brokers, Tls, TlsError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(5);

/// What was read last.
pub(super) struct Certificates {
    current: Mutex<Option<Tls>>,
}

/// What keeps them current.
pub(super) struct Renewal {
    brokers: Arc<Brokers>,
    stamps: Stamps,
}

/// When each file changed last.
type Stamps = Vec<Option<SystemTime>>;

impl Certificates {
    /// Reads them. Blocks.
    ///
    /// # Errors
    /// [`TlsError`].
    pub(super) fn load(brokers: Arc<Brokers>) -> Result<(Self, Renewal), TlsError> {
        let stamps = stamps(&brokers);
        let current = Mutex::new(Tls::load(&brokers)?);
        Ok((Self { current }, Renewal { brokers, stamps }))
    }

    /// What a new connection uses; none where no broker is reached over TLS.
    pub(super) fn tls(&self) -> Option<Tls> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the files for as long as it is polled, and takes what is new in them. What cannot be read leaves the old ones in use.
    pub(super) async fn follow(&self, mut renewal: Renewal) {
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beat.tick().await;
            let looked = tokio::task::spawn_blocking(move || {
                let read = renewal.look();
                (renewal, read)
            });
            let read = match looked.await {
                Ok((back, read)) => {
                    renewal = back;
                    read
                }
                Err(error) => return error!(%error, "certificates are not looked at any more"),
            };
            match read {
                None => {}
                Some(Ok(tls)) => {
                    *self.current.lock().unwrap_or_else(PoisonError::into_inner) = tls;
                    info!("certificates read anew");
                }
                Some(Err(error)) => error!(%error, "the new certificates cannot be used: the old ones stay in use"),
            }
        }
    }
}

impl Renewal {
    /// Reads the files when they have changed. Blocks.
    fn look(&mut self) -> Option<Result<Option<Tls>, TlsError>> {
        let stamps = stamps(&self.brokers);
        (stamps != self.stamps).then(|| {
            self.stamps = stamps;
            Tls::load(&self.brokers)
        })
    }
}

fn stamps(brokers: &Brokers) -> Stamps {
    let identity = brokers.identity.as_ref().map(|identity| [identity.certificate.as_path(), identity.key.as_path()]);
    let files = brokers.ca_file.as_deref().into_iter().chain(identity.into_iter().flatten());
    files.map(|file: &Path| std::fs::metadata(file).and_then(|meta| meta.modified()).ok()).collect()
}

#[cfg(test)]
mod tests {
    use callbox_mqtt::Account;

    use super::*;

    /// A certificate authority made for this test alone; its key was thrown away.
    const CA: &str = "-----BEGIN CERTIFICATE-----\n\
        MIIBdTCCARugAwIBAgIUNObjo7p1L/qr/6uckouM1O3SttEwCgYIKoZIzj0EAwIw\n\
        DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjcwOTAwNDFaGA8yMTI2MTEwMzA5MDA0\n\
        MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGsK\n\
        S/Sf4lI3X8tLQov12mHDwxIdFbk6ZSHQSqXIHWBK+n5rTAbLXByxOUatcSVyyZ5L\n\
        1iDnWLUbe5MknajJisCjUzBRMB0GA1UdDgQWBBQj+f6tyB52ZFGJ9AnlBm2oXkDH\n\
        SDAfBgNVHSMEGDAWgBQj+f6tyB52ZFGJ9AnlBm2oXkDHSDAPBgNVHRMBAf8EBTAD\n\
        AQH/MAoGCCqGSM49BAMCA0gAMEUCIBKDDA7xFrdM4FbwXLvMF6gGuQuwnMeZUb10\n\
        nASeLcvdAiEA7kaTsNUFfGnOCVNK+QdgjawxLhRRSBPQkxc4SAWDQmM=\n\
        -----END CERTIFICATE-----\n";

    #[tokio::test]
    async fn files_that_change_are_taken_and_files_that_break_leave_the_old_ones_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.crt");
        std::fs::write(&file, CA).unwrap();
        let urls = vec!["mqtts://broker.example".parse().unwrap()];
        let brokers = Brokers {
            urls,
            ca_file: Some(file.clone()),
            identity: None,
            keep_alive: Duration::from_secs(15),
            account: Account::User,
        };
        let (certificates, mut renewal) = Certificates::load(Arc::new(brokers)).unwrap();
        assert!(certificates.tls().is_some() && renewal.look().is_none());
        let touch = |text: &str, seconds: u64| {
            std::fs::write(&file, text).unwrap();
            let later = SystemTime::now() + Duration::from_secs(seconds);
            std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        };
        touch(CA, 10);
        assert!(matches!(renewal.look(), Some(Ok(Some(_)))));
        touch("nonsense", 20);
        assert!(matches!(renewal.look(), Some(Err(_))));
        let waits = tokio::time::timeout(Duration::from_millis(50), certificates.follow(renewal)).await;
        assert!(waits.is_err() && certificates.tls().is_some());
    }
}
