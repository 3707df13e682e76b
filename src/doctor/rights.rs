//! May the service use a device node? Asked for the service's own user when root asks, for the caller otherwise.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The service's user, and the groups that its unit adds (`systemd/callbox.service`).
const SERVICE: &str = "callbox";
const SERVICE_GROUPS: [&str; 5] = ["audio", "video", "render", "input", "gpio"];

/// Somebody who opens devices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) name: String,
    uid: u32,
    groups: BTreeSet<u32>,
}

/// Why a node cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is not there.
    Absent,
    /// It belongs to another group.
    Forbidden { group: String },
}

impl Who {
    /// The service's user if it is root who asks and the package is installed; otherwise who asks.
    pub(super) fn find() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
        let uid = rustix::process::geteuid().as_raw();
        match (uid, Self::service(&passwd, &group)) {
            (0, Some(service)) => service,
            _ => Self::caller(uid, &passwd),
        }
    }

    fn service(passwd: &str, group: &str) -> Option<Self> {
        let (uid, gid) = user(passwd, SERVICE)?;
        let mut groups = BTreeSet::from([gid]);
        for line in group.lines() {
            let fields: Vec<_> = line.split(':').collect();
            let [name, _, gid, members] = fields[..] else { continue };
            if SERVICE_GROUPS.contains(&name) || members.split(',').any(|member| member == SERVICE) {
                groups.extend(gid.parse::<u32>());
            }
        }
        Some(Self { name: SERVICE.to_owned(), uid, groups })
    }

    fn caller(uid: u32, passwd: &str) -> Self {
        let mut groups: BTreeSet<u32> =
            rustix::process::getgroups().unwrap_or_default().into_iter().map(rustix::process::Gid::as_raw).collect();
        groups.insert(rustix::process::getegid().as_raw());
        let line = passwd.lines().find(|line| line.split(':').nth(2) == Some(&uid.to_string()));
        let name = line.and_then(|line| line.split(':').next()).unwrap_or("this user");
        Self { name: name.to_owned(), uid, groups }
    }

    /// Whether it may read, or read and write, a node.
    pub(super) fn may_use(&self, node: &Path, write: bool) -> Result<(), Trouble> {
        let meta = fs::metadata(node).map_err(|_| Trouble::Absent)?;
        if self.may((meta.mode(), meta.uid(), meta.gid()), write) {
            return Ok(());
        }
        let groups = fs::read_to_string("/etc/group").unwrap_or_default();
        let line = groups.lines().find(|line| line.split(':').nth(2) == Some(&meta.gid().to_string()));
        let group = line.and_then(|line| line.split(':').next()).map_or_else(|| meta.gid().to_string(), str::to_owned);
        Err(Trouble::Forbidden { group })
    }

    fn may(&self, (mode, uid, gid): (u32, u32, u32), write: bool) -> bool {
        let bits = match uid {
            _ if self.uid == 0 => return true,
            owner if owner == self.uid => mode >> 6,
            _ if self.groups.contains(&gid) => mode >> 3,
            _ => mode,
        };
        bits & 4 != 0 && (!write || bits & 2 != 0)
    }

    /// What gives it the right: root's own nodes get a group from the rules of the package, all others have one.
    pub(super) fn remedy(&self, trouble: &Trouble) -> String {
        match trouble {
            Trouble::Forbidden { group } if group != "root" => format!("sudo usermod -aG {group} {}", self.name),
            _ => "sudo udevadm control --reload && sudo udevadm trigger --action=change".to_owned(),
        }
    }
}

/// A user's uid and gid.
fn user(passwd: &str, name: &str) -> Option<(u32, u32)> {
    let line = passwd.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut ids = line.split(':').skip(2).map(|field| field.parse().ok());
    Some((ids.next()??, ids.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\ncallbox:x:990:991::/var/lib/callbox:/usr/sbin/nologin\n";
    const GROUP: &str = "root:x:0:\nvideo:x:44:\ngpio:x:992:\nlp:x:7:callbox,anna\nbroken\nkvm:x:108:\n";

    #[test]
    fn the_service_has_its_own_groups_and_those_of_its_unit() {
        let who = Who::service(PASSWD, GROUP).unwrap();
        assert_eq!((who.uid, who.groups), (990, BTreeSet::from([991, 44, 992, 7])));
        assert_eq!(Who::service("root:x:0:0::/root:/bin/sh", GROUP), None);
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let who = Who::service(PASSWD, GROUP).unwrap();
        assert!(who.may((0o660, 0, 44), true), "by group");
        assert!(!who.may((0o660, 0, 108), false), "of another group");
        assert!(who.may((0o664, 0, 108), false) && !who.may((0o664, 0, 108), true), "as anybody");
        assert!(!who.may((0o066, 990, 44), false), "the owner is not anybody");
        assert!(Who { uid: 0, ..who }.may((0, 990, 0), true), "root");
    }

    #[test]
    fn a_node_that_is_not_there_is_told_apart() {
        let who = Who::service(PASSWD, GROUP).unwrap();
        assert_eq!(who.may_use(Path::new("/dev/nonexistent"), false), Err(Trouble::Absent));
        assert_eq!(who.may_use(Path::new("/dev/null"), true), Ok(()));
        assert_eq!(who.remedy(&Trouble::Forbidden { group: "kvm".into() }), "sudo usermod -aG kvm callbox");
    }
}
