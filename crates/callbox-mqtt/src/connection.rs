//! One connection of a device: to the first broker that answers, from connecting to its end.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callbox_core::ids::{CallId, EnvelopeId, IdSource, Target, UserId};
use callbox_core::protocol::{Envelope, Message};
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, Filter, Packet, PubAck, PubAckReason, Publish, RetainForwardRule, SubAck, SubscribeReasonCode,
};
use tokio::time::sleep_until;

use crate::broker::Brokers;
use crate::burst::Burst;
use crate::delivery;
use crate::end::{self, End};
use crate::event::{Event, Outcome};
use crate::instance::Instance;
use crate::link::Link;
use crate::opened::{self, Opened};
use crate::options::{self, Login};
use crate::tls::Tls;
use crate::topic::{self, Party, Topic};
use crate::wire::Failure;

/// A presence that nobody renews is forgotten by the broker: a panel may vanish together with the broker that held its will.
const PRESENCE: Duration = Duration::from_secs(2 * 60 * 60);

/// How long a resumed session waits to hear whether the same device has logged in elsewhere meanwhile. Stored messages come at once.
const LOOK: Duration = Duration::from_millis(500);

/// One connection, or the attempt at one.
pub struct Connection {
    login: Login,
    me: Party,
    brokers: Arc<Brokers>,
    tls: Option<Tls>,
    password: String,
    clean_start: bool,
    instance: Instance,
    /// The login went on before: what our presence topic says now tells whether another one has taken its place.
    resumed: bool,
    /// Our presence topic has told it.
    seen: bool,
    look_until: Option<Instant>,
    /// The broker that is used or tried now, by its number.
    at: usize,
    link: Option<Link>,
    /// What was wrong with those before it.
    reasons: Vec<String>,
    /// What has happened and was not told yet.
    ready: VecDeque<Event>,
    burst: Burst,
    watched: BTreeSet<String>,
    presence_due: Option<Instant>,
    connected: bool,
    poisoned: bool,
}

impl Connection {
    /// Begins to connect. `clean_start` throws away what the broker keeps for this device.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn open(
        login: Login,
        brokers: Arc<Brokers>,
        tls: Option<Tls>,
        password: impl Into<String>,
        clean_start: bool,
    ) -> Result<Self, End> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| End::Lost(format!("no randomness: {error}")))?;
        let mut ids = IdSource::new(seed);
        Ok(Self {
            me: login.party(),
            login,
            brokers,
            tls,
            password: password.into(),
            clean_start,
            instance: Instance::new(&mut ids),
            resumed: false,
            seen: false,
            look_until: None,
            at: 0,
            link: None,
            reasons: Vec::new(),
            ready: VecDeque::new(),
            burst: Burst::default(),
            watched: BTreeSet::new(),
            presence_due: None,
            connected: false,
            poisoned: false,
        })
    }

    /// Goes on with the login of an earlier connection that was up. When the same device has logged in elsewhere since, this one ends
    /// with [`End::TakenOver`]; without it the newcomer wins.
    #[must_use]
    pub fn resume(self, instance: Instance) -> Self {
        Self { instance, resumed: true, ..self }
    }

    /// The login of this connection, for the next one.
    pub fn instance(&self) -> Instance {
        self.instance.clone()
    }

    /// What happens next, or why the connection ended. Loses nothing when dropped unfinished; not to be asked again after an end.
    ///
    /// # Errors
    /// [`End`].
    pub async fn next(&mut self) -> Result<Event, End> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let Some(link) = &mut self.link else {
                return self.dial();
            };
            let far = link.heard_at() + PRESENCE;
            let (settled_at, presence_due, look_until) = (self.burst.deadline(), self.presence_due, self.look_until);
            tokio::select! {
                packet = link.next() => match packet {
                    Ok(packet) => self.on(packet)?,
                    Err(failure) => self.failed(&failure)?,
                },
                () = sleep_until(settled_at.unwrap_or(far).into()), if settled_at.is_some() => {
                    self.ready.extend(self.burst.end(Instant::now()).into_iter().map(Event::Heard));
                }
                () = sleep_until(presence_due.unwrap_or(far).into()), if presence_due.is_some() => self.say_present(),
                () = sleep_until(look_until.unwrap_or(far).into()), if look_until.is_some() => self.come_up(),
            }
        }
    }

    /// Whether it is logged in and one more message may be handed out.
    pub fn has_room(&self) -> bool {
        self.is_up() && self.link.as_ref().is_some_and(Link::has_room)
    }

    /// Hands a message out, with ourselves as its sender. Given back while there is no room.
    pub fn publish(&mut self, envelope: Envelope) -> Option<Envelope> {
        let (true, Some(link), Some(to)) = (self.has_room(), &mut self.link, &envelope.to) else {
            return Some(envelope);
        };
        let delivery = delivery::of(&envelope.message);
        let topic = topic::message(&Party { user: to.user.clone(), app: self.me.app }, &self.me);
        let (id, call) = (envelope.id.clone(), envelope.message.call().cloned());
        let envelope = Envelope { from: Some(self.login.address.clone()), ..envelope };
        let published = link.publish(topic, delivery, envelope.encode(), (id.clone(), call.clone()));
        self.published(published, delivery.0, id, call);
        None
    }

    /// Hands out a message of a newer version, word for word: `text` names its sender, ourselves, by itself. False while there is no
    /// room.
    pub fn publish_foreign(&mut self, to: &Target, id: EnvelopeId, text: String) -> bool {
        let (true, Some(link)) = (self.has_room(), &mut self.link) else { return false };
        let topic = topic::message(&Party { user: to.user.clone(), app: self.me.app }, &self.me);
        let published = link.publish(topic, delivery::FOREIGN, text, (id.clone(), None));
        self.published(published, delivery::FOREIGN.0, id, None);
        true
    }

    /// Answers for a message that the broker will not answer for.
    fn published(&mut self, published: Result<(), Failure>, quality: QoS, id: EnvelopeId, call: Option<CallId>) {
        let outcome = match published {
            Err(failure) => Outcome::Refused(failure.to_string()),
            Ok(()) if quality == QoS::AtMostOnce => Outcome::Taken,
            Ok(()) => return,
        };
        self.ready.push_back(Event::Acknowledged { id, call, outcome });
    }

    /// Watches the presence of exactly these users. True: [`Event::Watching`] tells when the broker has taken it in.
    pub fn watch(&mut self, users: impl IntoIterator<Item = UserId>) -> bool {
        let app = self.me.app;
        self.watch_filters(users.into_iter().map(|user| topic::presences(&Party { user, app })).collect())
    }

    /// Watches the presence of everybody of the app, as [`Connection::watch`] does.
    pub fn watch_all(&mut self) -> bool {
        self.watch_filters(BTreeSet::from([topic::all_presences(self.me.app)]))
    }

    /// Gives an invite out once more that was acknowledged and is not decided, unless its sender takes it back in the next moment: a
    /// broker gives such a one only once. `since`: when it had the time that it names.
    pub fn give_again(&mut self, since: Instant, invite: Opened) {
        self.burst.give_again(Instant::now(), since, invite);
    }

    /// Our own address on this connection, once it is up.
    pub fn local_address(&self) -> Option<IpAddr> {
        self.link.as_ref().and_then(Link::local)
    }

    /// Whether the session holds a packet that cannot be read and would come again for ever: open the next one with a clean start.
    pub fn is_poisoned(&self) -> bool {
        self.poisoned
    }

    /// Takes our presence back and says good-bye. The broker keeps the session.
    pub async fn close(self) {
        if let (true, Some(link)) = (self.is_up(), self.link) {
            link.close(self.login.presence_topic()).await;
        }
    }

    fn is_up(&self) -> bool {
        self.presence_due.is_some()
    }

    /// Tries the broker whose turn it is.
    fn dial(&mut self) -> Result<Event, End> {
        let Some(broker) = self.brokers.urls.get(self.at).cloned() else {
            return Err(End::Lost(self.reasons.join("; ")));
        };
        if broker.is_secure() && self.tls.is_none() {
            return Err(End::Lost(format!("{}: no certificates to check it against", broker.as_str())));
        }
        let gone = self.instance.presence(&self.login.address, false);
        let terms = (self.brokers.keep_alive, self.brokers.account);
        let connect = options::connect(&self.login, terms, (&self.password, self.clean_start), gone);
        self.link = Some(Link::open(broker.clone(), self.tls.clone(), connect));
        Ok(Event::Trying(broker))
    }

    fn failed(&mut self, failure: &Failure) -> Result<(), End> {
        let (end, poisoned) = end::of(failure, &self.me, self.connected);
        self.poisoned = poisoned;
        match end {
            End::Lost(reason) if !self.connected => {
                let several = self.brokers.urls.len() > 1;
                let broker = self.brokers.urls.get(self.at).filter(|_| several);
                self.reasons.push(broker.map_or(reason.clone(), |broker| format!("{}: {reason}", broker.as_str())));
                self.at += 1;
                self.link = None;
                Ok(())
            }
            end => Err(end),
        }
    }

    fn on(&mut self, packet: Packet) -> Result<(), End> {
        match packet {
            Packet::ConnAck(answer) => self.greeted(&answer),
            Packet::SubAck(answer) => return self.subscribed(&answer),
            Packet::Publish(message) if self.is_of_ourselves(&message) => return self.looked(&message),
            Packet::Publish(message) => self.received(message),
            Packet::PubAck(answer) => self.acknowledged(&answer),
            _ => {}
        }
        Ok(())
    }

    fn greeted(&mut self, answer: &ConnAck) {
        let Some(link) = &mut self.link else { return };
        self.connected = true;
        let theirs = answer.properties.as_ref();
        let keep_alive = theirs.and_then(|theirs| theirs.server_keep_alive);
        let keep_alive = keep_alive.map_or(self.brokers.keep_alive, |seconds| Duration::from_secs(seconds.into()));
        link.agree(keep_alive, theirs.and_then(|theirs| theirs.receive_max));
        if answer.session_present {
            self.burst.begin(link.heard_at());
        }
        let inbox = Filter {
            nolocal: true,
            // Nothing that is said to somebody is kept for those who come later, whatever the sender asks for.
            retain_forward_rule: RetainForwardRule::Never,
            ..Filter::new(topic::inbox(&self.me), QoS::AtLeastOnce)
        };
        let mut filters = vec![inbox];
        if self.resumed {
            filters.push(Filter::new(self.login.presence_topic(), QoS::AtMostOnce));
        }
        link.subscribe(filters);
    }

    /// Whether this tells, before we have said so ourselves, that our device is there.
    fn is_of_ourselves(&self, message: &Publish) -> bool {
        self.resumed && !self.is_up() && message.topic == self.login.presence_topic()
    }

    /// The device is there by the word of another login, or not.
    fn looked(&mut self, message: &Publish) -> Result<(), End> {
        let said = Envelope::decode(&message.payload).ok();
        let other = said.is_some_and(|said| {
            let is_online = matches!(said.message, Message::Presence { online: true, .. });
            is_online && said.id != self.instance.here
        });
        if other {
            return Err(End::TakenOver);
        }
        match self.look_until {
            Some(_) => self.come_up(),
            None => self.seen = true,
        }
        Ok(())
    }

    fn come_up(&mut self) {
        if let (Some(link), true) = (&mut self.link, self.look_until.take().is_some()) {
            link.unsubscribe(vec![self.login.presence_topic()]);
        }
        self.say_present();
        self.ready.push_back(Event::Up);
    }

    fn subscribed(&mut self, answer: &SubAck) -> Result<(), End> {
        let refused = answer.return_codes.iter().find(|code| !matches!(code, SubscribeReasonCode::Success(_)));
        if self.is_up() {
            if let Some(reason) = refused {
                tracing::warn!(?reason, "the broker does not tell who is there");
            }
            self.ready.push_back(Event::Watching);
            return Ok(());
        }
        // The inbox comes first; without a look at our own presence there is no telling who else is logged in.
        if let Some(reason) = refused.filter(|_| !matches!(answer.return_codes[0], SubscribeReasonCode::Success(_))) {
            let inbox = topic::inbox(&self.me);
            return Err(End::Refused(format!("the broker does not let us read {inbox}: {reason:?}")));
        }
        if self.resumed {
            self.look_until = Some(Instant::now() + LOOK);
        }
        if !self.resumed || self.seen || refused.is_some() {
            self.come_up();
        }
        Ok(())
    }

    fn received(&mut self, publish: Publish) {
        let now = Instant::now();
        match Topic::read(&publish.topic) {
            Some(Topic::Message { to, from }) if to == self.me && from.app == self.me.app && !publish.retain => {
                let mut opened = match opened::open(&self.login.address, &from.user, &publish.payload) {
                    Some(Ok(opened)) => opened,
                    Some(Err(error)) => {
                        return self.ready.push_back(Event::NotUnderstood { error, payload: publish.payload });
                    }
                    None => return,
                };
                let expiry = publish.properties.and_then(|properties| properties.message_expiry_interval);
                if !delivery::arrived(&mut opened.message, expiry) {
                    tracing::warn!(from = %opened.from, ?expiry, "invite without time left, or of unknown age: ignored");
                    return;
                }
                self.ready.extend(self.burst.take(now, opened).map(Event::Heard));
            }
            Some(Topic::Presence { of, device }) => {
                if let Some(online) = opened::presence(&of, &device, &publish.payload).filter(|_| of.app == self.me.app)
                {
                    self.ready.push_back(Event::Presence { user: of.user, device, online });
                }
            }
            _ => {
                let topic = String::from_utf8_lossy(&publish.topic);
                tracing::warn!(topic = %topic.chars().take(120).collect::<String>(), "not for us: ignored");
            }
        }
    }

    fn acknowledged(&mut self, answer: &PubAck) {
        let Some((id, call)) = self.link.as_mut().and_then(|link| link.acknowledged(answer)) else { return };
        let outcome = match answer.reason {
            PubAckReason::Success => Outcome::Taken,
            PubAckReason::NoMatchingSubscribers => Outcome::NobodyThere,
            PubAckReason::NotAuthorized => Outcome::Forbidden,
            reason => Outcome::Refused(format!("{reason:?}")),
        };
        self.ready.push_back(Event::Acknowledged { id, call, outcome });
    }

    fn say_present(&mut self) {
        let said = self.instance.presence(&self.login.address, true);
        let Some(link) = &mut self.link else { return };
        let seconds = u32::try_from(PRESENCE.as_secs()).unwrap_or(u32::MAX);
        link.retain(self.login.presence_topic(), seconds, said);
        self.presence_due = Some(Instant::now() + PRESENCE / 2);
    }

    fn watch_filters(&mut self, filters: BTreeSet<String>) -> bool {
        let (true, Some(link)) = (self.is_up(), &mut self.link) else { return false };
        let new: Vec<_> = filters.difference(&self.watched).map(|name| Filter::new(name, QoS::AtMostOnce)).collect();
        let is_new = !new.is_empty();
        if is_new {
            link.subscribe(new);
        }
        let old: Vec<_> = self.watched.difference(&filters).cloned().collect();
        if !old.is_empty() {
            link.unsubscribe(old);
        }
        self.watched = filters;
        is_new
    }
}
