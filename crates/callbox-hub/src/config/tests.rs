//! A file is right, or the error says where it is not and what is allowed.

use super::*;

fn parse(text: &str) -> Result<Settings, String> {
    Settings::parse(Path::new("/etc/hub.toml"), text).map_err(|error| error.to_string())
}

const APP: &str = "[[app]]\nid = 1\nkey = \"k\"\n";

#[test]
fn the_shortest_file_has_every_default() {
    let settings = parse(APP).unwrap();
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.store, store::Place::File("/etc/hub.db".into()));
    assert_eq!(settings.heartbeat, Duration::from_secs(15));
}

#[test]
fn the_annotated_default_says_what_holds_without_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("app.key"), "k\n").unwrap();
    let file = folder.path().join("hub.toml");
    let mut annotated = Settings::parse(&file, DEFAULTS).unwrap();
    let mut bare = Settings::parse(&file, "[[app]]\nid = 1400000000\nkey = \"k\"\n").unwrap();
    // They speak of where the key stands.
    annotated.warnings.clear();
    bare.warnings.clear();
    assert_eq!(format!("{annotated:?}"), format!("{bare:?}"));
}

#[test]
fn every_mistake_names_line_key_and_what_is_allowed() {
    let cases = [
        (
            "[server]\nlisten = \"here\"\n",
            "/etc/hub.toml:2: server.listen: found `here`, allowed is an address and a port",
        ),
        ("[server]\n\nheartbeat_s = 0\n", "/etc/hub.toml:3: server.heartbeat_s: found 0, allowed is 1 to 120"),
        ("[server]\nheartbeat_s = \"x\"\n", "/etc/hub.toml:2: invalid type: string \"x\""),
        ("[server]\nlisten_on = 1\n", "/etc/hub.toml:2: unknown field `listen_on`, expected one of `listen`"),
        (
            "[server]\norigins = [\"intercom\"]\n",
            "/etc/hub.toml:2: server.origins: found `intercom`, allowed is https://",
        ),
        ("[ice]\nstun = [\n\"turn:x\"]\n", "/etc/hub.toml:3: ice.stun: found `turn:x`, allowed is stun:"),
        (
            "[ice]\nstun = [\"stun:h:3478?transport=udp\"]\n",
            "/etc/hub.toml:2: ice.stun: found `stun:h:3478?transport=udp`, allowed is stun:HOST[:PORT]: a STUN address takes no",
        ),
        (
            "[server]\ntrusted_proxies = [\"proxy\"]\n",
            "/etc/hub.toml:2: server.trusted_proxies: found `proxy`, allowed is an address or ADDRESS/BITS",
        ),
        (
            "[server]\ntrusted_proxies = []\nbehind_proxy = true\n",
            "/etc/hub.toml:3: server.behind_proxy: is the old form of `trusted_proxies`",
        ),
        (
            "[[app]]\nid = 2\nkey = \"k\"\nvalid_from = { anna = \"now\" }\n",
            "/etc/hub.toml:4: app.valid_from: found `\"now\"`, allowed is a date and time with its zone",
        ),
        (
            "[[app]]\nid = 2\nkey = \"k\"\nvalid_from = { \"a/b/c\" = 1 }\n",
            "/etc/hub.toml:4: app.valid_from: found `a/b/c`, allowed is USER",
        ),
        ("[[app]]\nid = 2\nkey = \"'k'\"\n", "/etc/hub.toml:3: app.key: the secret key has quotation marks"),
        ("[ice]\nturn = [\"turn:x\"]\n", "/etc/hub.toml:2: ice.turn: needs `turn_secret_file`"),
        ("[limits]\nsessions = -1\n", "/etc/hub.toml:2: limits.sessions: found -1, allowed is 1 to 100000"),
        ("[[app]]\nid = 2\nkey_file = \"none.key\"\n", "/etc/hub.toml:3: app.key_file: /etc/none.key cannot be read"),
        ("[[app]]\nid = 2\n", "/etc/hub.toml:2: app: needs `key_file`"),
        ("[[app]]\nid = 2\nkey = \"a b\"\n", "/etc/hub.toml:3: app.key: the secret key has white space"),
        (
            "[[app]]\nid = 2\nkey = \"k\"\nusers = [\"a b\"]\n",
            "/etc/hub.toml:4: app.users: found `a b`, allowed is 1 to 32",
        ),
        ("[broker]\n", "/etc/hub.toml:1: broker.urls: is missing: 1 to 8 addresses"),
        ("[broker]\nurls = []\n", "/etc/hub.toml:2: broker.urls: found 0 addresses, allowed is 1 to 8"),
        ("[broker]\nurls = [\"tcp://x\"]\n", "/etc/hub.toml:2: broker.urls: found `tcp://x`, allowed is mqtt://HOST"),
        ("[broker]\nurls = [\"mqtt://x\"]\nca_file = \"ca\"\n", "/etc/hub.toml:3: broker.ca_file: is for TLS alone"),
        (
            "[broker]\nurls = [\"mqtts://x\"]\nclient_key = \"key\"\n",
            "/etc/hub.toml:1: broker.client_cert: needs `client_key` beside it, and the other way round",
        ),
        (
            "[broker]\nurls = [\"mqtts://x\"]\nlogin = \"gateway\"\n",
            "/etc/hub.toml:3: broker.login: a broker that takes a gateway's word for who speaks must know the gateway",
        ),
        (
            "[broker]\nurls = [\"mqtt://127.0.0.1\"]\nlogin = \"x\"\n",
            "/etc/hub.toml:3: broker.login: found `x`, allowed",
        ),
        (
            "[store]\npath = \"hub.db\"\n[broker]\nurls = [\"mqtts://x\"]\n",
            "/etc/hub.toml:2: store.path: a gateway keeps nothing",
        ),
        ("[broker_auth]\n", "/etc/hub.toml:1: broker_auth.kind: is missing: `emqx` or `mosquitto-go-auth`"),
        ("[broker_auth]\nkind = \"emqx\"\n", "/etc/hub.toml:1: broker_auth: needs `secret_file` or `allow_from`"),
        (
            "[broker_auth]\nkind = \"emqx\"\nallow_from = [\"10.0.0.0/40\"]\n",
            "/etc/hub.toml:3: broker_auth.allow_from: found `10.0.0.0/40`, allowed is an address",
        ),
        ("x", "/etc/hub.toml:1: "),
    ];
    for (text, expected) in cases {
        let error = parse(&format!("{text}{APP}")).unwrap_err();
        assert!(error.starts_with(expected), "{text}\n  expected {expected}\n  found    {error}");
    }
    assert!(parse("").unwrap_err().contains("add an [[app]] section"));
    assert!(parse(&format!("{APP}{APP}")).unwrap_err().contains(":5: app.id: 1 is there twice"));
}

#[test]
fn a_demo_stays_on_this_machine() {
    let flags = Flags { demo: true, ..Flags::default() };
    assert_eq!(flags.settings().unwrap().server.demo, Some(AppId(1_400_000_000)));
    let open = Flags { listen: Some("0.0.0.0:8080".parse().unwrap()), ..flags };
    assert!(open.settings().unwrap_err().to_string().contains("loopback"));
}

#[test]
fn the_number_of_sessions_stands_in_the_file_or_in_a_flag() {
    assert_eq!(parse(APP).unwrap().server.max_sessions, None);
    assert_eq!(parse(&format!("[limits]\nsessions = 6000\n{APP}")).unwrap().server.max_sessions, Some(6000));
    let flags = |sessions| Flags { demo: true, sessions: Some(sessions), ..Flags::default() };
    assert_eq!(flags(500).settings().unwrap().server.max_sessions, Some(500));
    assert_eq!(flags(0).settings().unwrap_err().to_string(), "--sessions: found 0, allowed is 1 to 100000");
}

#[test]
fn flags_alone_need_an_app_and_its_key() {
    let error = |flags: Flags| flags.settings().unwrap_err().to_string();
    assert!(error(Flags::default()).contains("--config FILE"));
    assert!(error(Flags { app: Some(1), ..Flags::default() }).contains("--key-file"));
    let missing = Flags { app: Some(1), key_file: Some("/nowhere/app.key".into()), ..Flags::default() };
    assert!(error(missing).contains("/nowhere/app.key cannot be read"));
}

#[test]
fn a_gateway_is_known_by_its_certificate_or_its_password() {
    let secure = "[broker]\nurls = [\"mqtts://x\"]\nlogin = \"gateway\"\nclient_cert = \"c\"\nclient_key = \"k\"\n";
    let gateway = parse(&format!("{secure}{APP}")).unwrap().gateway.unwrap();
    assert_eq!(gateway.brokers.identity.unwrap().key, Path::new("/etc/k"));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "pass word\n").unwrap();
    let with = |url: &str| {
        let keys = format!("login = \"gateway\"\nuser = \"hub-1\"\npassword_file = {:?}\n", file.path());
        parse(&format!("[broker]\nurls = [\"{url}\"]\n{keys}{APP}"))
    };
    for url in ["mqtt://127.0.0.1", "mqtts://x"] {
        let own = gateway::Credentials { user: "hub-1".into(), password: "pass word".into() };
        let login = with(url).unwrap().gateway.unwrap().login;
        assert_eq!(format!("{login:?}"), "Gateway(hub-1)", "no password in a log");
        assert_eq!(login, gateway::LoginBy::Gateway(own));
    }
    assert!(with("mqtt://x").unwrap_err().contains(":5: broker.password_file: would cross the network readable"));
    std::fs::write(file.path(), "\n").unwrap();
    assert!(with("mqtts://x").unwrap_err().contains("it is empty"));
    let ticket = parse(&format!("[broker]\nurls = [\"mqtt://x\"]\n{APP}")).unwrap().gateway.unwrap();
    assert_eq!(ticket.login, gateway::LoginBy::Ticket);
}
