//! A hub of one's own for each test.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callbox_core::ids::AppId;
use callbox_core::ticket::{self, SecretKey};
use callbox_hub::config::{Flags, Settings};
use callbox_hub::hub;
use callbox_hub::store::Place;
use callbox_hub::switchboard::TenantSettings;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::client::Client;

pub(crate) const APP: AppId = AppId(1_400_000_000);
pub(crate) const OTHER_APP: AppId = AppId(1_400_000_001);

/// A running hub.
pub(crate) struct Hub {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) reload: mpsc::Sender<Settings>,
    running: Option<JoinHandle<()>>,
}

pub(crate) fn key(app: AppId) -> SecretKey {
    SecretKey::new(&format!("key-of-{app}")).unwrap()
}

pub(crate) fn ticket(app: AppId, user: &str, expire: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    ticket::make(app, &key(app), &user.parse().unwrap(), now, expire)
}

/// Two apps, a store in memory, any free port.
pub(crate) fn settings() -> Settings {
    let mut settings = Flags { demo: true, ..Flags::default() }.settings().unwrap();
    settings.listen = SocketAddr::from(([127, 0, 0, 1], 0));
    settings.server.demo = None;
    settings.server.apps = BTreeMap::from([(APP, key(APP).into()), (OTHER_APP, key(OTHER_APP).into())]);
    settings.tenants = vec![(APP, TenantSettings::default()), (OTHER_APP, TenantSettings::default())];
    settings
}

impl Hub {
    pub(crate) async fn start() -> Self {
        Self::with(settings()).await
    }

    pub(crate) async fn stored_in(file: &std::path::Path) -> Self {
        Self::with(Settings { store: Place::File(file.to_owned()), ..settings() }).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let (ready, address) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (reload, reloads) = mpsc::channel(1);
        let running = tokio::spawn(async move {
            let stop = async { drop(stopped.await) };
            hub::run(
                settings,
                |address| {
                    let _ = ready.send(address);
                },
                stop,
                reloads,
            )
            .await
            .unwrap();
        });
        Self { address: address.await.unwrap(), stop: Some(stop), reload, running: Some(running) }
    }

    /// A device that is logged in.
    pub(crate) async fn device(&self, user: &str, device: &str) -> Client {
        self.device_of(APP, user, device).await
    }

    pub(crate) async fn device_of(&self, app: AppId, user: &str, device: &str) -> Client {
        let mut client = self.socket().await;
        client.login(app, user, device, &ticket(app, user, 3600)).await;
        let welcome = client.hear().await;
        assert_eq!(welcome["type"], "welcome", "{welcome}");
        assert_eq!(welcome["you"], serde_json::json!({ "user": user, "device": device }));
        client
    }

    /// A socket that is not logged in.
    pub(crate) async fn socket(&self) -> Client {
        Client::connect(self.address).await
    }

    /// Stops it as SIGTERM does, and says how long that took.
    pub(crate) async fn stop(mut self) -> Duration {
        let begin = std::time::Instant::now();
        self.stop.take().unwrap().send(()).unwrap();
        self.running.take().unwrap().await.unwrap();
        begin.elapsed()
    }
}
