//! Twenty stations and a real hub in one process; twenty and a real Mosquitto beside it.

// Every line of this file is a test's; the lint sees only functions that say so. Hosts are addresses of this machine.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use callbox_core::ids::AppId;
use callbox_core::ticket::SecretKey;
use callbox_hub::config::Flags;
use callbox_hub::hub;
use callbox_load::cast::Cast;
use callbox_load::compare::Comparison;
use callbox_load::plan::{Mix, Scenario};
use callbox_load::report::Report;
use callbox_load::run::{RunError, Settings, run};
use callbox_load::tally::Tally;
use callbox_load::transport::mqtt::Mqtt;
use callbox_load::transport::websocket::WebSocket;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

#[path = "../../../tests/skip.rs"]
mod skip;

use skip::skip;

const APP: u32 = 1_400_000_001;
const KEY: &str = "0123456789abcdef";

fn settings(url: String, key: &str, sizes: &[usize]) -> Settings {
    let (unanswered, link) = (Duration::from_secs(1), Duration::from_millis(30));
    let issued = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let cast = Cast { app: AppId(APP), key: SecretKey::new(key).unwrap(), issued, unanswered, link };
    let mix = Mix { accept: 0.6, reject: 0.15, no_answer: 0.1, cancel: 0.15, group: 0.0, ring_group: 0.3 };
    let (ring, talk) = (Duration::from_millis(100), Duration::from_millis(150));
    let scenario = Scenario { rate: 12.0, seconds: 3, ring, talk, mix, seed: 1 };
    let (connects_per_second, settle) = (500.0, Duration::from_millis(50));
    Settings {
        url,
        cast,
        sizes: sizes.to_vec(),
        scenario,
        connects_per_second,
        settle,
        idle: Duration::from_millis(300),
        server: Some(std::process::id()),
        interface: Some("lo".to_owned()),
    }
}

async fn measured(settings: &Settings) -> Result<Report, RunError> {
    let tally = Arc::new(Tally::default());
    let hub = WebSocket::new(&settings.url, tally.clone()).unwrap();
    let (_stop, stopping) = watch::channel(false);
    timeout(Duration::from_secs(60), run(settings, hub, tally, stopping)).await.expect("a run ends by itself")
}

/// A broker with the files of config/mosquitto, which ends with its folder.
struct Mosquitto {
    process: Child,
    _folder: TempDir,
}

impl Mosquitto {
    async fn start(port: u16, passwords: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("passwords"), passwords).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/broker");
        let process = Command::new(script).arg(folder.path()).arg(port.to_string()).stderr(Stdio::null()).spawn();
        let broker = Self { process: process.unwrap(), _folder: folder };
        let listens = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(10), listens).await.expect("mosquitto listens");
        broker
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        // It may have ended already, which the test has noticed then.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Whether there is no Mosquitto here; then the test is noted as skipped.
fn is_missing(test: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut places = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    let missing = !places.any(|place| Path::new(place).join("mosquitto").exists());
    if missing {
        skip(test, "not installed: mosquitto");
    }
    missing
}

/// A hub, while `visit` visits it.
async fn with_hub<T>(visit: impl AsyncFnOnce(String) -> T) -> T {
    let folder = tempfile::tempdir().unwrap();
    let key_file = folder.path().join("key");
    std::fs::write(&key_file, KEY).unwrap();
    let (listen, store) = (Some(([127, 0, 0, 1], 0).into()), Some(folder.path().join("hub.db").display().to_string()));
    let flags = Flags { listen, app: Some(APP), key_file: Some(key_file), store, ..Flags::default() };
    let (ready, address) = oneshot::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    let stopping = async { drop(stopped.await) };
    let ready = |address| ready.send(address).expect("the test waits for it");
    let hub = tokio::spawn(hub::run(flags.settings().unwrap(), ready, stopping, tokio::sync::mpsc::channel(1).1));
    let address = timeout(Duration::from_secs(10), address).await.unwrap().unwrap();
    let seen = visit(format!("ws://{address}/ws")).await;
    drop(stop);
    timeout(Duration::from_secs(10), hub).await.unwrap().unwrap().unwrap();
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_stations_call_each_other_and_no_call_is_lost() {
    let report = with_hub(async |url| measured(&settings(url, KEY, &[10, 20])).await.unwrap()).await;
    for (point, stations) in report.points.iter().zip([10, 20]) {
        assert_eq!(point.stations, stations);
        assert!(point.is_good(), "{report}");
        assert_eq!(point.incidents, Default::default(), "{report}");
        assert_eq!(point.traffic.repeated, 0, "{report}");
    }
    let most = &report.points[1];
    assert!(most.calls >= 15, "{report}");
    for course in ["accept", "accept_group", "reject", "no_answer", "cancel"] {
        assert!(most.courses.contains_key(course), "{course}: {report}");
    }
    assert!(most.latency_ms.accept_confirm.count >= 10, "{report}");
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["points"][1]["stations"], 20);
    assert!(json["points"][1]["server"]["idle_bytes"].as_u64().unwrap() > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_group_calls_agree_who_is_in() {
    let report = with_hub(async |url| {
        let mut settings = settings(url, KEY, &[20]);
        settings.scenario.mix =
            Mix { accept: 0.0, reject: 0.0, no_answer: 0.0, cancel: 0.0, group: 1.0, ring_group: 0.0 };
        settings.scenario.rate = 2.0;
        measured(&settings).await.unwrap()
    })
    .await;
    let point = &report.points[0];
    assert!(point.is_good() && point.courses.get("group").is_some_and(|calls| *calls >= 3), "{report}");
    assert_eq!(point.incidents, Default::default(), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn they_do_so_through_a_broker_too() {
    if is_missing("they_do_so_through_a_broker_too") {
        return;
    }
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let settings = settings(format!("mqtt://127.0.0.1:{port}"), KEY, &[20]);
    let _broker = Mosquitto::start(port, &settings.cast.passwords(20)).await;
    let tally = Arc::new(Tally::default());
    let broker = Mqtt::new(&settings.url, tally.clone()).unwrap();
    let (_stop, stopping) = watch::channel(false);
    let report = timeout(Duration::from_secs(60), run(&settings, broker, tally, stopping)).await.unwrap().unwrap();
    let point = &report.points[0];
    assert!(point.is_good() && point.calls >= 15, "{report}");
    assert_eq!(point.incidents, Default::default(), "{report}");
    assert_eq!(point.traffic.repeated, 0, "{report}");
    assert!(report.idle.unwrap().a_minute().is_some() && point.carried.unwrap().packets > 0);
    let side_by_side = Comparison { servers: vec![report.clone(), report] }.to_string();
    assert!(side_by_side.contains("on the wire: KiB / packets a call"), "{side_by_side}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_in_words() {
    let error = with_hub(async |url| measured(&settings(url, "another", &[3])).await.unwrap_err()).await;
    assert!(error.to_string().contains("load-0000"), "{error}");
    assert!(error.to_string().contains("NotLoggedIn"), "{error}");
}
