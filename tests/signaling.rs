//! The signalling edge against a hub played by hand.

use std::time::{Duration, Instant};

use callbox::signaling::{Event, Server, Settings, Signaling, State, TicketSource};
use callbox_core::ids::{AppId, UserId};
use callbox_core::protocol::{Agent, EndReason, Message};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fake_hub::FakeHub;

fn start(url: &str) -> (Signaling, mpsc::Receiver<Event>) {
    let (events, inbox) = mpsc::channel(64);
    let settings = Settings {
        app: AppId(7),
        user: "door".parse().unwrap(),
        device: "panel".parse().unwrap(),
        ticket: TicketSource::Ticket("token".to_owned()),
        server: Server::Hub(url.parse().unwrap()),
        standby: None,
    };
    (Signaling::start(settings, events), inbox)
}

async fn next(inbox: &mut mpsc::Receiver<Event>) -> Event {
    timeout(Duration::from_secs(10), inbox.recv()).await.expect("an event in time").unwrap()
}

fn hangup() -> Message {
    Message::Hangup { call: "c".parse().unwrap(), reason: EndReason::Hangup }
}

fn anna() -> UserId {
    "anna".parse().unwrap()
}

#[tokio::test]
async fn it_logs_in_and_carries_messages_both_ways() {
    let hub = FakeHub::new().await;
    let (signaling, mut inbox) = start(&hub.url());
    let mut session = hub.login(5000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
    assert_eq!(signaling.status().state, State::Up);
    signaling.send(anna().into(), hangup());
    let heard = session.hear().await;
    assert_eq!((heard.message, heard.to.unwrap().user, heard.from), (hangup(), anna(), None));
    session
        .say(r#""from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"hangup","call":"c","reason":"hangup""#)
        .await;
    assert!(matches!(next(&mut inbox).await, Event::Heard { message, .. } if message == hangup()));
}

#[tokio::test]
async fn a_hang_up_said_while_the_hub_is_away_arrives_when_it_is_back() {
    let hub = FakeHub::new().await;
    let (signaling, mut inbox) = start(&hub.url());
    drop(hub.login(5000).await);
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
    assert!(matches!(next(&mut inbox).await, Event::Down { .. }));
    signaling.send(anna().into(), hangup());
    let mut session = hub.login(5000).await;
    assert_eq!(session.hear().await.message, hangup());
}

#[tokio::test]
async fn a_hub_that_falls_silent_is_left() {
    let hub = FakeHub::new().await;
    let (_signaling, mut inbox) = start(&hub.url());
    let _silent = hub.login(1000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
    let since = Instant::now();
    assert!(matches!(next(&mut inbox).await, Event::Down { reason } if reason.contains("no sign of the hub")));
    assert!(since.elapsed() >= Duration::from_millis(1900), "{:?}", since.elapsed());
    hub.login(1000).await;
}

#[tokio::test]
async fn an_expired_ticket_is_renewed_soon_and_another_refusal_is_not_repeated() {
    let hub = FakeHub::new().await;
    let (signaling, _inbox) = start(&hub.url());
    let refuse = r#""type":"bye","reason":"not_logged_in","code":70001,"text":"the ticket has expired""#;
    let mut session = hub.connection().await;
    session.hear().await;
    session.say(refuse).await;
    let mut session = hub.connection().await;
    session.hear().await;
    session.say(&refuse.replace("70001", "70003")).await;
    assert!(timeout(Duration::from_secs(3), hub.connection()).await.is_err(), "it must stay away for a minute");
    let status = signaling.status();
    assert_eq!(status.state, State::Waiting);
    assert!(status.last_error.unwrap().contains("70003"));
}

#[tokio::test]
async fn a_stop_waits_for_the_last_words() {
    let hub = FakeHub::new().await;
    let (signaling, mut inbox) = start(&hub.url());
    let session = hub.login(5000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
    signaling.send(anna().into(), Message::Accept { call: "d".parse().unwrap(), agent: Agent::Panel });
    signaling.send(anna().into(), hangup());
    let heard = tokio::spawn(session.hear_out());
    let since = Instant::now();
    signaling.stop().await;
    assert!(since.elapsed() < Duration::from_secs(2));
    assert_eq!(heard.await.unwrap(), ["accept", "hangup"]);
}

#[tokio::test]
async fn a_secure_address_fails_without_a_panic_when_nobody_speaks_tls() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (signaling, _inbox) = start(&format!("wss://{}/ws", listener.local_addr().unwrap()));
    let (mut stream, _) = timeout(Duration::from_secs(10), listener.accept()).await.expect("it connects").unwrap();
    stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
    drop(stream);
    for _ in 0..50 {
        if signaling.status().last_error.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(signaling.status().last_error.unwrap().contains("cannot connect"));
    assert!(signaling.moves(Duration::from_secs(30)));
}

#[tokio::test]
async fn a_connection_whose_own_address_is_gone_is_left_at_once_and_no_other() {
    let hub = FakeHub::new().await;
    let (edge, mut inbox) = start(&hub.url());
    let mut session = hub.login(60_000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
    edge.network_lost(vec!["172.17.0.1".parse().unwrap()]);
    edge.network_gained();
    edge.send(anna().into(), hangup());
    assert_eq!(session.hear().await.message, hangup(), "it goes on");
    edge.network_lost(vec!["127.0.0.1".parse().unwrap()]);
    assert!(matches!(next(&mut inbox).await, Event::Down { .. }));
    let _session = hub.login(60_000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
}

/// Logs in twice with a ticket that has expired: then it stays away for a minute.
async fn refused_twice(hub: &FakeHub) {
    let refuse = r#""type":"bye","reason":"not_logged_in","code":70001,"text":"the ticket has expired""#;
    for _ in 0..2 {
        let mut session = hub.connection().await;
        session.hear().await;
        session.say(refuse).await;
    }
}

async fn waits(edge: &Signaling) {
    let until = Instant::now() + Duration::from_secs(10);
    while edge.status().state != State::Waiting {
        assert!(Instant::now() < until, "{:?}", edge.status());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_clock_that_is_set_ends_the_wait_after_an_expired_ticket() {
    let hub = FakeHub::new().await;
    let (edge, mut inbox) = start(&hub.url());
    refused_twice(&hub).await;
    waits(&edge).await;
    edge.clock_was_set();
    let _session = hub.login(60_000).await;
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
}

#[tokio::test]
async fn a_container_that_brings_an_address_does_not_end_the_wait_after_a_refusal() {
    for bye in [r#""reason":"not_logged_in","code":70009"#, r#""reason":"replaced""#] {
        let hub = FakeHub::new().await;
        let (edge, _inbox) = start(&hub.url());
        let mut session = hub.connection().await;
        session.hear().await;
        session.say(&format!(r#""type":"bye",{bye},"text":"no""#)).await;
        waits(&edge).await;
        edge.network_gained();
        edge.network_moved();
        edge.clock_was_set();
        assert!(timeout(Duration::from_secs(2), hub.connection()).await.is_err(), "after {bye}");
    }
}

#[tokio::test]
async fn a_hub_that_names_a_time_is_asked_again_then() {
    let hub = FakeHub::new().await;
    let (edge, mut inbox) = start(&hub.url());
    let mut session = hub.connection().await;
    session.hear().await;
    session.say(r#""type":"bye","reason":"not_logged_in","code":70003,"text":"clock","retry_ms":1500"#).await;
    waits(&edge).await;
    let since = Instant::now();
    let _session = hub.login(60_000).await;
    assert!(since.elapsed() >= Duration::from_millis(1400), "{:?}", since.elapsed());
    assert!(matches!(next(&mut inbox).await, Event::Up { .. }));
}
