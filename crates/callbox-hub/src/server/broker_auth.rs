//! A broker asks: may this client come in with this ticket, may it say or hear that? `POST /mqtt/auth`, `/mqtt/acl`, `/mqtt/superuser`.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Extension, Form, FromRequest, Json, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use callbox_core::ids::DeviceId;
use callbox_mqtt::Party;
use callbox_mqtt::topic::{self, Topic};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use tracing::{debug, info, warn};

use super::front::Client;
use super::page::plain;
use super::state::unix_now;
use super::{Network, ServerState};

/// Who may ask, and in whose words.
#[derive(Clone)]
pub struct Settings {
    /// Which broker asks.
    pub kind: Kind,
    /// What it has to show, where that is wanted.
    pub secret: Option<String>,
    /// Where it has to be, where that is wanted.
    pub from: Vec<Network>,
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings").field("kind", &self.kind).field("from", &self.from).finish_non_exhaustive()
    }
}

/// Which broker asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// EMQX 5: HTTP authenticator and authorizer; the answer is JSON.
    Emqx,
    /// Mosquitto with mosquitto-go-auth's HTTP backend: the answer is the status.
    GoAuth,
}

/// What is asked. Brokers send more, which is not looked at.
#[derive(Deserialize)]
struct Question {
    username: Option<String>,
    password: Option<String>,
    clientid: Option<String>,
    topic: Option<String>,
    /// EMQX: `publish`, `subscribe`.
    action: Option<String>,
    /// mosquitto-go-auth: 1 read, 2 write, 3 both, 4 subscribe.
    acc: Option<Number>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Number(u8),
    Text(String),
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Yes; a login until then (unix seconds).
    Allow { until: Option<u64> },
    /// No.
    Deny(String),
    /// It is none of ours: another rule of the broker may say.
    Ignore,
}

/// `POST /mqtt/auth`: may this user come in?
pub(super) async fn auth(
    State(state): State<Arc<ServerState>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let settings = state.settings();
    let (kind, question) = match asked(&state, &settings, client, request).await {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let verdict = login(&settings, &question);
    if let Verdict::Deny(reason) = &verdict {
        info!(
            user = question.username.unwrap_or_default().chars().take(64).collect::<String>(),
            reason, "broker login refused"
        );
    }
    answer(kind, verdict)
}

/// `POST /mqtt/acl`: may this user say, or hear, that?
pub(super) async fn acl(
    State(state): State<Arc<ServerState>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let settings = state.settings();
    match asked(&state, &settings, client, request).await {
        Ok((kind, question)) => answer(kind, access(&settings, &question)),
        Err(refused) => *refused,
    }
}

/// `POST /mqtt/superuser`: nobody is above the rules.
pub(super) async fn superuser(
    State(state): State<Arc<ServerState>>,
    Extension(client): Extension<Client>,
    request: Request,
) -> Response {
    let settings = state.settings();
    match asked(&state, &settings, client, request).await {
        Ok((kind, _)) => answer(kind, Verdict::Deny("nobody is".to_owned())),
        Err(refused) => *refused,
    }
}

/// Reads the question of somebody who may ask.
async fn asked(
    state: &ServerState,
    settings: &super::Settings,
    Client(peer): Client,
    request: Request,
) -> Result<(Kind, Question), Box<Response>> {
    let Some(auth) = &settings.broker_auth else {
        return Err(no_answer(StatusCode::NOT_FOUND, "no [broker_auth] is configured"));
    };
    let now = Instant::now();
    let is_known = auth.from.is_empty() || auth.from.iter().any(|network| network.holds(peer));
    if !is_known || !shows(auth.secret.as_deref(), request.headers(), request.uri()) {
        let mut refused = state.refused();
        if refused.wait(now, peer).is_some() {
            return Err(no_answer(StatusCode::TOO_MANY_REQUESTS, "too many refused questions: wait"));
        }
        refused.note(now, peer);
        if state.notices.broker.may_speak() {
            warn!(%peer, "somebody who is not the broker asked: see `broker_auth.secret_file` and `broker_auth.allow_from`");
        }
        return Err(no_answer(StatusCode::UNAUTHORIZED, "only the broker may ask"));
    }
    if !state.broker_questions().take(now, 1) {
        return Err(no_answer(StatusCode::SERVICE_UNAVAILABLE, "too many questions at once"));
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let question = if kind.starts_with("application/x-www-form-urlencoded") {
        Form::<Question>::from_request(request, &()).await.map(|form| form.0).map_err(IntoResponse::into_response)
    } else {
        Json::<Question>::from_request(request, &()).await.map(|json| json.0).map_err(IntoResponse::into_response)
    };
    question.map(|question| (auth.kind, question)).map_err(Box::new)
}

fn no_answer(status: StatusCode, text: &str) -> Box<Response> {
    Box::new(plain(status, text))
}

/// Whether the secret is shown: `Authorization: Bearer SECRET`, or `?secret=SECRET` for brokers that send no headers.
fn shows(secret: Option<&str>, headers: &HeaderMap, uri: &Uri) -> bool {
    let Some(secret) = secret else { return true };
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let query = || uri.query()?.split('&').find_map(|pair| pair.strip_prefix("secret="));
    // Hashes are compared: how long that takes tells nothing of the secret.
    bearer.or_else(query).is_some_and(|shown| Sha256::digest(shown) == Sha256::digest(secret))
}

fn login(settings: &super::Settings, question: &Question) -> Verdict {
    let (me, bound) = match account(question.username.as_deref().unwrap_or_default()) {
        Ok(account) => account,
        Err(verdict) => return verdict,
    };
    let Some(rules) = settings.apps.get(&me.app) else {
        return Verdict::Deny(format!("there is no app {} at this hub", me.app));
    };
    // The client id names the session, and with it what waits for the user: nobody gets another's.
    let device = question.clientid.as_deref().and_then(|client| device(&me, client));
    if let (Some(client), None) = (&question.clientid, &device) {
        let client: String = client.chars().take(64).collect();
        return Verdict::Deny(format!("client id `{client}`: {me}/DEVICE is needed"));
    }
    if bound.is_some() && bound != device {
        return Verdict::Deny(format!("the client id has to be the user name of this account of {me}"));
    }
    let password = question.password.as_deref().unwrap_or_default();
    match rules.check(me.app, &me.user, device.as_ref(), password, unix_now()) {
        Ok(claims) => Verdict::Allow { until: Some(claims.expires_at()) },
        Err(error) => Verdict::Deny(format!("{}: {error}", error.code())),
    }
}

/// Reads a user name of the broker: `USER@APP`, or `USER@APP/DEVICE` for an account that is bound to one device.
///
/// # Errors
/// What to answer for a name of another form: another rule of the broker may know it, unless it begins as ours do.
fn account(name: &str) -> Result<(Party, Option<DeviceId>), Verdict> {
    let (user, device) = name.split_once('/').map_or((name, None), |(user, device)| (user, Some(device)));
    let user = user.parse::<Party>().map_err(|_| Verdict::Ignore)?;
    match device.map(str::parse).transpose() {
        Ok(device) => Ok((user, device)),
        Err(error) => Err(Verdict::Deny(format!("the account of {user}: {error}"))),
    }
}

/// The device that a client id names, if it is one of this user.
fn device(me: &Party, client: &str) -> Option<DeviceId> {
    client.strip_prefix(&me.to_string())?.strip_prefix('/')?.parse().ok()
}

fn access(settings: &super::Settings, question: &Question) -> Verdict {
    let (Some(name), Some(topic)) = (&question.username, &question.topic) else {
        return Verdict::Deny("`username` and `topic` are needed".to_owned());
    };
    let me = match account(name) {
        Ok((me, _)) => me,
        Err(verdict) => return verdict,
    };
    let acc = match &question.acc {
        Some(Number::Number(number)) => Some(*number),
        Some(Number::Text(text)) => text.parse().ok(),
        None => None,
    };
    let is_allowed = settings.apps.contains_key(&me.app)
        && match (question.action.as_deref(), acc) {
            (Some("publish"), None) | (None, Some(2)) => may_write(&me, topic),
            (Some("subscribe"), None) | (None, Some(4)) => may_subscribe(&me, topic),
            (None, Some(1)) => may_read(&me, topic),
            (None, Some(3)) => may_read(&me, topic) && may_write(&me, topic),
            _ => return Verdict::Deny("`action` (publish, subscribe) or `acc` (1 to 4) is needed".to_owned()),
        };
    if is_allowed { Verdict::Allow { until: None } } else { Verdict::Deny(format!("{me} may not do this there")) }
}

fn may_write(me: &Party, topic: &str) -> bool {
    match Topic::read(topic.as_bytes()) {
        Some(Topic::Message { to, from }) => from == *me && to.app == me.app,
        Some(Topic::Presence { of, .. }) => of == *me,
        None => false,
    }
}

fn may_read(me: &Party, topic: &str) -> bool {
    match Topic::read(topic.as_bytes()) {
        Some(Topic::Message { to, from }) => to == *me && from.app == me.app,
        Some(Topic::Presence { of, .. }) => of.app == me.app,
        None => false,
    }
}

fn may_subscribe(me: &Party, filter: &str) -> bool {
    let presences = topic::all_presences(me.app);
    // Everybody's of the app, all devices of one user, or one device.
    let of_user = presences.strip_suffix("+/+").and_then(|above| filter.strip_prefix(above)?.strip_suffix("/+"));
    let is_one = matches!(Topic::read(filter.as_bytes()), Some(Topic::Presence { of, .. }) if of.app == me.app);
    filter == topic::inbox(me)
        || filter == presences
        || is_one
        || of_user.and_then(|of| of.parse::<Party>().ok()).is_some_and(|of| of.app == me.app)
}

fn answer(kind: Kind, verdict: Verdict) -> Response {
    debug!(?verdict, "the broker is answered");
    match (kind, verdict) {
        (Kind::Emqx, Verdict::Allow { until: Some(until) }) => {
            Json(json!({ "result": "allow", "is_superuser": false, "expire_at": until })).into_response()
        }
        (Kind::Emqx, Verdict::Allow { until: None }) => Json(json!({ "result": "allow" })).into_response(),
        (Kind::Emqx, Verdict::Deny(_)) => Json(json!({ "result": "deny" })).into_response(),
        (Kind::Emqx, Verdict::Ignore) => Json(json!({ "result": "ignore" })).into_response(),
        (Kind::GoAuth, Verdict::Allow { .. }) => Json(json!({ "ok": true, "error": "" })).into_response(),
        (Kind::GoAuth, Verdict::Deny(error)) => no(&error),
        (Kind::GoAuth, Verdict::Ignore) => no("no user of Callbox"),
    }
}

fn no(error: &str) -> Response {
    (StatusCode::FORBIDDEN, Json(json!({ "ok": false, "error": error }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_ours_is_judged_here_and_never_left_to_another_rule() {
        let of = |name: &str| account(name).map(|(user, device)| (user.to_string(), device.map(|it| it.to_string())));
        assert_eq!(of("anna@7"), Ok(("anna@7".to_owned(), None)));
        assert_eq!(of("anna@7/phone"), Ok(("anna@7".to_owned(), Some("phone".to_owned()))));
        for malformed in ["anna@7/", "anna@7/a b", "anna@7/phone/x"] {
            assert!(matches!(of(malformed), Err(Verdict::Deny(_))), "{malformed}");
        }
        for stranger in ["", "bridge", "sensor/7"] {
            assert_eq!(of(stranger), Err(Verdict::Ignore), "{stranger}");
        }
    }

    #[test]
    fn the_rules_are_those_of_the_example_access_list_and_keep_apps_apart() {
        let me: Party = "anna@7".parse().unwrap();
        assert!(may_write(&me, "callbox/1/7/to/door@7/from/anna@7") && may_write(&me, "callbox/1/7/presence/anna@7/x"));
        for bad in
            ["callbox/1/7/to/door@7/from/door@7", "callbox/1/8/to/door@8/from/anna@7", "callbox/1/7/presence/door@7/x"]
        {
            assert!(!may_write(&me, bad), "{bad}");
        }
        assert!(may_read(&me, "callbox/1/7/to/anna@7/from/door@7") && may_read(&me, "callbox/1/7/presence/door@7/x"));
        for bad in
            ["callbox/1/7/to/door@7/from/anna@7", "callbox/1/7/to/anna@7/from/x@8", "callbox/1/8/presence/door@8/x"]
        {
            assert!(!may_read(&me, bad), "{bad}");
        }
        for good in [
            "callbox/1/7/to/anna@7/from/+",
            "callbox/1/7/presence/door@7/+",
            "callbox/1/7/presence/anna@7/phone",
            "callbox/1/7/presence/+/+",
        ] {
            assert!(may_subscribe(&me, good), "{good}");
        }
        for bad in [
            "#",
            "callbox/1/8/presence/+/+",
            "callbox/1/+/presence/+/+",
            "callbox/#",
            "callbox/1/7/to/+/from/+",
            "callbox/1/7/to/door@7/from/+",
            "callbox/1/8/presence/x@8/+",
        ] {
            assert!(!may_subscribe(&me, bad), "{bad}");
        }
    }
}
