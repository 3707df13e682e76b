use std::path::PathBuf;

use callbox_core::client::MissedNotes;
use callbox_core::protocol::{EarlyMedia, EndReason, Kind, Media};
use tokio::sync::watch;

use super::super::TicketSource;
use super::*;

fn exchange() -> (Exchange, mpsc::Receiver<Event>) {
    exchange_at(Server::Hub("ws://127.0.0.1:1".parse().unwrap()), None)
}

fn brokers() -> Server {
    let urls = vec!["mqtt://127.0.0.1:1".parse().unwrap()];
    let (ca_file, identity, account) = (None, None, super::super::Account::User);
    Server::Brokers(super::super::Brokers { urls, ca_file, identity, keep_alive: BEAT, account })
}

fn exchange_at(server: Server, standby: Option<Server>) -> (Exchange, mpsc::Receiver<Event>) {
    let settings = Settings {
        app: callbox_core::ids::AppId(1),
        user: "door".parse().unwrap(),
        device: "panel".parse().unwrap(),
        ticket: TicketSource::File(PathBuf::from("none")),
        server,
        standby,
    };
    let (events, inbox) = mpsc::channel(16);
    (Exchange::new(&settings, events, Board::new("ws://127.0.0.1:1")), inbox)
}

async fn read(exchange: &mut Exchange, text: &str) -> Verdict {
    exchange.read(Instant::now(), text.as_bytes()).await
}

const HANGUP: &str = r#"{"v":1,"id":"1","from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"hangup","call":"c","reason":"hangup"}"#;

#[tokio::test]
async fn a_duplicate_is_heard_once() {
    let (mut exchange, mut inbox) = exchange();
    read(&mut exchange, HANGUP).await;
    read(&mut exchange, HANGUP).await;
    assert!(matches!(inbox.try_recv(), Ok(Event::Heard { .. })));
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn an_invite_of_the_future_is_rejected_explicitly() {
    let (mut exchange, mut inbox) = exchange();
    let future = r#"{"v":2,"id":"1","from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"invite","call":"c","new":[]}"#;
    assert_eq!(read(&mut exchange, future).await, Verdict::Fine);
    let frame = exchange.next_frame(Instant::now()).unwrap();
    assert!(frame.contains("reject") && frame.contains("unsupported_version") && frame.contains("anna"), "{frame}");
    assert!(inbox.try_recv().is_err());
}

#[tokio::test]
async fn candidates_that_are_held_back_have_their_turn_soon() {
    let (mut exchange, _inbox) = exchange();
    let now = Instant::now();
    exchange
        .logged_in(now, Address { user: "door".parse().unwrap(), device: "panel".parse().unwrap() }, Vec::new())
        .await;
    exchange.beat(now).await;
    for link in 0..100 {
        let message = Message::Candidate { call: "c".parse().unwrap(), link, candidate: "x".into(), mline: 0 };
        exchange.take(now, Order::Send { to: "anna".parse::<UserId>().unwrap().into(), message });
    }
    assert!(std::iter::from_fn(|| exchange.next_frame(now)).count() < 100);
    assert!(exchange.beat_due() < now + Duration::from_secs(1), "nothing else wakes the connection");
}

#[tokio::test]
async fn garbage_is_ignored() {
    let (mut exchange, mut inbox) = exchange();
    for text in ["", "{}", "[1]", "{\"v\":1}", r#"{"v":1,"id":"1","type":"dance"}"#, &"x".repeat(100_000)] {
        assert_eq!(read(&mut exchange, text).await, Verdict::Fine);
    }
    assert!(inbox.try_recv().is_err() && exchange.next_frame(Instant::now()).is_none());
}

#[tokio::test]
async fn the_watch_list_is_told_again_after_each_login() {
    let (mut exchange, _inbox) = exchange();
    exchange.take(Instant::now(), Order::Watch(vec!["anna".parse().unwrap()]));
    assert!(exchange.next_frame(Instant::now()).unwrap().contains("watch"));
    assert_eq!(exchange.next_frame(Instant::now()), None);
    exchange.went_down("test").await;
    let welcome = r#"{"v":1,"id":"1","type":"welcome","you":{"user":"door","device":"panel"},"heartbeat_ms":5000}"#;
    assert_eq!(read(&mut exchange, welcome).await, Verdict::Welcome { heartbeat_ms: 5000 });
    assert!(exchange.next_frame(Instant::now()).unwrap().contains("watch"));
}

#[tokio::test]
async fn a_result_names_what_it_speaks_of() {
    let (mut exchange, mut inbox) = exchange();
    let message = Message::Accept { call: "c".parse().unwrap(), agent: Agent::Panel };
    let to: Target = "anna".parse::<UserId>().unwrap().into();
    exchange.take(Instant::now(), Order::Send { to: to.clone(), message });
    let sent = Envelope::decode(exchange.next_frame(Instant::now()).unwrap().as_bytes()).unwrap();
    let answer = format!(r#"{{"v":1,"id":"9","type":"result","re":"{}","code":"offline","call":"c"}}"#, sent.id);
    read(&mut exchange, &answer).await;
    let Ok(Event::Fared { code, about, to: found, .. }) = inbox.try_recv() else { panic!("no result") };
    assert_eq!((code, about, found), (ResultCode::Offline, Some("accept"), Some(to)));
}

fn anna(device: &str) -> Address {
    Address { user: "anna".parse().unwrap(), device: device.parse().unwrap() }
}

fn missed(id: usize, caller: &str) -> String {
    format!(
        r#"{{"v":1,"id":"{id}","from":{{"user":"anna","device":"x"}},"to":{{"user":"door"}},"type":"missed","call":"c{id}","caller":{{"user":"{caller}","device":"x"}},"media":"audio","ago_ms":1}}"#
    )
}

#[tokio::test]
async fn a_caller_tells_of_its_own_missed_calls_only_and_of_so_many_at_once() {
    let (mut exchange, mut inbox) = exchange();
    read(&mut exchange, &missed(0, "bert")).await;
    assert!(inbox.try_recv().is_err());
    let mut told = 0;
    for id in 1..200 {
        read(&mut exchange, &missed(id, "anna")).await;
        while let Ok(event) = inbox.try_recv() {
            assert!(matches!(event, Event::Missed { caller, .. } if caller.user == anna("x").user));
            told += 1;
        }
    }
    assert!((20..100).contains(&told), "{told}");
}

/// An exchange that tells of missed calls and has rung Anna in vain; and what it has written.
fn that_rang_anna(
    server: Server,
    standby: Option<Server>,
) -> (Exchange, mpsc::Receiver<Event>, watch::Receiver<String>) {
    let (mut exchange, inbox) = exchange_at(server, standby);
    let (saved, text) = watch::channel(String::new());
    exchange.take(Instant::now(), Order::TellMissed(Box::new(Missed::new(MissedNotes::default(), saved))));
    let message = Message::Invite {
        call: "c".parse().unwrap(),
        kind: Kind::Single,
        media: Media::Audio,
        callees: vec![anna("x").user],
        remaining_ms: 30_000,
        agent: Agent::Panel,
        early: EarlyMedia::Off,
    };
    let to: Target = anna("x").user.into();
    exchange.take(Instant::now(), Order::Send { to: to.clone(), message });
    let message = Message::Cancel { call: "c".parse().unwrap(), reason: EndReason::Cancelled, by: None };
    exchange.take(Instant::now(), Order::Send { to, message });
    while let Some(sent) = exchange.next_envelope(Instant::now()) {
        exchange.acknowledged(Instant::now(), &sent.id, true);
    }
    (exchange, inbox, text)
}

#[tokio::test]
async fn over_a_broker_alone_a_callee_who_comes_is_told_of_the_call_until_the_broker_takes_it() {
    let (mut exchange, mut inbox, text) = that_rang_anna(brokers(), None);
    let now = Instant::now();
    assert_eq!(exchange.next_watch(), Some(vec![anna("x").user]));
    assert!(text.borrow().contains("anna"));
    exchange.present(now, anna("x").user, anna("x").device, true).await;
    let first = exchange.next_envelope(now).unwrap();
    assert_eq!((first.to.clone(), first.message.type_name()), (Some(anna("x").into()), "missed"));
    assert_eq!(exchange.next_envelope(now), None);
    exchange.went_down("test").await;
    exchange.logged_in(now, anna("x"), Vec::new()).await;
    assert_eq!(exchange.next_watch(), Some(vec![anna("x").user]));
    exchange.present(now, anna("x").user, anna("x").device, true).await;
    let again = exchange.next_envelope(now).unwrap();
    assert!(!exchange.acknowledged(now, &"other".parse().unwrap(), false));
    assert!(exchange.acknowledged(now, &again.id, true));
    assert!(text.borrow().is_empty(), "forgotten on disk too");
    assert_eq!((exchange.next_envelope(now), exchange.next_watch()), (None, Some(Vec::new())));
    // The station watches nobody, and hears of nobody.
    while let Ok(event) = inbox.try_recv() {
        assert!(matches!(event, Event::Up { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn a_user_that_was_watched_for_a_note_is_asked_for_anew_when_the_station_wants_it() {
    let (mut exchange, mut inbox, _text) = that_rang_anna(brokers(), None);
    let bert: UserId = "bert".parse().unwrap();
    assert_eq!(exchange.next_watch(), Some(vec![anna("x").user]));
    exchange.take(Instant::now(), Order::Watch(vec![bert.clone(), anna("x").user]));
    let asked: Vec<_> = std::iter::from_fn(|| exchange.next_watch()).take(3).collect();
    assert_eq!(asked, [vec![bert.clone()], vec![bert, anna("x").user]]);
    exchange.present(Instant::now(), anna("x").user, anna("x").device, true).await;
    assert!(matches!(inbox.try_recv(), Ok(Event::Presence { online: true, .. })));
}

#[tokio::test]
async fn where_a_hub_tells_of_missed_calls_the_caller_does_not() {
    let hub = || Server::Hub("ws://127.0.0.1:1".parse().unwrap());
    for (server, standby) in [(hub(), None), (hub(), Some(brokers())), (brokers(), Some(hub()))] {
        let (mut exchange, _inbox, text) = that_rang_anna(server, standby);
        exchange.present(Instant::now(), anna("x").user, anna("x").device, true).await;
        assert_eq!((exchange.next_envelope(Instant::now()), exchange.next_watch()), (None, None));
        assert!(text.borrow().is_empty());
    }
}
