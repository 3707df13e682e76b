//! Tickets: UserSig v2, the HMAC token a user logs in with. Pure; the time comes in as unix seconds.
//!
//! ```
//! use callbox_core::{ids::{AppId, UserId}, ticket};
//!
//! let (app, key) = (AppId(1400000000), ticket::SecretKey::new("5bd2850fff3ecb11")?);
//! let anna: UserId = "anna".parse()?;
//! let token = ticket::make(app, &key, &anna, 1_600_000_000, 86_400);
//! assert_eq!(ticket::verify(app, &key, &anna, &token, 1_600_000_001)?.expires_at(), 1_600_086_400);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod claims;
mod codec;
mod error;
mod key;
mod login;
mod rights;
#[cfg(test)]
mod tests;

pub use claims::Claims;
pub use error::TicketError;
pub use key::{BadKey, SecretKey};
pub use login::{LoginRules, ValidFrom};
pub use rights::{BadRights, BadRoom, Rights, Room, RoomName, RoomRights};

use crate::ids::{AppId, UserId};

/// The longest token looked at, in bytes. Those of the official libraries take 150 to 600.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// How far `TLS.time` may lie in the future: the clock that made the ticket need not be ours.
pub const CLOCK_SKEW_SECS: u64 = 300;

/// Makes a ticket for `user`, valid from `now_unix` for `expire_secs` seconds. A ticket for 0 seconds is never valid.
pub fn make(app: AppId, key: &SecretKey, user: &UserId, now_unix: u64, expire_secs: u64) -> String {
    codec::seal(key, &Claims { user: user.clone(), app, issued_at: now_unix, expire: expire_secs, userbuf: None })
}

/// Makes the room-rights variant (TRTC's `PrivateMapKey`): a ticket that also says what its user may do in one room.
pub fn make_with_rights(
    app: AppId,
    key: &SecretKey,
    user: &UserId,
    now_unix: u64,
    expire_secs: u64,
    room: &Room,
    rights: Rights,
) -> String {
    // The field has 32 bits: a right that would end after February 2106 ends then.
    let expires_at = u32::try_from(now_unix.saturating_add(expire_secs)).unwrap_or(u32::MAX);
    let userbuf = RoomRights { room: room.clone(), rights, expires_at }.to_bytes(app, user);
    codec::seal(
        key,
        &Claims { user: user.clone(), app, issued_at: now_unix, expire: expire_secs, userbuf: Some(userbuf) },
    )
}

/// Reads what a ticket says **without** checking its signature or its time: for showing it, never for letting somebody in.
///
/// # Errors
/// [`TicketError`] when the text is no ticket.
pub fn read(token: &str) -> Result<Claims, TicketError> {
    codec::open(token).map(|(claims, _)| claims)
}

/// Checks that a ticket was made with `key` for this app and user and is valid at `now_unix`.
///
/// App and user are compared first: everybody can read them in a ticket, so a refusal that names them tells nothing, and says more
/// than "wrong key" would. The signature comes before the time, so that only a genuine ticket is ever called expired: 70001 is the one
/// code upon which a client fetches a new ticket and tries again, and a forged ticket must not send it round that loop.
///
/// # Errors
/// [`TicketError`]; its [`code`](TicketError::code) is the published one.
pub fn verify(app: AppId, key: &SecretKey, user: &UserId, token: &str, now_unix: u64) -> Result<Claims, TicketError> {
    let (claims, signature) = codec::open(token)?;
    check_claims(std::iter::once(key), app, user, &claims, &signature, now_unix)?;
    Ok(claims)
}

/// Checks what [`verify`] checks, with one of several keys.
fn check_claims<'a>(
    mut keys: impl Iterator<Item = &'a SecretKey>,
    app: AppId,
    user: &UserId,
    claims: &Claims,
    signature: &[u8],
    now_unix: u64,
) -> Result<(), TicketError> {
    if claims.app != app {
        return Err(TicketError::OtherApp { found: claims.app, expected: app });
    }
    if claims.user != *user {
        return Err(TicketError::OtherUser { found: claims.user.clone(), expected: user.clone() });
    }
    if !keys.any(|key| codec::is_signed_by(key, claims, signature)) {
        return Err(TicketError::WrongKey);
    }
    check_time(claims, now_unix)
}

fn check_time(claims: &Claims, now: u64) -> Result<(), TicketError> {
    let Some(end) = claims.issued_at.checked_add(claims.expire).filter(|_| claims.expire > 0) else {
        return Err(TicketError::BadLifetime { expire: claims.expire });
    };
    // The last second counts: the official verifiers refuse only what is later than time + expire.
    if now > end {
        return Err(TicketError::Expired { ago_secs: now - end });
    }
    if claims.issued_at > now.saturating_add(CLOCK_SKEW_SECS) {
        return Err(TicketError::NotYetValid { ahead_secs: claims.issued_at - now });
    }
    Ok(())
}
