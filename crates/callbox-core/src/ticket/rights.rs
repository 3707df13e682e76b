//! The room-rights variant: what a user may do in one room, packed into a ticket's `TLS.userbuf` (TRTC's `PrivateMapKey`).

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::ids::{AppId, UserId};

/// A room: by number or by name. Room 123 and the room named `123` are two rooms.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Room {
    /// A numbered room.
    Number(NonZeroU32),
    /// A named room.
    Name(RoomName),
}

/// The name of a room: 1 to 64 of the 89 characters that TRTC allows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoomName(String);

/// Why a text is no room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{found}` is no room: use a number from 1 to 4294967295, or a name of 1 to 64 of A-Z a-z 0-9, space and {PUNCTUATION}"
)]
pub struct BadRoom {
    found: String,
}

const PUNCTUATION: &str = "!#$%&()+-:;<=.>?@[]^_{}|~,";

/// What a user may do in a room: one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rights(pub u8);

/// One room and what the ticket's user may do in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRights {
    /// The room.
    pub room: Room,
    /// What is allowed.
    pub rights: Rights,
    /// The last unix second in which it is allowed.
    pub expires_at: u32,
}

/// Why a ticket's bytes are no room rights.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRights {
    /// Another structure, or a part of one.
    #[error("the ticket's userbuf is no room-rights structure")]
    NotRights,
    /// The structure was made for somebody else.
    #[error("the ticket's room rights are for another user or app than the ticket")]
    NotTheTickets,
    /// The structure names no possible room.
    #[error(transparent)]
    Room(#[from] BadRoom),
}

impl RoomName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RoomName {
    type Err = BadRoom;
    fn from_str(text: &str) -> Result<Self, BadRoom> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == ' ' || PUNCTUATION.contains(c);
        if (1..=64).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(Self(text.to_owned()));
        }
        Err(BadRoom { found: text.chars().take(80).collect() })
    }
}

impl FromStr for Room {
    type Err = BadRoom;
    /// Digits alone are a number, anything else a name.
    fn from_str(text: &str) -> Result<Self, BadRoom> {
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text.parse().map(Self::Number).map_err(|_| BadRoom { found: text.chars().take(80).collect() });
        }
        text.parse().map(Self::Name)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(&name.0),
        }
    }
}

impl Rights {
    /// Create the room.
    pub const CREATE_ROOM: Self = Self(1);
    /// Join the room.
    pub const JOIN_ROOM: Self = Self(2);
    /// Send a microphone.
    pub const SEND_AUDIO: Self = Self(4);
    /// Hear the others.
    pub const RECEIVE_AUDIO: Self = Self(8);
    /// Send a camera.
    pub const SEND_VIDEO: Self = Self(16);
    /// See the others.
    pub const RECEIVE_VIDEO: Self = Self(32);
    /// Send a screen.
    pub const SEND_SCREEN: Self = Self(64);
    /// See the others' screens.
    pub const RECEIVE_SCREEN: Self = Self(128);
    /// Everything.
    pub const ALL: Self = Self(255);

    const NAMES: [&str; 8] = [
        "create_room",
        "join_room",
        "send_audio",
        "receive_audio",
        "send_video",
        "receive_video",
        "send_screen",
        "receive_screen",
    ];

    /// Whether all of `other` is allowed.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The name of each right that is allowed.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().enumerate().filter(move |(bit, _)| self.0 & (1 << bit) != 0).map(|(_, name)| name)
    }
}

impl RoomRights {
    /// Big-endian: form (0 number, 1 name), user, app, room number, end, rights, account type 0, and the room's name.
    pub(super) fn to_bytes(&self, app: AppId, user: &UserId) -> Vec<u8> {
        let (form, number, name) = match &self.room {
            Room::Number(number) => (0, number.get(), None),
            Room::Name(name) => (1, 0, Some(&name.0)),
        };
        let mut bytes = vec![form];
        put_text(&mut bytes, user.as_str());
        for field in [app.0, number, self.expires_at, u32::from(self.rights.0), 0] {
            bytes.extend(field.to_be_bytes());
        }
        if let Some(name) = name {
            put_text(&mut bytes, name);
        }
        bytes
    }

    pub(super) fn from_bytes(bytes: &[u8], app: AppId, user: &UserId) -> Result<Self, BadRights> {
        let mut rest = bytes;
        let raw = Raw::take(&mut rest).filter(|_| rest.is_empty()).ok_or(BadRights::NotRights)?;
        if raw.account != user.as_str() || raw.app != app.0 {
            return Err(BadRights::NotTheTickets);
        }
        let room = match raw.name {
            Some(name) => Room::Name(name.parse()?),
            None => raw.number.to_string().parse()?,
        };
        Ok(Self { room, rights: raw.rights, expires_at: raw.expires_at })
    }
}

/// The fields as they lie in the bytes.
struct Raw<'a> {
    account: &'a str,
    app: u32,
    number: u32,
    expires_at: u32,
    rights: Rights,
    name: Option<&'a str>,
}

impl<'a> Raw<'a> {
    fn take(rest: &mut &'a [u8]) -> Option<Self> {
        let [form] = take_array(rest)?;
        let account = take_text(rest)?;
        let mut word = || take_array(rest).map(u32::from_be_bytes);
        let (app, number, expires_at, map, _account_type) = (word()?, word()?, word()?, word()?, word()?);
        let name = match form {
            0 => None,
            1 => Some(take_text(rest)?),
            _ => return None,
        };
        // Of the 32 bits only the low 8 have a meaning.
        Some(Self { account, app, number, expires_at, rights: Rights(map.to_be_bytes()[3]), name })
    }
}

fn put_text(bytes: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).expect("a user has at most 32 bytes, a room's name 64");
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

fn take_array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::from(u16::from_be_bytes(take_array(rest)?));
    let (head, tail) = rest.split_at_checked(length)?;
    *rest = tail;
    std::str::from_utf8(head).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_a_number_or_a_name() {
        assert_eq!("10000".parse(), Ok(Room::Number(NonZeroU32::new(10000).unwrap())));
        assert!(matches!("adbjkl".parse(), Ok(Room::Name(_))));
        for bad in ["", "0", "4294967296", "room/1", "Zimmer Ä", &"x".repeat(65)] {
            assert!(bad.parse::<Room>().is_err(), "{bad}");
        }
        assert_eq!(PUNCTUATION.len() + 1 + 62, 89);
    }

    #[test]
    fn rights_have_names() {
        assert_eq!(Rights(42).names().collect::<Vec<_>>(), ["join_room", "receive_audio", "receive_video"]);
        assert!(Rights(42).contains(Rights::JOIN_ROOM) && !Rights(42).contains(Rights::SEND_AUDIO));
        assert_eq!(Rights::ALL.names().count(), 8);
    }

    #[test]
    fn bytes_cut_anywhere_are_no_rights() {
        let (app, user) = (AppId(1), "anna".parse().unwrap());
        let rights = RoomRights { room: "hall".parse().unwrap(), rights: Rights(42), expires_at: 7 };
        let bytes = rights.to_bytes(app, &user);
        assert_eq!(RoomRights::from_bytes(&bytes, app, &user), Ok(rights));
        for end in 0..bytes.len() {
            assert_eq!(RoomRights::from_bytes(&bytes[..end], app, &user), Err(BadRights::NotRights));
        }
        assert_eq!(RoomRights::from_bytes(&bytes, AppId(2), &user), Err(BadRights::NotTheTickets));
    }
}
