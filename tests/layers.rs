//! The architecture as a table that fails: who may use whom. A module without a row fails too.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// A crate's source, the name others use it by, and its modules with what each may use (`docs/architecture.md`).
struct Crate {
    name: &'static str,
    source: &'static str,
    modules: &'static [(&'static str, &'static [&'static str])],
    /// The binary's own modules: they use their library by its name.
    main: &'static [&'static str],
}

/// The ladder. `core::x` is a module of callbox-core, `mqtt` and `net` are callbox-mqtt and callbox-net as a whole; everything else is a
/// module of the same crate.
const LADDER: &[Crate] = &[
    Crate {
        name: "callbox_core",
        source: "crates/callbox-core/src",
        modules: &[
            ("ids", &[]),
            ("bucket", &[]),
            ("coalesce", &[]),
            ("text", &[]),
            ("ice", &[]),
            ("protocol", &["ids"]),
            ("ticket", &["ids", "text"]),
            ("client", &["bucket", "coalesce", "ids", "protocol"]),
            ("roster", &["ids", "protocol"]),
            ("station", &["bucket", "ids", "protocol", "roster"]),
        ],
        main: &[],
    },
    Crate {
        name: "callbox",
        source: "src",
        modules: &[
            // The edges never use each other.
            (
                "signaling",
                &[
                    "core::client",
                    "core::coalesce",
                    "core::ids",
                    "core::protocol",
                    "core::text",
                    "core::ticket",
                    "mqtt",
                    "net",
                    "text_file",
                ],
            ),
            ("media", &["core::coalesce", "core::ice", "core::ids", "core::protocol", "core::station"]),
            ("panel", &["core::ids", "core::protocol", "core::station"]),
            ("network", &[]),
            ("clock", &[]),
            ("control", &["core::ids", "core::protocol", "fault"]),
            // What an edge tells of a part of the system.
            ("fault", &[]),
            ("record", &["core::station", "fault"]),
            ("rung", &["core::ids", "core::protocol", "fault", "record"]),
            ("missed", &["core::client", "fault", "record"]),
            ("album", &[]),
            ("journald", &[]),
            ("text_file", &["core::text"]),
            // Above them: settings of the edges, made from a file.
            (
                "config",
                &[
                    "core::ids",
                    "core::protocol",
                    "core::station",
                    "core::ticket",
                    "signaling",
                    "media",
                    "panel",
                    "control",
                    "record",
                    "album",
                    "core::ice",
                    "text_file",
                ],
            ),
            (
                "daemon",
                &[
                    "core::ids",
                    "core::protocol",
                    "core::station",
                    "signaling",
                    "media",
                    "network",
                    "clock",
                    "panel",
                    "control",
                    "fault",
                    "record",
                    "rung",
                    "missed",
                    "album",
                    "config",
                ],
            ),
            // An examination tries what the daemon would use, and says how to mend it.
            (
                "doctor",
                &[
                    "core::ids",
                    "core::protocol",
                    "core::ticket",
                    "net",
                    "signaling",
                    "media",
                    "panel",
                    "control",
                    "config",
                    "core::ice",
                    "text_file",
                ],
            ),
            ("ticket_cli", &["core::ids", "core::ticket", "text_file"]),
            // A demonstration starts processes and talks to them as `callbox ctl` does.
            ("demo", &["core::ids", "core::protocol", "control"]),
            (
                "cli",
                &[
                    "core::ids",
                    "core::protocol",
                    "panel",
                    "control",
                    "config",
                    "daemon",
                    "demo",
                    "doctor",
                    "journald",
                    "media",
                    "ticket_cli",
                    "text_file",
                ],
            ),
        ],
        main: &["main"],
    },
    Crate {
        name: "callbox_hub",
        source: "crates/callbox-hub/src",
        modules: &[
            ("switchboard", &["core::ids", "core::protocol"]),
            ("store", &["core::ids", "core::protocol", "switchboard"]),
            ("turn", &["core::ids", "core::protocol"]),
            ("server", &["core::ids", "core::protocol", "core::ticket", "mqtt", "switchboard", "store", "turn"]),
            ("gateway", &["core::client", "core::ids", "core::protocol", "mqtt", "server", "switchboard", "turn"]),
            (
                "config",
                &[
                    "core::ice",
                    "core::ids",
                    "core::text",
                    "core::protocol",
                    "core::ticket",
                    "mqtt",
                    "server",
                    "store",
                    "switchboard",
                    "turn",
                    "gateway",
                ],
            ),
            (
                "hub",
                &[
                    "core::ids",
                    "core::protocol",
                    "core::ticket",
                    "mqtt",
                    "server",
                    "store",
                    "switchboard",
                    "turn",
                    "gateway",
                    "config",
                ],
            ),
            ("cli", &["core::ids", "core::text", "core::ticket", "config", "hub"]),
        ],
        main: &["main"],
    },
    // Under everything that connects to a host by its name.
    Crate {
        name: NET,
        source: "crates/callbox-net/src",
        modules: &[("address", &[]), ("race", &[]), ("dial", &["address", "race"]), ("tls", &[])],
        main: &[],
    },
    // The same for a panel, a gateway and the load generator.
    Crate {
        name: MQTT,
        source: "crates/callbox-mqtt/src",
        modules: &[
            ("topic", &["core::ids"]),
            ("broker", &[]),
            ("tls", &["broker", "net"]),
            ("delivery", &["core::protocol"]),
            ("renewal", &["core::ids", "core::ticket"]),
            ("opened", &["core::ids", "core::protocol", "topic"]),
            ("burst", &["core::ids", "core::protocol", "opened", "delivery"]),
            ("end", &["topic", "wire"]),
            ("event", &["core::ids", "core::protocol", "broker", "opened"]),
            ("instance", &["core::ids", "core::protocol"]),
            ("options", &["core::ids", "core::protocol", "broker", "topic"]),
            ("wire", &["broker", "net", "options", "tls"]),
            ("knock", &["broker", "options", "tls", "topic", "wire"]),
            ("link", &["core::ids", "broker", "options", "tls", "wire"]),
            (
                "connection",
                &[
                    "core::ids",
                    "core::protocol",
                    "broker",
                    "burst",
                    "delivery",
                    "end",
                    "event",
                    "instance",
                    "link",
                    "opened",
                    "options",
                    "tls",
                    "topic",
                    "wire",
                ],
            ),
        ],
        main: &[],
    },
    // A measuring tool: stations without devices, many of them, against a real hub.
    Crate {
        name: "callbox_load",
        source: "crates/callbox-load/src",
        modules: &[
            ("plan", &[]),
            ("tally", &[]),
            ("process", &[]),
            ("network", &[]),
            ("sdp", &["core::ids", "core::protocol"]),
            ("transport", &["core::client", "core::ids", "core::protocol", "mqtt", "net", "tally"]),
            ("media", &["core::ids", "core::protocol", "core::station", "sdp"]),
            ("cast", &["core::ids", "core::protocol", "core::station", "core::ticket", "transport"]),
            ("ledger", &["core::ids", "core::protocol", "core::station", "cast", "plan"]),
            (
                "device",
                &[
                    "core::ids",
                    "core::protocol",
                    "core::station",
                    "cast",
                    "ledger",
                    "media",
                    "plan",
                    "tally",
                    "transport",
                ],
            ),
            ("population", &["cast", "device", "media", "transport"]),
            ("report", &["ledger", "network", "tally"]),
            ("compare", &["report"]),
            (
                "run",
                &[
                    "cast",
                    "device",
                    "ledger",
                    "network",
                    "plan",
                    "population",
                    "process",
                    "report",
                    "tally",
                    "transport",
                ],
            ),
            ("args", &["core::ids", "core::ticket", "cast", "plan", "run"]),
        ],
        main: &["main"],
    },
];

/// The packages that other packages use as one.
const MQTT: &str = "callbox_mqtt";
const NET: &str = "callbox_net";

/// What the core may depend on: no runtime, no I/O, no clock, no logger.
const CORE_DEPENDENCIES: &[&str] = &["base64", "flate2", "hmac", "serde", "serde_json", "sha2", "thiserror"];

#[test]
fn every_arrow_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for house in LADDER {
        for file in rust_files(&root.join(house.source)) {
            let text = fs::read_to_string(&file).unwrap();
            let module = module_of(&root.join(house.source), &file);
            arrows += uses(&text, house).len();
            wrong.extend(violations(house, &module, &text).into_iter().map(|why| format!("{}: {why}", file.display())));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(arrows > 50, "only {arrows} arrows found: does this test still read the code?");
}

#[test]
fn the_core_depends_on_nothing_that_could_reach_the_world() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/callbox-core/Cargo.toml");
    let manifest: toml::Table = fs::read_to_string(manifest).unwrap().parse().unwrap();
    let found: BTreeSet<_> = manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(found, CORE_DEPENDENCIES.iter().copied().collect());
}

#[test]
fn a_planted_arrow_is_caught() {
    let daemon = &LADDER[1];
    let planted = [
        ("media", "use crate::signaling::Event;"),
        ("panel", "use crate::{control, media};"),
        ("panel", "use crate::{\n    control::Answer,\n};"),
        ("control", "pub(super) use crate::media::Picture;"),
        ("signaling", "fn f() { crate::config::load(); }"),
        ("signaling", "use callbox_core::station::Station;"),
        ("config", "use crate::daemon::run;"),
        ("media", "use callbox_mqtt::Connection;"),
        ("media", "use callbox_net::dial;"),
        ("nobody", "use crate::media::Media;"),
    ];
    for (module, text) in planted {
        assert!(!violations(daemon, module, text).is_empty(), "not caught in {module}: {text}");
    }
    let core = &LADDER[0];
    assert!(!violations(core, "ids", "use crate::protocol::Message;").is_empty());
    assert!(!violations(core, "ticket", "use crate::station::Station;").is_empty());
    assert!(violations(daemon, "daemon", "use crate::{config, media};\nuse callbox_core::ids::Address;").is_empty());
    assert!(violations(daemon, "media", "//! not a use: crate::signaling\nuse crate::media::Link;").is_empty());
}

/// What a file of this module uses that it may not.
fn violations(house: &Crate, module: &str, text: &str) -> Vec<String> {
    let is_root = module == "lib" || house.main.contains(&module);
    let Some((_, allowed)) = house.modules.iter().find(|(name, _)| *name == module) else {
        return if is_root { Vec::new() } else { vec![format!("module `{module}` has no row in tests/layers.rs")] };
    };
    let forbidden = uses(text, house).into_iter().filter(|used| used != module && !allowed.contains(&used.as_str()));
    forbidden.map(|used| format!("`{module}` may not use `{used}`")).collect()
}

/// The modules a text uses, from `use` lines and from paths in the code alike.
fn uses(text: &str, house: &Crate) -> BTreeSet<String> {
    let code: String =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let mut found = BTreeSet::new();
    for (prefix, label) in [("crate::", ""), ("callbox_core::", "core::")] {
        if prefix == "callbox_core::" && house.name == "callbox_core" {
            continue;
        }
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
                continue;
            }
            found.extend(first_names(&code[at + prefix.len()..]).into_iter().map(|name| format!("{label}{name}")));
        }
    }
    let known = |name: &String| {
        let of = |house: &Crate, name: &str| house.modules.iter().any(|(module, _)| *module == name);
        name == "mqtt"
            || name == "net"
            || name.strip_prefix("core::").map_or_else(|| of(house, name), |name| of(&LADDER[0], name))
    };
    for (package, label, path) in [(MQTT, "mqtt", "callbox_mqtt::"), (NET, "net", "callbox_net::")] {
        if house.name != package && code.contains(path) {
            found.insert(label.to_owned());
        }
    }
    // `crate::SomeType` is the root's own; a module that is not in the table is found by its file.
    found.into_iter().filter(known).collect()
}

/// `a::b` gives `a`; `{a::b, c::{d, e}}` gives `a` and `c`.
fn first_names(path: &str) -> Vec<String> {
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let Some(group) = path.strip_prefix('{') else { return vec![name(path)] };
    let (mut depth, mut names, mut start) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => start = true,
            c if start && !c.is_whitespace() => {
                names.push(name(&group[at..]));
                start = false;
            }
            _ => {}
        }
    }
    names
}

fn module_of(source: &Path, file: &Path) -> String {
    let inside = file.strip_prefix(source).expect("files are found under their source");
    let first = inside.iter().next().expect("a file has a name").to_string_lossy().into_owned();
    first.strip_suffix(".rs").map(str::to_owned).unwrap_or(first)
}

fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).expect("the source is there") {
        let path = entry.expect("the source can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}
