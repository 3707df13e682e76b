//! Who holds the display? One program at a time may set the picture of a DRM device; a desktop that runs is in the way.

use std::fs;
use std::path::Path;

/// The programs, other than the daemon, that have a display open; without root only those of the caller are seen.
pub(super) fn holders() -> Vec<String> {
    holders_in(Path::new("/proc"))
}

fn holders_in(proc: &Path) -> Vec<String> {
    let mut holders: Vec<String> = fs::read_dir(proc)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().bytes().all(|b| b.is_ascii_digit())))
        .filter(|process| has_display_open(process))
        .filter_map(|process| {
            let name = fs::read_to_string(process.join("comm")).ok()?;
            Some(format!("{} ({})", name.trim(), process.file_name()?.to_string_lossy()))
        })
        .filter(|name| !name.starts_with("callbox "))
        .collect();
    holders.sort();
    holders
}

fn has_display_open(process: &Path) -> bool {
    let descriptors = fs::read_dir(process.join("fd")).into_iter().flatten();
    descriptors
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .any(|target| target.to_string_lossy().starts_with("/dev/dri/card"))
}

/// The unit that starts a desktop on this machine, such as `lightdm.service`.
pub(super) fn manager() -> Option<String> {
    let unit = fs::read_link("/etc/systemd/system/display-manager.service").ok()?;
    Some(unit.file_name()?.to_string_lossy().into_owned())
}

/// The connectors with a screen, such as `card0-HDMI-A-1`, and all connectors there are.
pub(super) fn connectors() -> (Vec<String>, usize) {
    connectors_in(Path::new("/sys/class/drm"))
}

fn connectors_in(class: &Path) -> (Vec<String>, usize) {
    let states: Vec<(String, bool)> = fs::read_dir(class)
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let status = fs::read_to_string(entry.path().join("status")).ok()?;
            Some((entry.file_name().to_string_lossy().into_owned(), status.trim() == "connected"))
        })
        .collect();
    let mut connected: Vec<String> = states.iter().filter(|(_, is)| *is).map(|(name, _)| name.clone()).collect();
    connected.sort();
    (connected, states.len())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn who_has_a_display_open_is_named() {
        let proc = tempfile::tempdir().unwrap();
        for (pid, comm, target) in
            [("812", "Xorg", "/dev/dri/card0"), ("7", "sh", "/dev/null"), ("9", "callbox", "/dev/dri/card0")]
        {
            let fd = proc.path().join(pid).join("fd");
            fs::create_dir_all(&fd).unwrap();
            fs::write(proc.path().join(pid).join("comm"), format!("{comm}\n")).unwrap();
            symlink(target, fd.join("3")).unwrap();
        }
        fs::create_dir(proc.path().join("self")).unwrap();
        assert_eq!(holders_in(proc.path()), ["Xorg (812)"]);
    }

    #[test]
    fn connectors_with_a_screen_are_told_from_those_without() {
        let class = tempfile::tempdir().unwrap();
        for (name, status) in [("card0-HDMI-A-1", "connected\n"), ("card0-DSI-1", "disconnected\n")] {
            fs::create_dir(class.path().join(name)).unwrap();
            fs::write(class.path().join(name).join("status"), status).unwrap();
        }
        fs::create_dir(class.path().join("card0")).unwrap();
        assert_eq!(connectors_in(class.path()), (vec!["card0-HDMI-A-1".to_owned()], 2));
        assert_eq!(connectors_in(Path::new("/nonexistent")), (Vec::new(), 0));
    }
}
