//! Time-limited TURN credentials: user name `expiry:user`, password its HMAC-SHA1 (draft-uberti-behave-turn-rest-00).

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use callbox_core::ids::UserId;
use callbox_core::protocol::IceServer;
use hmac::{Hmac, Mac};
use sha1::Sha1;

/// The STUN and TURN servers a session is told of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `stun:` addresses.
    pub stun: Vec<String>,
    /// TURN, if there is one.
    pub turn: Option<Turn>,
}

/// A TURN server that shares a secret with the hub (coturn: `use-auth-secret`, `static-auth-secret`).
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// `turn:` and `turns:` addresses.
    pub urls: Vec<String>,
    /// The shared secret.
    pub secret: String,
    /// How long credentials are good.
    pub lifetime: Duration,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

impl Settings {
    /// The servers for one user, with credentials that are good from `now_unix` (seconds) for their lifetime.
    pub fn ice_servers(&self, user: &UserId, now_unix: u64) -> Vec<IceServer> {
        let stun =
            (!self.stun.is_empty()).then(|| IceServer { urls: self.stun.clone(), username: None, credential: None });
        let turn = self.turn.as_ref().map(|turn| {
            let username = format!("{}:{user}", now_unix.saturating_add(turn.lifetime.as_secs()));
            let credential = Some(sign(&turn.secret, &username));
            IceServer { urls: turn.urls.clone(), username: Some(username), credential }
        });
        stun.into_iter().chain(turn).collect()
    }

    /// How often a session needs new credentials.
    pub fn renew_every(&self) -> Option<Duration> {
        self.turn.as_ref().map(|turn| turn.lifetime / 2)
    }
}

fn sign(secret: &str, username: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(username.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_what_openssl_makes_of_them() {
        // printf 1600086400:anna | openssl dgst -sha1 -hmac north -binary | base64
        let turn = Turn {
            urls: vec!["turn:hub.example:3478".to_owned()],
            secret: "north".to_owned(),
            lifetime: Duration::from_secs(86_400),
        };
        let settings = Settings { stun: vec!["stun:hub.example:3478".to_owned()], turn: Some(turn) };
        let servers = settings.ice_servers(&"anna".parse().unwrap(), 1_600_000_000);
        assert_eq!(servers.len(), 2);
        assert_eq!(servers[0].username, None);
        assert_eq!(servers[1].username.as_deref(), Some("1600086400:anna"));
        assert_eq!(servers[1].credential.as_deref(), Some("1HTUl52JfLHAvy2uXAPWko16/60="));
    }

    #[test]
    fn without_servers_nothing_is_told() {
        assert!(Settings::default().ice_servers(&"anna".parse().unwrap(), 0).is_empty());
    }
}
