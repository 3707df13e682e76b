//! Where a demonstration plays: a folder, a key, a hub, and the parties.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use super::child::Child;
use super::folder::Folder;
use super::party::{Cast, Party};
use super::{Early, Failure};

/// The app of every demonstration.
pub(super) const APP: u32 = 1_400_000_000;
const PORTS: u16 = 50;
const START: Duration = Duration::from_secs(10);

/// Everything that was started, and has to be ended.
pub(super) struct Stage {
    folder: Folder,
    hub: Option<Child>,
    port: u16,
    parties: Vec<Child>,
}

impl Stage {
    pub(super) fn new(keep: bool) -> Result<Self, Failure> {
        let folder = Folder::new(keep).map_err(|error| Failure::new("make a temporary folder", error))?;
        Ok(Self { folder, hub: None, port: 0, parties: Vec::new() })
    }

    /// Starts a hub on the first free port from this one on; 0: any port. Gives the port.
    pub(super) async fn start_hub(&mut self, first: u16) -> Result<u16, Failure> {
        let step = "start the hub";
        let program = hub_program().map_err(|why| Failure::new(step, why))?;
        self.write_key().map_err(|error| Failure::new(step, error))?;
        let mut tried = first;
        let mut why = String::new();
        for _ in 0..PORTS {
            let port = free_port(tried).map_err(|error| Failure::new(step, error))?;
            match self.try_hub(&program, port).await {
                Ok(hub) => {
                    (self.hub, self.port) = (Some(hub), port);
                    return Ok(port);
                }
                Err(said) => why = said,
            }
            // Somebody else took the port between our look and the hub's.
            tried = if first == 0 { 0 } else { port.saturating_add(1) };
            if !why.contains("in use") {
                break;
            }
        }
        Err(Failure::new(step, why))
    }

    /// Starts a daemon for this part.
    pub(super) async fn start_party(
        &mut self,
        step: &'static str,
        cast: &Cast,
        early: Early,
    ) -> Result<Party, Failure> {
        let failed = |error: std::io::Error| Failure::new(step, error);
        let program = std::env::current_exe().map_err(failed)?;
        let path = self.folder.path();
        let (config, socket) = (path.join(format!("{}.toml", cast.user)), path.join(format!("{}.sock", cast.user)));
        std::fs::write(&config, cast.config(self.port, early.as_str())).map_err(failed)?;
        let log = path.join(format!("{}.log", cast.user));
        let mut child = Child::start(&program, &["run", "--config", &config.to_string_lossy()], log).map_err(failed)?;
        let until = Instant::now() + START;
        let party = loop {
            if let Err(why) = child.check() {
                return Err(Failure::new(step, why));
            }
            if let Ok(party) = Party::connect(cast.clone(), socket.clone()).await {
                break party;
            }
            if Instant::now() >= until {
                return Err(Failure::new(step, format!("not there after 10 s:\n{}", child.tail())));
            }
            sleep(Duration::from_millis(50)).await;
        };
        self.parties.push(child);
        Ok(party)
    }

    /// Whether everything that was started still runs.
    pub(super) fn check(&mut self) -> Result<(), String> {
        self.hub.iter_mut().chain(&mut self.parties).try_for_each(Child::check)
    }

    /// The last lines that each daemon logged, for a failure.
    pub(super) fn tails(&self) -> String {
        let tails: Vec<_> = self.hub.iter().chain(&self.parties).map(Child::tail).collect();
        tails.join("\n--\n")
    }

    /// Ends everything, the daemons before the hub, so that they can say good-bye.
    pub(super) async fn end(&mut self) {
        let mut ending = tokio::task::JoinSet::new();
        for party in self.parties.drain(..) {
            ending.spawn(party.end());
        }
        ending.join_all().await;
        if let Some(hub) = self.hub.take() {
            hub.end().await;
        }
    }

    fn write_key(&self) -> std::io::Result<()> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(std::io::Error::other)?;
        let text: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = self.folder.path().join("key");
        let mut file = std::fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())
    }

    #[expect(clippy::disallowed_methods, reason = "an address of this machine, not a name")]
    async fn try_hub(&self, program: &std::path::Path, port: u16) -> Result<Child, String> {
        let path = self.folder.path();
        let (key, store) = (path.join("key"), path.join("hub.db"));
        let (key, store) = (key.to_string_lossy(), store.to_string_lossy());
        let (listen, app) = (format!("127.0.0.1:{port}"), APP.to_string());
        let args = ["run", "--listen", &listen, "--app", &app, "--key-file", &key, "--store", &store, "--demo"];
        let mut hub = Child::start(program, &args, path.join("hub.log"))
            .map_err(|error| format!("{}: {error}", program.display()))?;
        let until = Instant::now() + START;
        loop {
            hub.check()?;
            if TcpStream::connect(&listen).await.is_ok() {
                // It may be somebody else who answers on this port, while our hub is about to give up.
                sleep(Duration::from_millis(50)).await;
                return hub.check().map(|()| hub);
            }
            if Instant::now() >= until {
                return Err(format!("nobody answers on {listen} after 10 s:\n{}", hub.tail()));
            }
            sleep(Duration::from_millis(30)).await;
        }
    }
}

fn free_port(first: u16) -> std::io::Result<u16> {
    let bind = |port| TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    if first == 0 {
        return Ok(bind(0)?.local_addr()?.port());
    }
    let free = (first..first.saturating_add(PORTS)).find(|port| bind(*port).is_ok());
    free.ok_or_else(|| std::io::Error::other(format!("no free port from {first} on: choose another with --port")))
}

/// `CALLBOX_HUB`, or the program beside this one.
fn hub_program() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("CALLBOX_HUB") {
        return Ok(path.into());
    }
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let beside = own.with_file_name("callbox-hub");
    if beside.is_file() {
        return Ok(beside);
    }
    Err(format!("{} is not there: `cargo build --workspace` makes it, CALLBOX_HUB names another", beside.display()))
}
