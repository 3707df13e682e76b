//! A configuration that is read again while the hub runs.

use std::convert::Infallible;

use tokio::sync::mpsc;
use tracing::{info, warn};

use crate::config::Settings;
use crate::server::{Event, ServerState};

/// Applies each of the settings that come. Never ends: without a sender there is nothing more to apply.
pub(super) async fn follow(
    mut running: Settings,
    mut reloads: mpsc::Receiver<Settings>,
    state: &ServerState,
) -> Infallible {
    while let Some(new) = reloads.recv().await {
        let waiting = needs_restart(&running, &new);
        if !waiting.is_empty() {
            warn!(keys = waiting.join(", "), "these keys need a restart of the hub");
        }
        for warning in &new.warnings {
            warn!(warning, "configuration");
        }
        let mut server = new.server.clone();
        (server.demo, server.heartbeat) = (running.server.demo, running.server.heartbeat);
        server.max_sessions = running.server.max_sessions;
        // The loop hears of a new app before anybody can log in to it.
        state.tell(Event::Reconfigured { tenants: new.tenants.clone(), turn: new.turn.clone() }).await;
        let cut = state.reload(server.clone());
        info!(apps = server.apps.len(), sessions_ended = cut, "configuration reloaded");
        running = Settings { server, tenants: new.tenants, turn: new.turn, warnings: new.warnings, ..running };
    }
    std::future::pending().await
}

/// The keys that differ and that are read at the start only.
fn needs_restart(running: &Settings, new: &Settings) -> Vec<&'static str> {
    let differs = [
        ("server.listen", running.listen != new.listen),
        ("server.heartbeat_s", running.heartbeat != new.heartbeat),
        ("limits.sessions", running.server.max_sessions != new.server.max_sessions),
        ("store.path", running.store != new.store),
        ("broker", running.gateway != new.gateway),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
