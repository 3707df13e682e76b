//! A new configuration while we run: what can change changes, what cannot is said.

use std::path::PathBuf;
use std::time::Instant;

use tokio::signal::unix::Signal;
use tokio::sync::mpsc;

use super::shell::Shell;
use super::systemd;
use super::wall_clock::WallClock;
use crate::album::Album;
use crate::config::{ConfigError, Settings};

/// A file that was read again.
pub(super) type Read = Result<Settings, ConfigError>;

/// Reads the file at each signal, aside, for a disk may be slow.
pub(super) fn listen(mut hangups: Signal, path: PathBuf) -> mpsc::Receiver<Read> {
    let (tell, told) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            let path = path.clone();
            let read = match tokio::task::spawn_blocking(move || Settings::load(&path)).await {
                Ok(read) => read,
                Err(error) => {
                    tracing::error!(%error, "the configuration is not read");
                    continue;
                }
            };
            if tell.send(read).await.is_err() {
                return;
            }
        }
    });
    told
}

/// What two configurations differ in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// Tables that are taken over.
    pub(super) taken: Vec<&'static str>,
    /// Tables that need a new start.
    pub(super) left: Vec<&'static str>,
}

/// Compares them, table by table.
pub(super) fn compare(old: &Settings, new: &Settings) -> Change {
    let mut change = Change::default();
    let mut differs = |table, differs: bool, can_change: bool| {
        if differs {
            if can_change { change.taken.push(table) } else { change.left.push(table) }
        }
    };
    differs(
        "call, callers, do_not_disturb, auto_answer",
        old.policy != new.policy || old.time_zone != new.time_zone,
        true,
    );
    differs("camera, microphone, speaker, screen, video, network", old.media != new.media, true);
    differs("network.ice_servers", old.ice_servers != new.ice_servers, true);
    differs("records", old.records != new.records, true);
    differs("snapshots", old.album != new.album, true);
    differs("log", old.log != new.log, true);
    differs("user, signaling", old.signaling != new.signaling, false);
    differs("buttons, door", old.panel != new.panel, false);
    differs("control", old.control != new.control, false);
    change
}

impl Shell {
    /// The operator changed the configuration: takes over what can be taken over.
    pub(super) fn reload(&mut self, read: Read) {
        systemd::reloading();
        self.edges.media.retry();
        match read {
            Err(error) => tracing::warn!(%error, "the configuration is not taken over: the old one stays"),
            Ok(new) => self.take_over(new),
        }
        self.become_ready();
    }

    fn take_over(&mut self, new: Settings) {
        let change = compare(&self.settings, &new);
        let old = std::mem::replace(&mut self.settings, new);
        let new = &self.settings;
        if old.policy != new.policy || old.time_zone != new.time_zone {
            self.station.set_policy(new.policy.clone());
            self.clock = WallClock::of(new, Instant::now());
        }
        if old.media != new.media {
            self.edges.media.configure(new.media.clone());
        }
        if old.records != new.records {
            self.edges.set_records(new.records.clone());
        }
        self.edges.album = Album::open(new.album.clone());
        if old.log != new.log {
            (self.set_log)(&new.log);
        }
        if self.clock.is_none() {
            self.judge("time zone", None);
        }
        self.tell_ice_servers();
        // What needs a new start stays as it is, also for the next comparison.
        self.settings.signaling = old.signaling;
        self.settings.control = old.control;
        self.settings.panel = old.panel;
        let (taken, left) = (change.taken.join("; "), change.left.join("; "));
        if left.is_empty() {
            tracing::info!(taken, "configuration read again");
        } else {
            tracing::warn!(taken, left, "configuration read again; what is left needs `systemctl restart callbox`");
        }
    }
}
