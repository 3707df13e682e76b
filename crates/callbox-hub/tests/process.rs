//! The program itself, started and ended by its process id.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::client::Client;
use crate::house::{APP, ticket};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_callbox-hub");

/// A hub in a process of its own; it is killed with the test.
pub(crate) struct Process {
    pub(crate) child: Child,
    address: SocketAddr,
}

impl Process {
    /// Starts it on a free port, which it tells in its log.
    pub(crate) fn start(folder: &Path) -> Self {
        Self::with(folder, "")
    }

    /// Starts it with more in its configuration.
    pub(crate) fn with(folder: &Path, more: &str) -> Self {
        let config = folder.join("hub.toml");
        let text = format!("[server]\nlisten = \"127.0.0.1:0\"\n{more}[[app]]\nid = {APP}\nkey = \"key-of-{APP}\"\n");
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(PROGRAM)
            .args(["run", "--config"])
            .arg(&config)
            .env_remove("CALLBOX_LOG")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = lines.find_map(|line| line.ok().filter(|line| line.contains("listening"))).unwrap();
        std::thread::spawn(move || lines.for_each(drop));
        let address = line.split("address=").nth(1).unwrap().trim().parse().unwrap();
        Self { child, address }
    }

    pub(crate) async fn device(&self, user: &str, device: &str) -> Client {
        let mut client = Client::connect(self.address).await;
        client.login(APP, user, device, &ticket(APP, user, 60)).await;
        assert_eq!(client.hear().await["type"], "welcome");
        client
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
