//! GStreamer: its version against the known faults, and the plug-ins that this configuration needs.

use std::path::Path;

use super::Board;
use super::faults::{self, Meets};
use super::finding::Finding;
use super::probe::{self, Probe};
use crate::media::checkup::Inventory;
use crate::media::{self, VideoCodec};

/// What this configuration needs.
pub(super) fn examine(board: &Board<'_>) -> Vec<Finding> {
    let media = &board.settings.media;
    installed(board.config, media, Some(media.codec))
}

/// Asks the library; `codec` is what the configuration prefers.
pub(super) fn installed(config: &Path, media: &media::Settings, codec: Option<VideoCodec>) -> Vec<Finding> {
    let inventory: Inventory = match probe::ask(Probe::Inventory, config) {
        Ok(inventory) => inventory,
        Err(error) => {
            // A plug-in that crashes is tried again when the list of plug-ins is made anew.
            let fix = "sudo rm -rf /var/cache/callbox/gstreamer-1.0 ~/.cache/gstreamer-1.0";
            return vec![Finding::fail("GStreamer", error).fix(fix)];
        }
    };
    let mut findings = version(&inventory, codec);
    findings.push(plugins(&inventory, media));
    findings
}

fn version(inventory: &Inventory, codec: Option<VideoCodec>) -> Vec<Finding> {
    let subject = "GStreamer";
    let (version, name) = (inventory.version, &inventory.name);
    if version < faults::OLDEST {
        let text = format!("{name} is too old: 1.22 is needed, which Debian 12 has");
        return vec![Finding::fail(subject, text).fix("sudo apt update && sudo apt full-upgrade")];
    }
    let uses_v4l2 = codec == Some(VideoCodec::H264) && inventory.encoders.first().is_some_and(|e| e == "v4l2h264enc");
    let all: Vec<_> = faults::of(version).collect();
    let rounded = all.iter().filter(|fault| fault.meets == Meets::WorkedRound).count();
    let text = if rounded == 0 {
        format!("{name}: no known fault")
    } else {
        format!("{name}: known faults that are worked round: {rounded}")
    };
    let mut findings = vec![Finding::ok(subject, text)];
    for fault in all {
        let fix = match fault.meets {
            Meets::Always => "sudo apt update && sudo apt full-upgrade",
            Meets::V4l2Encoder if uses_v4l2 => "sudo sed -i 's/^codec = .*/codec = \"vp8\"/' /etc/callbox/callbox.toml",
            Meets::V4l2Encoder | Meets::WorkedRound => continue,
        };
        let (major, minor, micro) = fault.mended;
        let text = format!("{} (mended in {major}.{minor}.{micro})", fault.what);
        findings.push(Finding::warn(subject, text).fix(fix));
    }
    findings
}

fn plugins(inventory: &Inventory, media: &media::Settings) -> Finding {
    let subject = "plug-ins";
    if inventory.missing.is_empty() {
        return Finding::ok(subject, format!("everything that {} needs is installed", of_what(media)));
    }
    let names: Vec<_> = inventory.missing.iter().map(|missing| missing.element.as_str()).collect();
    let mut packages: Vec<_> = inventory.missing.iter().map(|missing| missing.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let text = format!("not found: {}", names.join(", "));
    Finding::fail(subject, text).fix(format!("sudo apt install {}", packages.join(" ")))
}

fn of_what(media: &media::Settings) -> &'static str {
    if *media == media::Settings::default() { "a call" } else { "this configuration" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;
    use crate::media::checkup::Missing;

    fn inventory(version: faults::Version) -> Inventory {
        Inventory { version, name: "GStreamer".into(), missing: Vec::new(), encoders: vec!["v4l2h264enc".into()] }
    }

    #[test]
    fn a_fault_is_told_to_whom_it_bites() {
        let verdicts = |version, codec| {
            super::version(&inventory(version), codec).into_iter().map(|found| found.verdict).collect::<Vec<_>>()
        };
        assert_eq!(verdicts((1, 20, 3), None), [Verdict::Fail]);
        assert_eq!(verdicts((1, 22, 0), Some(VideoCodec::Vp8)), [Verdict::Ok]);
        assert_eq!(verdicts((1, 22, 0), Some(VideoCodec::H264)), [Verdict::Ok, Verdict::Warn]);
        assert_eq!(verdicts((1, 22, 4), Some(VideoCodec::H264)), [Verdict::Ok]);
        assert_eq!(verdicts((1, 24, 2), None), [Verdict::Ok, Verdict::Warn]);
    }

    #[test]
    fn missing_plugins_name_the_packages_once() {
        let missing = |element: &str| Missing { element: element.into(), package: "gstreamer1.0-plugins-bad".into() };
        let inventory = Inventory { missing: vec![missing("webrtcbin"), missing("srtpenc")], ..inventory((1, 22, 0)) };
        let found = plugins(&inventory, &media::Settings::default());
        assert_eq!(found.text, "not found: webrtcbin, srtpenc");
        assert_eq!(found.fix.as_deref(), Some("sudo apt install gstreamer1.0-plugins-bad"));
    }
}
