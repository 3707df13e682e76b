//! The unit files: bounds and hardening that both services have.

use std::path::{Path, PathBuf};

/// What stands in the section `[Service]` of a unit, in order.
fn service(path: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let section =
        text.lines().skip_while(|line| *line != "[Service]").skip(1).take_while(|line| !line.starts_with('['));
    let settings = section.filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The units, by the names of their files.
fn units() -> Vec<PathBuf> {
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")).unwrap();
    let mut units: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    units.retain(|path| path.extension().is_some_and(|end| end == "service"));
    units.sort();
    units
}

#[test]
fn every_unit_is_bounded_reloads_and_gains_no_privileges() {
    let units = units();
    let names: Vec<_> = units.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["callbox-hub.service", "callbox.service"]);
    for unit in units {
        let settings = service(&unit);
        let last = |wanted: &str| {
            settings.iter().rev().find(|(name, _)| name == wanted).map_or("", |(_, value)| value.as_str())
        };
        let name = unit.display();
        for (setting, value) in [
            ("LimitCORE", "0"),
            ("NoNewPrivileges", "yes"),
            ("CapabilityBoundingSet", ""),
            ("ProtectSystem", "strict"),
            ("Restart", "always"),
            ("RestartPreventExitStatus", "2"),
            ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ] {
            assert!(settings.iter().any(|(name, _)| name == setting), "{name}: {setting}= is missing");
            assert_eq!(last(setting), value, "{name}: {setting}");
        }
        let tasks: u32 = last("TasksMax").parse().unwrap_or_else(|_| panic!("{name}: TasksMax= is no number"));
        assert!((64..=4096).contains(&tasks), "{name}: TasksMax={tasks}");
        assert!(!["", "root"].contains(&last("User")), "{name}: User={}", last("User"));
    }
}
