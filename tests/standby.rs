//! A hub and a broker at once: a hub played by hand, a real Mosquitto, a panel at both and one at the broker alone.

use std::time::Duration;

use callbox::signaling::{Event, Server, Settings, Signaling, State, TicketSource};
use callbox_core::ids::{AppId, Target, UserId};
use callbox_core::protocol::{EndReason, Message};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::fake_hub::{FakeHub, Session};
use crate::mosquitto::{Mosquitto, is_missing};
use crate::mqtt_panel::{USERS, brokers};

const WAIT: Duration = Duration::from_secs(10);
/// Long enough for what should not come.
const A_WHILE: Duration = Duration::from_millis(300);

struct Party {
    edge: Signaling,
    inbox: mpsc::Receiver<Event>,
}

impl Party {
    fn start(user: &str, server: Server, standby: Option<Server>) -> Self {
        let settings = Settings {
            app: AppId(7),
            user: user.parse().unwrap(),
            device: "panel".parse().unwrap(),
            ticket: TicketSource::Ticket(format!("token-of-{user}")),
            server,
            standby,
        };
        let (events, inbox) = mpsc::channel(64);
        Self { edge: Signaling::start(settings, events), inbox }
    }

    async fn next(&mut self) -> Event {
        timeout(WAIT, self.inbox.recv()).await.expect("an event in time").unwrap()
    }

    async fn is_up(&mut self) {
        assert!(matches!(self.next().await, Event::Up { .. }));
    }

    async fn hears(&mut self, call: &str) {
        let Event::Heard { message, .. } = self.next().await else { panic!("nothing is heard") };
        assert_eq!(message, hangup(call));
    }

    async fn hears_nothing(&mut self) {
        assert!(timeout(A_WHILE, self.inbox.recv()).await.is_err());
    }

    fn says(&self, to: &str, call: &str) {
        let to: Target = to.parse::<UserId>().unwrap().into();
        self.edge.send(to, hangup(call));
    }

    /// Both of its ways are up.
    async fn is_up_twice(&self) {
        for _ in 0..200 {
            let status = self.edge.status();
            if status.state == State::Up && status.standby.is_some_and(|standby| standby.state == State::Up) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("not both up: {:?}", self.edge.status());
    }
}

fn hangup(call: &str) -> Message {
    Message::Hangup { call: call.parse().unwrap(), reason: EndReason::Hangup }
}

/// A broker, a hub with its session, the door at both, and the flat at the broker.
async fn street() -> Option<(Mosquitto, FakeHub, Session, Party, Party)> {
    if is_missing("standby") {
        return None;
    }
    let (broker, hub) = (Mosquitto::start(USERS), FakeHub::new().await);
    let at_broker = || Server::Brokers(brokers(&[broker.url()]));
    let mut door = Party::start("door", Server::Hub(hub.url().parse().unwrap()), Some(at_broker()));
    let session = hub.login(60_000).await;
    door.is_up().await;
    door.is_up_twice().await;
    let mut flat = Party::start("flat", at_broker(), None);
    flat.is_up().await;
    while timeout(A_WHILE, door.inbox.recv()).await.is_ok() {}
    Some((broker, hub, session, door, flat))
}

#[tokio::test]
async fn both_ways_are_heard_and_the_hub_is_spoken_to() {
    let Some((_broker, _hub, mut session, mut door, mut flat)) = street().await else { return };
    flat.says("door", "over-the-broker");
    door.hears("over-the-broker").await;
    session
        .say(r#""from":{"user":"anna","device":"x"},"to":{"user":"door"},"type":"hangup","call":"over-the-hub","reason":"hangup""#)
        .await;
    door.hears("over-the-hub").await;
    door.says("flat", "said");
    assert_eq!(session.hear().await.message, hangup("said"));
    flat.hears_nothing().await;
}

#[tokio::test]
async fn whom_the_hub_does_not_reach_the_broker_does() {
    let Some((_broker, _hub, mut session, mut door, mut flat)) = street().await else { return };
    for code in ["offline", "queued", "unknown_user"] {
        door.says("flat", code);
        let asked = session.hear().await;
        session.say(&format!(r#""type":"result","re":"{}","code":"{code}","call":"{code}""#, asked.id)).await;
        flat.hears(code).await;
    }
    door.hears_nothing().await;
    // Nobody reaches him: that is told, once.
    door.says("nobody", "c");
    let asked = session.hear().await;
    session.say(&format!(r#""type":"result","re":"{}","code":"offline","call":"c""#, asked.id)).await;
    assert!(matches!(door.next().await, Event::Fared { .. }));
    door.hears_nothing().await;
}

#[tokio::test]
async fn when_the_hub_goes_it_goes_on_at_once_and_comes_back_unnoticed() {
    let Some((_broker, hub, session, mut door, mut flat)) = street().await else { return };
    door.says("flat", "under-way");
    drop(session);
    // Up again, over the other way: the station repeats what may be lost. What the hub had not proven to have read is said again.
    door.is_up().await;
    flat.hears("under-way").await;
    door.says("flat", "at-once");
    flat.hears("at-once").await;
    flat.hears_nothing().await;
    let mut session = hub.login(60_000).await;
    door.is_up().await;
    door.says("flat", "back");
    while session.hear().await.message != hangup("back") {}
}

#[tokio::test]
async fn a_stand_by_that_goes_is_no_news() {
    let Some((broker, _hub, mut session, mut door, _flat)) = street().await else { return };
    drop(broker);
    door.hears_nothing().await;
    door.says("flat", "said");
    assert_eq!(session.hear().await.message, hangup("said"));
}

#[tokio::test]
async fn what_comes_over_both_ways_is_heard_once() {
    let Some((broker, _hub, mut session, mut door, _flat)) = street().await else { return };
    let fields = r#""from":{"user":"flat","device":"panel"},"to":{"user":"door"},"type":"hangup","call":"twice","reason":"hangup""#;
    let envelope = format!(r#"{{"v":1,"id":"hub-2",{fields}}}"#);
    let topic = "callbox/1/7/to/door@7/from/flat@7";
    let sent = broker.client("mosquitto_pub", "flat@7/ear", &["-t", topic, "-q", "1", "-m", &envelope]);
    door.hears("twice").await;
    assert!(sent.ended().0);
    // The hub of this test numbers what it says: the welcome was 1.
    session.say(fields).await;
    door.hears_nothing().await;
}
