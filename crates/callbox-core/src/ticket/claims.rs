//! What a ticket says.

use super::rights::{BadRights, RoomRights};
use crate::ids::{AppId, UserId};

/// What a ticket says. Only [`verify`](super::verify) makes it true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who logs in with it (`TLS.identifier`).
    pub user: UserId,
    /// The tenant (`TLS.sdkappid`).
    pub app: AppId,
    /// When it was made, in unix seconds (`TLS.time`).
    pub issued_at: u64,
    /// Seconds it is valid for (`TLS.expire`).
    pub expire: u64,
    /// Bytes its maker put into it (`TLS.userbuf`).
    pub userbuf: Option<Vec<u8>>,
}

impl Claims {
    /// The last unix second in which it is valid.
    pub fn expires_at(&self) -> u64 {
        self.issued_at.saturating_add(self.expire)
    }

    /// What its user may do in one room, when it is the room-rights variant; `None` when it carries no bytes at all.
    ///
    /// # Errors
    /// [`BadRights`] when the bytes are something else, or name another user or app than the ticket.
    pub fn rights(&self) -> Result<Option<RoomRights>, BadRights> {
        self.userbuf.as_deref().map(|bytes| RoomRights::from_bytes(bytes, self.app, &self.user)).transpose()
    }
}
