//! What happens outside of the panel: signalling, network, clock.

use std::time::Instant;

use callbox_core::protocol::IceServer;
use callbox_core::station::Input;
use serde_json::json;

use super::Shell;
use crate::{network, signaling};

impl Shell {
    /// Somebody set the clock: what was refused because of the time may be good now.
    pub(super) fn clock_was_set(&mut self) {
        tracing::info!("the system's clock was set");
        self.edges.signaling.clock_was_set();
        self.look_at_clock();
    }

    pub(in crate::daemon) fn look_at_clock(&mut self) {
        let Some(clock) = self.clock.as_mut() else { return };
        let time = clock.look(Instant::now());
        let fault = clock.fault();
        self.handle(Input::LocalTime(time));
        self.judge("time zone", fault);
    }

    pub(super) fn signaled(&mut self, event: signaling::Event) {
        match event {
            signaling::Event::Up { you, ice_servers } => {
                tracing::info!(%you, ice_servers = ice_servers.len(), "signalling is up");
                self.hub_servers = ice_servers;
                self.tell_ice_servers();
                self.journal.tell("signaling", || json!({ "state": "up" }));
                self.outlook.signaling(true);
                self.handle(Input::SignalingUp);
                self.become_ready();
            }
            signaling::Event::Down { reason } => {
                self.journal.tell("signaling", || json!({ "state": "down", "reason": reason }));
                self.outlook.signaling(false);
                self.handle(Input::SignalingDown);
                self.show_status();
            }
            signaling::Event::Heard { from, message } => drop(self.handle(Input::Heard { from, message })),
            signaling::Event::Presence { peer, online } => drop(self.handle(Input::Presence { peer, online })),
            signaling::Event::Missed { call, caller, media, ago_ms } => {
                self.journal.missed(call, caller, media, ago_ms)
            }
            signaling::Event::Fared { code, call, about, to, text, .. } => {
                let user = to.as_ref().map(|to| to.user.to_string());
                tracing::info!(?code, ?call, about, user, text, "the hub did not pass a message on");
                self.journal
                    .tell("refused", || json!({ "code": code, "about": about, "call": call, "to": to, "text": text }));
                if let (Some("invite"), Some(call), Some(to)) = (about, call, to) {
                    self.handle(Input::InviteResult { call, user: to.user, code });
                }
            }
        }
    }

    /// Signalling first: what the station says then goes out on the new connection.
    pub(super) fn network(&mut self, event: &network::Event) {
        tracing::info!(?event, "the network changed");
        let state = match event {
            network::Event::Lost(addresses) => {
                self.edges.signaling.network_lost(addresses.clone());
                "lost"
            }
            network::Event::Moved => {
                self.edges.signaling.network_moved();
                "moved"
            }
            network::Event::Gained => {
                self.edges.signaling.network_gained();
                "gained"
            }
        };
        self.journal.tell("network", || json!({ "state": state }));
        if *event == network::Event::Moved {
            self.handle(Input::NetworkChanged);
        }
    }

    /// Those of the hub, and our own.
    pub(in crate::daemon) fn tell_ice_servers(&mut self) {
        let servers: Vec<IceServer> = self.hub_servers.iter().chain(&self.settings.ice_servers).cloned().collect();
        self.ice_urls = servers.iter().flat_map(|server| server.urls.iter().cloned()).collect();
        self.edges.set_ice_servers(servers);
    }
}
