//! `[network]`, `[control]`, `[records]` and `[log]`.

use std::path::PathBuf;
use std::time::Duration;

use callbox_core::ice::{IceKind, IceUrl};
use callbox_core::protocol::IceServer;

use super::check::Check;
use super::raw;
use crate::media::{IceTransportPolicy, Settings};
use crate::{album, control, record};

const SERVER: &str = "stun:HOST[:PORT], turn:HOST[:PORT] or turns:HOST[:PORT] (RFC 7064, RFC 7065)";
/// A socket's path has to fit into 108 bytes with its end (`man 7 unix`).
const SOCKET_PATH: usize = 107;
const INTERFACE: &str = "an interface's name as `ip link` shows it, such as \"eth0\"";
/// `IFNAMSIZ` of linux/if.h, without the end of the text.
const INTERFACE_NAME: usize = 15;

/// Reads `[network]`; gives our own STUN and TURN servers.
pub(super) fn network(check: &mut Check<'_>, raw: &raw::Network, media: &mut Settings) -> Vec<IceServer> {
    let jitter = check.number("network.jitter", raw.jitter.as_ref(), 10..=1000, 40);
    media.jitter_buffer = Duration::from_millis(jitter);
    if raw.relay_only == Some(true) {
        media.ice_transport_policy = IceTransportPolicy::Relay;
    }
    if let Some(ports) = &raw.ports {
        let both: Option<Vec<u16>> = ports.get_ref().iter().map(|port| u16::try_from(*port).ok()).collect();
        match both.as_deref() {
            Some([first, last]) if *first >= 1024 && first < last => media.ports = Some((*first, *last)),
            _ => check.wrong(
                "network.ports",
                ports.span(),
                format!("{:?}", ports.get_ref()),
                "[FIRST, LAST], 1024 to 65535",
            ),
        }
    }
    media.interfaces = raw.interfaces.iter().filter_map(|name| interface(check, name)).collect();
    let servers: Vec<_> = raw.ice_servers.iter().map(|server| ice_server(check, server)).collect();
    media.ice_servers.clone_from(&servers);
    servers
}

/// One that is not there is a matter of the system: it may be plugged in later.
fn interface(check: &mut Check<'_>, name: &raw::Text) -> Option<String> {
    let text = name.get_ref();
    let is_name = (1..=INTERFACE_NAME).contains(&text.len())
        && text != "."
        && text != ".."
        && text.chars().all(|letter| letter.is_ascii_graphic() && !"/:".contains(letter));
    if !is_name {
        check.wrong("network.interfaces", name.span(), format!("{text:?}"), INTERFACE);
    }
    is_name.then(|| text.clone())
}

fn ice_server(check: &mut Check<'_>, server: &toml::Spanned<raw::Server>) -> IceServer {
    let raw = server.get_ref();
    let mut is_turn = false;
    for url in &raw.urls {
        let why = match url.get_ref().parse::<IceUrl>() {
            // webrtcbin asks STUN servers by UDP alone.
            Ok(IceUrl { kind: IceKind::Stun, is_secure: true, .. }) => "STUN by TLS is not spoken here".to_owned(),
            Ok(parsed) => {
                is_turn |= parsed.kind == IceKind::Turn;
                continue;
            }
            Err(error) => error.to_string(),
        };
        check.wrong("network.ice_servers.urls", url.span(), format!("{:?} ({why})", url.get_ref()), SERVER);
    }
    if raw.urls.is_empty() {
        check.wrong("network.ice_servers.urls", server.span(), "no address", SERVER);
    } else if is_turn && (raw.username.is_none() || raw.credential.is_none()) {
        check.wrong("network.ice_servers", server.span(), "a TURN server alone", "with username and credential");
    }
    IceServer {
        urls: raw.urls.iter().map(|url| url.get_ref().clone()).collect(),
        username: raw.username.clone(),
        credential: raw.credential.clone(),
    }
}

/// Reads `[control]`.
pub(super) fn control(check: &mut Check<'_>, raw: &raw::Control) -> control::Settings {
    let socket = raw.socket.as_ref().and_then(|text| {
        let path = check.path("control.socket", text)?;
        if path.as_os_str().len() > SOCKET_PATH {
            check.wrong("control.socket", text.span(), path.display(), "a path of at most 107 bytes");
        }
        Some(path)
    });
    control::Settings { socket: socket.unwrap_or_else(|| PathBuf::from(control::DEFAULT_SOCKET)) }
}

/// Reads `[snapshots]`.
pub(super) fn snapshots(check: &mut Check<'_>, raw: &raw::Snapshots, media: &mut Settings) -> album::Settings {
    let path = raw.path.as_ref().and_then(|text| check.path("snapshots.path", text));
    let max_calls = check.number("snapshots.max_calls", raw.max_calls.as_ref(), 1..=100_000, 100);
    media.camera_always = path.is_some() && raw.before.unwrap_or(false);
    album::Settings { path, max_calls, send: raw.send.unwrap_or(true) }
}

/// Reads `[records]`.
pub(super) fn records(check: &mut Check<'_>, raw: &raw::Records) -> record::Settings {
    let path = raw.path.as_ref().and_then(|text| check.path("records.path", text));
    let max_entries = check.number("records.max_entries", raw.max_entries.as_ref(), 10..=1_000_000, 1000);
    record::Settings { path, max_entries }
}

/// Reads `[log]`.
pub(super) fn log(check: &mut Check<'_>, raw: &raw::Log) -> String {
    let Some(level) = &raw.level else { return "info".to_owned() };
    if level.get_ref().parse::<tracing_subscriber::EnvFilter>().is_err() || level.get_ref().trim().is_empty() {
        let allowed = "error, warn, info, debug, trace, or directives such as \"info,callbox::signaling=debug\"";
        check.wrong("log.level", level.span(), format!("{:?}", level.get_ref()), allowed);
    }
    level.get_ref().clone()
}
