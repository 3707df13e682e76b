//! A configuration is right, or refused with file, line, key, what was found and what is allowed.

use std::path::{Path, PathBuf};

use callbox::config::{DEFAULTS, Settings};
use callbox::media::{Camera, Microphone, Screen, Speaker};
use callbox::signaling::{BrokerUrl, Server, TicketSource};
use callbox_core::station::{MayOpen, Weekday};

const HEAD: &str = r#"
[user]
app = 1400000000
user = "door"
ticket_file = "ticket"
[signaling.websocket]
url = "ws://127.0.0.1:8080/ws"
"#;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("c.toml"), text, PathBuf::from("/base")).map_err(|error| error.to_string())
}

/// What is said about a mistake that stands in the first line after the head, which is line 8.
fn complaint(text: &str) -> String {
    match parse(&format!("{HEAD}{text}")) {
        Ok(_) => panic!("accepted: {text}"),
        Err(error) => error,
    }
}

#[test]
fn the_annotated_default_is_valid() {
    let settings = parse(DEFAULTS).unwrap();
    assert_eq!(settings.media.camera, Camera::V4l2 { device: "/dev/video0".to_owned() });
    assert_eq!(settings.records.max_entries, 1000);
}

#[test]
fn media_goes_out_by_the_interfaces_that_are_named() {
    let settings = parse(&format!("{HEAD}[network]\ninterfaces = [\"eth0\", \"wlan0.7\"]")).unwrap();
    assert_eq!(settings.media.interfaces, ["eth0", "wlan0.7"]);
    assert!(parse(HEAD).unwrap().media.interfaces.is_empty(), "all of them");
}

/// Each board's file is the device part of a configuration, and gives a reason for what it chooses.
#[test]
fn every_board_is_valid_and_gives_its_reasons() {
    let mut boards = 0;
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/boards")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let settings = parse(&format!("{HEAD}{text}")).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_ne!(settings.media.camera, Camera::None, "{}", path.display());
        assert_ne!(settings.media.microphone, Microphone::None, "{}", path.display());
        assert_ne!(
            (settings.media.speaker, settings.media.screen),
            (Speaker::None, Screen::None),
            "{}",
            path.display()
        );
        for table in ["[camera]", "[microphone]", "[screen]", "[video]"] {
            let part = text.split(table).nth(1).unwrap_or_else(|| panic!("{}: no {table}", path.display()));
            let part = part.split("\n[").next().unwrap_or_default();
            assert!(part.contains("\n# "), "{}: {table} without a reason", path.display());
        }
        boards += 1;
    }
    assert!(boards >= 6, "only {boards} boards");
}

#[test]
fn few_lines_are_enough() {
    let settings = parse(HEAD).unwrap();
    assert_eq!(settings.signaling.device.as_str(), "panel");
    assert_eq!(settings.media.camera, Camera::None);
    assert_eq!(settings.media.microphone, Microphone::None);
    assert_eq!((settings.media.speaker, settings.media.screen), (Speaker::None, Screen::None));
    assert_eq!(settings.policy.ring.as_secs(), 30);
}

#[test]
fn a_door_opens_to_nobody_from_afar_unless_they_are_named() {
    let allow = |text: &str| {
        let settings = parse(&format!("{HEAD}[door]\nrelay = \"test\"\n{text}")).unwrap();
        settings.policy.door.unwrap().allow
    };
    assert_eq!(allow(""), MayOpen::Users(Vec::new()));
    assert_eq!(allow("allow = [\"anna\"]"), MayOpen::Users(vec!["anna".parse().unwrap()]));
    assert_eq!(allow("allow = [\"*\"]"), MayOpen::Everybody);
    assert_eq!(parse(HEAD).unwrap().policy.door, None);
}

#[test]
fn rules_for_callers_are_read() {
    let text = r#"
[speaker]
kind = "test"
[callers]
allow = ["anna"]
deny_with = "silence"
[do_not_disturb]
time_zone = "Europe/Berlin"
[[do_not_disturb.times]]
days = ["sun"]
from = "22:00"
to = "06:30"
reason = "night"
[[do_not_disturb.times]]
from = "12:00"
to = "13:00"
[auto_answer]
users = ["anna"]
[call]
longest_minutes = 3
"#;
    let settings = parse(&format!("{HEAD}{text}")).unwrap();
    let policy = settings.policy;
    assert!(
        policy.callers.silently && policy.callers.allow.is_some_and(|allow| allow.contains(&"anna".parse().unwrap()))
    );
    let night = &policy.quiet.times[0];
    assert_eq!((night.days.as_slice(), night.from, night.to), ([Weekday::Sunday].as_slice(), 1320, 390));
    assert_eq!(policy.quiet.times[1].days.len(), 7);
    assert_eq!(policy.auto_answer.unwrap().delay.as_secs(), 5);
    assert_eq!(policy.longest.unwrap().as_secs(), 180);
    assert_eq!(settings.time_zone.zone.iana_name(), Some("Europe/Berlin"));
}

/// The users of buttons, keypad and door, in this file.
const NAMES: &str = r#"
[[buttons]]
device = "keys"
key = "KEY_A"
action = "call:anna,ben then carol"
long = "call:dora"
[keypad]
device = "pad"
digits = 2
user = "flat-{number}"
[keypad.directory]
0 = "janitor"
[door]
relay = "test"
allow = ["erika"]
"#;

#[test]
fn who_may_ring_and_who_is_connected_early_follow_from_whom_the_panel_names() {
    let policy = |text: &str| parse(&format!("{HEAD}{text}")).unwrap().policy;
    let user = |name: &str| name.parse().unwrap();
    let named = policy(NAMES);
    let (allow, trusted) = (named.callers.allow.unwrap(), named.trusted.unwrap());
    for name in ["anna", "ben", "carol", "dora", "flat-7", "flat-42", "janitor", "erika"] {
        assert!(allow.contains(&user(name)) && trusted.contains(&user(name)), "{name}");
    }
    for name in ["mallory", "flat-", "flat-123", "door"] {
        assert!(!allow.contains(&user(name)) && !trusted.contains(&user(name)), "{name}");
    }
    let nobody = policy("");
    assert!(nobody.callers.allow.is_none(), "a panel that names nobody is rung by everybody");
    assert!(nobody.trusted.unwrap().is_empty(), "and tells its addresses to nobody before it is answered");
    let all = policy(&format!("[callers]\nallow = [\"*\"]\n[call]\ntrusted = [\"*\"]\n{NAMES}"));
    assert!(all.callers.allow.is_none() && all.trusted.is_none());
    let listed = policy(&format!("[callers]\nallow = [\"mallory\"]\n{NAMES}")).callers.allow.unwrap();
    assert!(listed.contains(&user("mallory")) && !listed.contains(&user("anna")));
    let except = policy(&format!("[do_not_disturb]\nexcept = [\"nurse\"]\n{NAMES}"));
    assert!(
        except.callers.allow.unwrap().contains(&user("nurse")) && !except.trusted.unwrap().contains(&user("nurse"))
    );
}

#[test]
fn a_time_zone_that_the_system_lacks_is_a_fault_and_no_refusal() {
    let zone = parse(&format!("{HEAD}[do_not_disturb]\ntime_zone = \"Nowhere/At_All\"")).unwrap().time_zone;
    let fault = zone.fault.clone().unwrap();
    assert!(fault.contains("Nowhere/At_All") && fault.contains("tzdata-legacy"), "{fault}");
    assert!(zone.remedy().contains("apt install"), "{}", zone.remedy());
}

#[test]
fn what_is_unwise_is_told_and_not_refused() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str, mode: u32| {
        use std::os::unix::fs::PermissionsExt;
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let told = |text: &str| {
        let settings = Settings::parse(Path::new("c.toml"), text, dir.path().to_owned()).unwrap();
        callbox::config::advice(&settings).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let key = callbox_core::ticket::SecretKey::new("0123456789abcdef").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ticket = |seconds| {
        let app = callbox_core::ids::AppId(1_400_000_000);
        callbox_core::ticket::make(app, &key, &"door".parse().unwrap(), now, seconds)
    };
    let with_key = HEAD.replace("ticket_file = \"ticket\"", "key_file = \"key\"");
    write("ticket", &ticket(180 * 86_400), 0o600);
    write("key", "0123456789abcdef", 0o600);
    assert_eq!((told(HEAD), told(&with_key)), (String::new(), String::new()));

    write("ticket", &ticket(10 * 365 * 86_400), 0o644);
    let said = told(HEAD);
    assert!(said.contains("good for 36") && said.contains("mode 644") && said.contains("chmod go="), "{said}");
    write("key", "0123456789abcde", 0o600);
    assert!(told(&with_key).contains("a key of 15 characters"), "{}", told(&with_key));
    let far = with_key.replace("ws://127.0.0.1:8080/ws", "ws://hub.example/ws");
    assert!(told(&far).contains("hub.example/ws: the ticket goes to another machine unencrypted"), "{}", told(&far));
    let broker = format!("{with_key}[signaling.mqtt]\nbrokers = [\"mqtt://127.0.0.1\", \"mqtt://b.example\"]\n");
    let said = told(&broker);
    assert!(said.contains("mqtt://b.example: the ticket") && !said.contains("127.0.0.1:"), "{said}");
    let door = told(&format!("{with_key}[door]\nrelay = \"test\"\nallow = [\"*\"]\n"));
    assert!(door.contains("door.allow") && door.contains("can open the door"), "{door}");
    let group = "[network]\nports = [50000, 50001]\n[[buttons]]\nline = \"BELL\"\naction = \"call:a,b,c,d then e\"\n";
    let said = told(&format!("{with_key}{group}"));
    assert!(said.contains("network.ports: 2 ports, and 4 users") && said.contains("[50000, 50008]"), "{said}");
    let enough = group.replace("50001", "50008");
    assert!(!told(&format!("{with_key}{enough}")).contains("network.ports"));
}

#[test]
fn each_kind_of_mistake_names_line_key_and_remedy() {
    let cases: &[(&str, &[&str])] = &[
        ("[call]\nring_seconds = 0", &["c.toml:9", "call.ring_seconds", "found 0", "1 to 600"]),
        ("[call]\nring_seconds = \"long\"", &["c.toml:9", "call.ring_seconds", "string \"long\"", "expected i64"]),
        ("[call]\nring_secs = 3", &["c.toml:9", "call.ring_secs", "unknown field", "ring_seconds"]),
        ("[cammera]\nkind = \"test\"", &["c.toml:8", "unknown field `cammera`", "`camera`"]),
        ("[call]\nearly_media = \"on\"", &["c.toml:9", "call.early_media", "found \"on\"", "off, connect, preview"]),
        ("[call]\ntrusted = [\"a b\"]", &["c.toml:9", "call.trusted", "found \"a b\"", "A-Z"]),
        ("[camera]\nkind = \"webcam\"", &["c.toml:9", "camera.kind", "v4l2, libcamera, rtsp, test, none"]),
        ("[camera]\nkind = \"v4l2\"", &["camera.device", "missing", "/dev/v4l/by-id"]),
        ("[camera]\nkind = \"v4l2\"\ndevice = \"video0\"", &["c.toml:10", "camera.device", "found video0"]),
        ("[camera]\nkind = \"test\"\nurl = \"rtsp://x\"", &["c.toml:10", "camera.url", "only with kind = \"rtsp\""]),
        ("[camera]\nkind = \"rtsp\"\nurl = \"http://x\"", &["c.toml:10", "camera.url", "rtsp://"]),
        (
            "[camera]\nkind = \"rtsp\"\nurl = \"rtsp://a:p@ss@x/\"",
            &["c.toml:10", "camera.url", "write @ in a user or password as %40"],
        ),
        ("[microphone]\nkind = \"test\"\nhz = 3", &["c.toml:10", "microphone.hz", "found 3", "100 to 8000"]),
        ("[video]\nsize = \"640*360\"", &["c.toml:9", "video.size", "WIDTHxHEIGHT"]),
        ("[video]\nbitrate = { min = 900, start = 800, max = 2000 }", &["c.toml:9", "video.bitrate", "min 900"]),
        ("[network]\nports = [5000]", &["c.toml:9", "network.ports", "[5000]"]),
        ("[network]\ninterfaces = [\"eth0\", \"a/b\"]", &["c.toml:9", "network.interfaces", "a/b", "ip link"]),
        ("[network]\nice_servers = [{ urls = [\"turn:t\"] }]", &["c.toml:9", "username and credential"]),
        ("[network]\nice_servers = [{ urls = [\"http://t\"] }]", &["c.toml:9", "found \"http://t\"", "stun:HOST"]),
        (
            "[[buttons]]\ndevice = \"pad\"\nkey = \"ENTER\"\naction = \"accept\"",
            &["c.toml:10", "buttons.key", "KEY_ENTER"],
        ),
        (
            "[[buttons]]\ndevice = \"pad\"\nkey = \"KEY_1\"\naction = \"dial\"",
            &["c.toml:11", "buttons.action", "call:USER"],
        ),
        ("[microphone]\necho = \"loud\"", &["c.toml:9", "microphone.echo", "found \"loud\"", "half-duplex"]),
        ("[speaker]\nvolume = 101", &["c.toml:9", "speaker.volume", "found 101", "0 to 100"]),
        ("[camera]\nformat = \"raw\"", &["c.toml:9", "camera.format", "only with kind"]),
        ("[[buttons]]\nkey = \"KEY_1\"\naction = \"mute\"", &["c.toml:8", "buttons", "device and key, or line"]),
        ("[[buttons]]\nline = \"BELL low\"\naction = \"mute\"", &["c.toml:9", "buttons.line", "active-low"]),
        ("[[buttons]]\nline = \"BELL\"", &["c.toml:8", "without a meaning", "long or double"]),
        ("[[buttons]]\nline = \"BELL\"\nlong = \"dance\"", &["c.toml:10", "buttons.long", "found \"dance\""]),
        ("[panel]\nlong_ms = 10", &["c.toml:9", "panel.long_ms", "300 to 4000"]),
        ("[keypad]\ndevice = \"pad\"", &["c.toml:9", "keypad", "ring nobody"]),
        ("[keypad]\ndevice = \"pad\"\nuser = \"flat\"", &["c.toml:10", "keypad.user", "{number}"]),
        ("[keypad]\ndevice = \"pad\"\n[keypad.directory]\n1a = \"x\"", &["c.toml:11", "keypad.directory", "\"1a\""]),
        ("[keypad]\ndevice = \"pad\"\n[keypad.directory]\n1 = \"x y\"", &["c.toml:11", "found \"x y\"", "16 users"]),
        ("[[lamps]]\nled = \"a\"\nline = \"B\"\nidle = \"on\"", &["c.toml:8", "lamps", "line, or led"]),
        ("[[lamps]]\nled = \"../x\"\nidle = \"on\"", &["c.toml:9", "lamps.led", "/sys/class/leds"]),
        ("[[lamps]]\nled = \"a\"\nidle = \"blink\"", &["c.toml:10", "lamps.idle", "off, on, slow, fast, flash"]),
        ("[[lamps]]\nled = \"a\"", &["c.toml:8", "never shines"]),
        (
            "[[lamps]]\nline = \"X\"\nidle = \"on\"\n[[buttons]]\nline = \"X pull-up\"\naction = \"mute\"",
            &["c.toml:9", "lamps.line", "X a second time"],
        ),
        ("[door]\nrelay = \"test\"\npulse_ms = 500\nlimit_ms = 400", &["c.toml:11", "door.limit_ms", "which is 500"]),
        ("[call]\nlongest_minutes = 0", &["c.toml:9", "call.longest_minutes", "1 to 1440"]),
        ("[callers]\ndeny_with = \"shouting\"", &["c.toml:9", "callers.deny_with", "reject, silence"]),
        ("[callers]\ndeny = [\"a b\"]", &["c.toml:9", "callers.deny", "found \"a b\""]),
        ("[do_not_disturb]\ntime_zone = \"../Base\"", &["c.toml:9", "do_not_disturb.time_zone", "Europe/Berlin"]),
        (
            "[[do_not_disturb.times]]\nfrom = \"24:00\"\nto = \"6:30\"",
            &["c.toml:9", "times.from", "found \"24:00\"", "c.toml:10", "times.to", "found \"6:30\"", "23:59"],
        ),
        (
            "[[do_not_disturb.times]]\ndays = [\"monday\"]\nfrom = \"22:00\"\nto = \"06:30\"",
            &["c.toml:9", "times.days", "mon, tue, wed"],
        ),
        ("[auto_answer]\nusers = [\"janitor\"]", &["c.toml:8", "auto_answer", "without a speaker", "speaker.kind"]),
        ("[door]\npulse_ms = 500", &["door.relay", "missing", "\"test\""]),
        ("[door]\nrelay = \"A high\"", &["c.toml:9", "door.relay", "found \"A high\"", "active-low"]),
        ("[door]\nrelay = \"test\"\npulse_ms = 9", &["c.toml:10", "door.pulse_ms", "found 9", "100 to 60000"]),
        ("[door]\nrelay = \"test\"\nallow = [\"anna\", \"*\"]", &["c.toml:10", "door.allow", "found \"*\"", "alone"]),
        ("[door]\nrelay = \"test\"\nopen_too_long_s = 0", &["c.toml:10", "door.open_too_long_s", "1 to 86400"]),
        ("[records]\nmax_entries = 1", &["c.toml:9", "records.max_entries", "10 to 1000000"]),
        ("[log]\nlevel = \"loud=very\"", &["c.toml:9", "log.level", "info"]),
        ("[log\nlevel", &["c.toml:8"]),
    ];
    for (text, expected) in cases {
        let said = complaint(text);
        for part in *expected {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }
}

/// The head without a hub, for a broker in its place: the first line after it is line 6.
fn mqtt(text: &str) -> Result<Settings, String> {
    let head = HEAD.split("[signaling.websocket]").next().unwrap();
    parse(&format!("{head}[signaling.mqtt]\n{text}"))
}

#[test]
fn a_broker_may_stand_in_place_of_a_hub() {
    let settings = mqtt("brokers = [\"mqtts://b:8884\", \"mqtt://c\"]\nca_file = \"ca\"").unwrap();
    let Server::Brokers(brokers) = settings.signaling.server else { panic!("no brokers") };
    assert_eq!(brokers.urls.iter().map(BrokerUrl::as_str).collect::<Vec<_>>(), ["mqtts://b:8884", "mqtt://c"]);
    assert_eq!((brokers.ca_file, brokers.identity), (Some(PathBuf::from("/base/ca")), None));
    assert_eq!(brokers.keep_alive.as_secs(), 15);
}

#[test]
fn a_broker_beside_a_hub_stands_by() {
    let settings = parse(&format!("{HEAD}[signaling.mqtt]\nbrokers = [\"mqtt://b\"]\n")).unwrap().signaling;
    assert!(matches!((settings.server, settings.standby), (Server::Hub(_), Some(Server::Brokers(_)))));
    assert!(parse(HEAD).unwrap().signaling.standby.is_none());
}

#[test]
fn mistakes_about_brokers_are_told_as_any_other() {
    let secure = "brokers = [\"mqtts://b\"]";
    let cases: &[(&str, &[&str])] = &[
        ("", &["signaling.mqtt.brokers: missing", "mqtts://broker.example"]),
        ("brokers = []", &["c.toml:7", "signaling.mqtt.brokers", "found 0 addresses", "1 to 8"]),
        ("brokers = [\"tcp://b\"]", &["c.toml:7", "signaling.mqtt.brokers", "found \"tcp://b\"", "mqtt://HOST"]),
        ("brokers = [\"mqtt://b\"]\nca_file = \"ca\"", &["c.toml:8", "signaling.mqtt.ca_file", "without TLS"]),
        (&format!("{secure}\nclient_cert = \"c\""), &["c.toml:8", "client_cert", "one without the other"]),
        (&format!("{secure}\nkeep_alive_s = 4"), &["c.toml:8", "signaling.mqtt.keep_alive_s", "5 to 300"]),
        (&format!("{secure}\nwill = 4"), &["c.toml:8", "unknown field `will`"]),
    ];
    for (text, expected) in cases {
        let said = mqtt(text).unwrap_err();
        for part in *expected {
            assert!(said.contains(part), "`{part}` is not in: {said}");
        }
    }
    let beside_a_hub = complaint("[signaling.mqtt]\nbrokers = [\"tcp://b\"]");
    assert!(beside_a_hub.contains("c.toml:9: signaling.mqtt.brokers: found \"tcp://b\""), "{beside_a_hub}");
}

#[test]
fn what_is_missing_is_named() {
    let said = parse("").unwrap_err();
    for key in ["user.app", "user.user", "user.ticket", "signaling.websocket.url"] {
        assert!(said.contains(&format!("c.toml: {key}: missing; allowed: ")), "{said}");
    }
}

#[test]
fn a_secret_may_be_a_credential() {
    let settings = parse(&HEAD.replace("\"ticket\"", "\"credential:ticket\"")).unwrap();
    // Tests run without systemd's directory: the file beside the configuration stands for it.
    assert_eq!(settings.signaling.ticket, TicketSource::File(PathBuf::from("/base/ticket")));
    for wrong in ["credential:", "credential:../key", "credential:/etc/shadow"] {
        let said = parse(&HEAD.replace("\"ticket\"", &format!("\"{wrong}\""))).unwrap_err();
        assert!(said.contains("c.toml:5: user.ticket_file") && said.contains("LoadCredential="), "{said}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_order() {
    let said = complaint("[call]\nring_seconds = 0\nearly_media = \"x\"\n[video]\nfps = 0");
    let lines: Vec<_> = said.lines().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(lines, ["c.toml:9", "c.toml:10", "c.toml:12"]);
}

#[test]
fn a_bad_address_or_name_is_refused() {
    for (wrong, right) in [("ws://127.0.0.1:8080/ws", "http://hub"), ("\"door\"", "\"the door\""), ("1400000000", "-1")]
    {
        assert!(parse(&HEAD.replace(wrong, right)).is_err(), "{right}");
    }
    let two = HEAD.replace("ticket_file", "key_file = \"k\"\nticket_file");
    assert!(parse(&two).unwrap_err().contains("more than one source"), "{two}");
}

#[test]
fn what_proves_who_we_are_is_checked_when_a_file_is_loaded() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("callbox.toml");
    let load = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Settings::examine(&file).map(drop).map_err(|error| error.to_string())
    };
    let said = load(HEAD).unwrap_err();
    assert!(said.contains("callbox.toml:5: user.ticket_file: found") && said.contains("No such file"), "{said}");
    std::fs::write(dir.path().join("ticket"), "nonsense").unwrap();
    assert!(load(HEAD).unwrap_err().contains("user.ticket_file"));
    std::fs::write(dir.path().join("key"), "secret").unwrap();
    load(&HEAD.replace("ticket_file = \"ticket\"", "key_file = \"key\"")).unwrap();
    let key = callbox_core::ticket::SecretKey::new("secret").unwrap();
    let ticket = |app, user: &str, at| {
        let ticket = callbox_core::ticket::make(callbox_core::ids::AppId(app), &key, &user.parse().unwrap(), at, 60);
        load(&HEAD.replace("ticket_file = \"ticket\"", &format!("ticket = \"{ticket}\"")))
    };
    assert!(ticket(1, "door", 1000).unwrap_err().contains("a ticket of app 1"));
    assert!(ticket(1_400_000_000, "anna", 1000).unwrap_err().contains("a ticket of user anna"));
    assert!(ticket(1_400_000_000, "door", 1000).unwrap_err().contains("has expired"));
    let far = 4_000_000_000;
    ticket(1_400_000_000, "door", far).unwrap();
    let missing = Settings::examine(Path::new("/nonexistent/callbox.toml")).unwrap_err().to_string();
    assert!(missing.contains("/nonexistent/callbox.toml") && missing.contains("callbox defaults"), "{missing}");
}

#[test]
fn no_damage_to_a_file_is_more_than_a_refusal() {
    let lines: Vec<_> = DEFAULTS.lines().collect();
    for (number, line) in lines.iter().enumerate() {
        let with = |replacement: &str| {
            let mut damaged = lines.clone();
            damaged[number] = replacement;
            drop(parse(&damaged.join("\n")));
        };
        with("");
        with(&format!("{line}\n{line}"));
        let key = line.split('=').next().unwrap_or_default();
        for value in [
            "",
            "=",
            "= 9223372036854775807",
            "= -1",
            "= [[]]",
            "= {}",
            "= \"\"",
            "= \"\\u0000\"",
            "= 1979-05-27",
            "= nan",
        ] {
            with(&format!("{key} {value}"));
        }
    }
    for end in (0..DEFAULTS.len()).filter(|end| DEFAULTS.is_char_boundary(*end)).step_by(7) {
        drop(parse(&DEFAULTS[..end]));
    }
}
