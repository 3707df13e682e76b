//! Panel to panel through a real Mosquitto.

use std::time::{Duration, Instant};

use callbox::signaling::{Brokers, Identity, TicketSource};
use callbox_core::ids::AppId;
use callbox_core::protocol::EndReason;
use callbox_core::station::{Action, Phase};

use crate::mosquitto::{Mosquitto, is_missing};
use crate::mqtt_panel::{Panel, USERS, brokers, pass, street, talk, until, up, user};

#[tokio::test]
async fn a_panel_rings_another_they_talk_and_hang_up() {
    let Some((_broker, mut door, mut flat)) = street().await else { return };
    talk(&mut door, &mut flat).await;
    assert!(door.there.contains(&("flat/panel".to_owned(), true)), "{:?}", door.there);
    flat.press(Action::Hangup);
    until("both are free", &mut [&mut door, &mut flat], |p| p.iter().all(|panel| panel.phase() == Phase::Idle)).await;
    assert_eq!((door.ended, flat.ended), (vec![EndReason::Hangup], vec![EndReason::Hangup]));
    assert_eq!(flat.rang, 1);
}

#[tokio::test]
async fn an_invite_reaches_who_comes_back_with_the_time_that_is_left() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    flat.stop().await;
    door.call("flat");
    pass(Duration::from_secs(4), &mut [&mut door]).await;
    let mut flat = Panel::new(&broker, "flat");
    until("it rings", &mut [&mut door, &mut flat], |p| p[1].phase() == Phase::Ringing).await;
    assert!((22_000..=26_500).contains(&flat.remaining_ms), "{} ms are left", flat.remaining_ms);
    flat.press(Action::Accept);
    until("both talk", &mut [&mut door, &mut flat], |p| p.iter().all(|p| p.phase() == Phase::Talking)).await;
}

#[tokio::test]
async fn what_was_cancelled_or_expired_meanwhile_does_not_ring() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    flat.kill();
    door.call("flat");
    pass(Duration::from_millis(1500), &mut [&mut door]).await;
    door.press(Action::Hangup);
    pass(Duration::from_millis(300), &mut [&mut door]).await;
    assert_eq!(door.ended, [EndReason::Cancelled]);
    let mut flat = Panel::new(&broker, "flat");
    up(&mut [&mut flat]).await;
    pass(Duration::from_secs(3), &mut [&mut door, &mut flat]).await;
    assert_eq!((flat.rang, flat.phase()), (0, Phase::Idle), "it was cancelled");

    flat.kill();
    let mut hasty = Panel::with("mallory", Duration::from_secs(2), brokers(&[broker.url()]));
    hasty.call("flat");
    pass(Duration::from_millis(500), &mut [&mut hasty]).await;
    // Vanishes, so that no cancel says what the expiry has to say.
    hasty.kill();
    pass(Duration::from_millis(3500), &mut [&mut door]).await;
    let mut flat = Panel::new(&broker, "flat");
    up(&mut [&mut flat]).await;
    pass(Duration::from_secs(3), &mut [&mut door, &mut flat]).await;
    assert_eq!(flat.rang, 0, "its time was over");
    talk(&mut door, &mut flat).await;
}

#[tokio::test]
async fn presence_follows_who_comes_goes_and_is_killed() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    let flat_is = |online| ("flat/panel".to_owned(), online);
    door.edge().watch(vec![user("flat")]);
    until("flat is there", &mut [&mut door], |p| p[0].there == [flat_is(true)]).await;
    flat.stop().await;
    let since = until("flat left", &mut [&mut door], |p| p[0].there.ends_with(&[flat_is(false)])).await;
    assert!(since < Duration::from_secs(2), "a clean stop is told at once, not after {since:?}");
    let mut flat = Panel::new(&broker, "flat");
    until("flat is back", &mut [&mut door, &mut flat], |p| p[0].there.ends_with(&[flat_is(true)])).await;
    flat.kill();
    let since = until("flat vanished", &mut [&mut door], |p| p[0].there.ends_with(&[flat_is(false)])).await;
    assert!(since > Duration::from_secs(3) && since < Duration::from_secs(9), "{since:?}");
    assert_eq!(door.there.len(), 4, "{:?}", door.there);
    // Who asks only now hears nothing of somebody who is gone.
    let mut late = Panel::new(&broker, "mallory");
    late.edge().watch(vec![user("flat"), user("door")]);
    until("door is there", &mut [&mut late], |p| !p[0].there.is_empty()).await;
    pass(Duration::from_millis(300), &mut [&mut late]).await;
    assert_eq!(late.there, [("door/panel".to_owned(), true)]);
}

#[tokio::test]
async fn a_broker_that_restarts_ends_no_call_and_rings_nobody_twice() {
    let Some((mut broker, mut door, mut flat)) = street().await else { return };
    door.call("flat");
    until("it rings", &mut [&mut door, &mut flat], |p| p[1].phase() == Phase::Ringing).await;
    broker.stop();
    until("both notice", &mut [&mut door, &mut flat], |p| p.iter().all(|panel| !panel.is_up())).await;
    pass(Duration::from_secs(3), &mut [&mut door, &mut flat]).await;
    flat.press(Action::Accept);
    broker.go();
    let back = Instant::now();
    until("both talk", &mut [&mut door, &mut flat], |p| p.iter().all(|p| p.phase() == Phase::Talking)).await;
    assert!(back.elapsed() < Duration::from_secs(6), "{:?}", back.elapsed());

    broker.stop();
    until("both notice", &mut [&mut door, &mut flat], |p| p.iter().all(|panel| !panel.is_up())).await;
    door.press(Action::Hangup);
    broker.go();
    until("both are free", &mut [&mut door, &mut flat], |p| p.iter().all(|p| p.phase() == Phase::Idle)).await;
    pass(Duration::from_secs(1), &mut [&mut door, &mut flat]).await;
    assert_eq!((flat.rang, flat.ended.clone()), (1, vec![EndReason::Hangup]));
    talk(&mut door, &mut flat).await;
}

#[tokio::test]
async fn a_broker_that_falls_silent_is_left_and_nothing_is_lost_or_doubled() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    broker.freeze();
    let since = Instant::now();
    // It is sent into the silence, and again on the next connection; the broker reads both.
    door.call("flat");
    until("door notices", &mut [&mut door, &mut flat], |p| !p[0].is_up()).await;
    assert!(since.elapsed() < Duration::from_secs(13), "{:?}", since.elapsed());
    broker.thaw();
    until("it rings", &mut [&mut door, &mut flat], |p| p[1].phase() == Phase::Ringing).await;
    flat.press(Action::Accept);
    until("both talk", &mut [&mut door, &mut flat], |p| p.iter().all(|p| p.phase() == Phase::Talking)).await;
    flat.press(Action::Hangup);
    pass(Duration::from_secs(2), &mut [&mut door, &mut flat]).await;
    assert_eq!((door.phase(), flat.phase(), flat.rang), (Phase::Idle, Phase::Idle, 1));
    assert_eq!((door.ended, flat.ended), (vec![EndReason::Hangup], vec![EndReason::Hangup]));
}

fn invite(from: &str, to: &str) -> String {
    format!(
        r#"{{"v":1,"id":"{from}-{to}","from":{{"user":"{from}","device":"panel"}},"to":{{"user":"{to}"}},"type":"invite","call":"c-{from}","kind":"single","media":"audio","callees":["{to}"],"remaining_ms":30000,"agent":"panel","early":"off"}}"#
    )
}

#[tokio::test]
async fn nobody_sends_as_somebody_else() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    let publish = |topic: &str, message: &str, more: &[&str]| {
        let common = ["-t", topic, "-m", message, "-q", "1", "-d"];
        broker.client("mosquitto_pub", "mallory@7", &[&common, more].concat()).ended().1
    };
    let soon = ["-D", "publish", "message-expiry-interval", "30"];
    let is_refused = |said: &str| said.contains("RC:135");
    // On another's topic the broker refuses, and so it does to speak of another's presence.
    assert!(is_refused(&publish("callbox/1/7/to/flat@7/from/door@7", &invite("door", "flat"), &soon)));
    assert!(is_refused(&publish("callbox/1/7/to/flat@7/from/mallory@8", &invite("mallory", "flat"), &soon)));
    assert!(is_refused(&publish("callbox/1/7/presence/flat@7/panel", "offline", &["-r"])));
    assert!(
        is_refused(&publish("callbox/1/7/presence/mallory@7/invented", "offline", &["-r"])),
        "another device of hers"
    );
    // Nor does she reach an inbox of another app, in whatever form.
    for topic in [
        "callbox/1/8/to/flat@8/from/mallory@7",
        "callbox/1/8/to/flat@8/from/mallory@8",
        "callbox/1/7/to/flat@7/x/mallory@7",
    ] {
        assert!(is_refused(&publish(topic, &invite("mallory", "flat"), &soon)), "{topic}");
    }
    // On her own topic in another's name the panel refuses, and an invite of unknown age too.
    let own = "callbox/1/7/to/flat@7/from/mallory@7";
    assert!(!is_refused(&publish(own, &invite("door", "flat"), &soon)));
    assert!(!is_refused(&publish(own, &invite("mallory", "flat"), &[])));
    pass(Duration::from_millis(500), &mut [&mut door, &mut flat]).await;
    assert_eq!((flat.rang, door.rang), (0, 0));
    // What she may do rings.
    publish(own, &invite("mallory", "flat").replace("c-mallory", "honest").replace("\"id\":\"", "\"id\":\"x"), &soon);
    until("it rings", &mut [&mut flat], |p| p[0].phase() == Phase::Ringing).await;
}

#[tokio::test]
async fn nobody_tells_of_missed_calls_of_somebody_else() {
    let Some((broker, _door, mut flat)) = street().await else { return };
    let tell = |topic: &str, call: &str, from: &str, caller: &str| {
        let message = format!(
            r#"{{"v":1,"id":"{call}","from":{{"user":"{from}","device":"panel"}},"to":{{"user":"flat","device":"panel"}},"type":"missed","call":"{call}","caller":{{"user":"{caller}","device":"panel"}},"media":"audio","ago_ms":5000}}"#
        );
        let arguments = ["-t", topic, "-m", &message, "-q", "1", "-d"];
        broker.client("mosquitto_pub", "mallory@7", &arguments).ended().1
    };
    let own = "callbox/1/7/to/flat@7/from/mallory@7";
    let said = tell("callbox/1/7/to/flat@7/from/door@7", "on-another-topic", "door", "door");
    assert!(said.contains("RC:135"), "{said}");
    for (call, from, caller) in
        [("forged", "mallory", "door"), ("twice-forged", "door", "door"), ("honest", "mallory", "mallory")]
    {
        let said = tell(own, call, from, caller);
        assert!(said.contains("RC:0"), "{said}");
    }
    // In the order in which they were said: the forged ones would be there before the last.
    until("the honest one is told", &mut [&mut flat], |p| p[0].missed.iter().any(|call| call == "honest")).await;
    assert_eq!(flat.missed, ["honest"]);
}

#[tokio::test]
async fn nobody_has_the_broker_speak_as_somebody_else() {
    let Some((broker, _door, _flat)) = street().await else { return };
    // The session at the broker keeps what arrives, in its order.
    let session = ["-c", "-x", "60", "-q", "1", "-t", "callbox/1/7/to/flat@7/from/+"];
    let (subscribed, said) = broker.client("mosquitto_sub", "flat@7/ear", &[&session[..], &["-E"]].concat()).ended();
    assert!(subscribed, "{said}");
    for as_whom in ["door@7", "mallory@7"] {
        let topic = format!("callbox/1/7/to/flat@7/from/{as_whom}");
        let common = ["-t", "callbox/1/7/presence/mallory@7/+"];
        let last = ["-W", "20", "--will-topic", &topic, "--will-payload", "my last will", "--will-qos", "1"];
        let before = logins(&broker);
        let dies = broker.client("mosquitto_sub", "mallory@7", &[&common[..], &last].concat());
        let since = Instant::now();
        while logins(&broker) == before {
            assert!(since.elapsed() < Duration::from_secs(20), "mallory is not let in: {}", broker.log());
            std::thread::sleep(Duration::from_millis(10));
        }
        // Her session is taken over, and the broker publishes what she left.
        let (took_over, said) = broker.client("mosquitto_sub", "mallory@7", &[&common[..], &["-E"]].concat()).ended();
        assert!(took_over, "{said}");
        drop(dies);
    }
    // The first message alone: it would be the forbidden one, which was left earlier, had the broker published that.
    let first = [&session[..], &["-v", "-C", "1", "-W", "20"]].concat();
    let (_, heard) = broker.client("mosquitto_sub", "flat@7/ear", &first).ended();
    assert_eq!(heard.trim(), "callbox/1/7/to/flat@7/from/mallory@7 my last will");
}

/// How often the broker has let a device of Mallory in.
fn logins(broker: &Mosquitto) -> usize {
    broker.log().matches(" as mallory@7/panel ").count()
}

#[tokio::test]
async fn nobody_reads_what_is_for_somebody_else() {
    let Some((broker, mut door, mut flat)) = street().await else { return };
    let listen = |user: &str, more: &[&str]| broker.client("mosquitto_sub", user, &[&["-W", "3", "-v"], more].concat());
    let everything = [
        "-t",
        "#",
        "-t",
        "callbox/1/7/to/flat@7/#",
        "-t",
        "callbox/1/7/to/flat@7/from/+",
        "-t",
        "callbox/1/7/presence/+/+",
        "-t",
        "callbox/1/8/presence/+/+",
        "-t",
        "callbox/1/7/to/+/from/+",
        "-t",
        "$share/ears/callbox/1/7/to/+/from/+",
    ];
    let (all, own) = (listen("mallory@7", &everything), listen("flat@7/ear", &everything));
    pass(Duration::from_millis(700), &mut [&mut door, &mut flat]).await;
    talk(&mut door, &mut flat).await;
    flat.press(Action::Hangup);
    pass(Duration::from_millis(3000), &mut [&mut door, &mut flat]).await;
    let ((_, all), (_, own)) = (all.ended(), own.ended());
    assert!(!all.contains("callbox/1/7/to/") && all.contains("callbox/1/7/presence/"), "{all}");
    assert!(own.contains("callbox/1/7/to/flat@7/from/door@7") && !own.contains("callbox/1/7/to/door@7"), "{own}");

    // An invite waits for flat, and she has flat's client id.
    flat.stop().await;
    door.call("flat");
    pass(Duration::from_millis(500), &mut [&mut door]).await;
    let session = ["-i", "flat@7/panel", "-c", "-x", "60", "-q", "1", "-t", "callbox/1/7/to/flat@7/from/+"];
    let stolen = listen("mallory@7", &session);
    pass(Duration::from_millis(3500), &mut [&mut door]).await;
    let (_, stolen) = stolen.ended();
    assert!(!stolen.contains("callbox/1/7/to/") && stolen.contains("Not authorized"), "{stolen}");
    let (is_let_in, _) = listen("nobody@7", &["-t", "#", "-E"]).ended();
    assert!(!is_let_in, "a stranger is not let in");
}

#[tokio::test]
async fn tls_with_a_password_or_a_certificate_and_a_broker_that_is_down() {
    if is_missing("tls_with_a_password_or_a_certificate_and_a_broker_that_is_down") {
        return;
    }
    let broker = Mosquitto::secure(USERS);
    broker.certificate("flat", "flat@7", None);
    let file = |name: &str| broker.path(&format!("certs/{name}"));
    let nobody = "mqtts://localhost:9".to_owned();
    let by_password = Brokers { ca_file: Some(file("ca.crt")), ..brokers(&[nobody, broker.tls_url()]) };
    let identity = Some(Identity { certificate: file("flat.crt"), key: file("flat.key") });
    let by_certificate = Brokers { identity, ca_file: Some(file("ca.crt")), ..brokers(&[broker.certificates_url()]) };
    let long = Duration::from_secs(30);
    let mut door = Panel::with("door", long, by_password.clone());
    let ticket = TicketSource::Ticket("no password".to_owned());
    let mut flat = Panel::logged_in_with("flat", long, by_certificate, ticket.clone());
    up(&mut [&mut door, &mut flat]).await;
    assert_eq!(door.edge().status().url, broker.tls_url());
    talk(&mut door, &mut flat).await;

    // A broker that cannot prove itself, and one that does not know us.
    let doubtful = Brokers { ca_file: None, ..by_password.clone() };
    let mut doubtful = Panel::with("mallory", long, doubtful);
    let mut unknown = Panel::logged_in_with("mallory", long, by_password, ticket);
    let failed = |panel: &Panel| panel.edge().status().last_error.unwrap_or_default();
    until("both are refused", &mut [&mut doubtful, &mut unknown], |p| {
        failed(p[0]).contains("certificate") && failed(p[1]).contains("does not let mallory@7 in")
    })
    .await;
}

#[tokio::test]
async fn a_ticket_is_renewed_in_a_call_and_nobody_notices() {
    if is_missing("a_ticket_is_renewed_in_a_call_and_nobody_notices") {
        return;
    }
    let broker = Mosquitto::start(USERS);
    let key = callbox_core::ticket::SecretKey::new("secret").unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let ticket = |seconds| callbox_core::ticket::make(AppId(7), &key, &user("door"), now, seconds);
    let (first, second, file) = (ticket(36), ticket(5000), broker.path("ticket"));
    broker.set_password("door@7", &first);
    std::fs::write(&file, &first).unwrap();
    let long = Duration::from_secs(30);
    let source = TicketSource::File(file.clone());
    let mut door = Panel::logged_in_with("door", long, brokers(&[broker.url()]), source);
    let mut flat = Panel::new(&broker, "flat");
    up(&mut [&mut door, &mut flat]).await;
    talk(&mut door, &mut flat).await;
    // A stock broker compares: both are renewed together.
    std::fs::write(&file, &second).unwrap();
    broker.set_password("door@7", &second);
    until("door logs in again", &mut [&mut door, &mut flat], |p| p[0].edge().status().connects == 2 && p[0].is_up())
        .await;
    pass(Duration::from_millis(500), &mut [&mut door, &mut flat]).await;
    assert_eq!((door.phase(), flat.phase()), (Phase::Talking, Phase::Talking));
    assert!(!flat.there.contains(&("door/panel".to_owned(), false)), "{:?}", flat.there);
}
