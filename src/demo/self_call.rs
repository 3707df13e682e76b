//! A call between two daemons of this machine, checked step by step from outside.

use std::time::Duration;

use callbox_core::protocol::Media;
use serde_json::Value;
use tokio::time::sleep;

use super::figures::{self, Timing, Use};
use super::party::{Cast, Party, clock, hears, phase, sees};
use super::stage::Stage;
use super::{DemoArgs, Early, Failure, report};
use crate::control::Request;

const DOOR: Cast = Cast { user: "door", hz: 440 };
const VISITOR: Cast = Cast { user: "visitor", hz: 700 };
/// The second visitor of a comparison: the same, without early connect.
const LATE_VISITOR: Cast = Cast { user: "visitor-off", hz: 700 };

/// A person takes at least so long to accept; early connect has to be done by then.
const RING: Duration = Duration::from_millis(1500);
const SHORT_RING: Duration = Duration::from_millis(150);
/// From frame to frame of the parties' cameras.
const FRAME: Duration = Duration::from_millis(40);
const LOGIN: Duration = Duration::from_secs(10);
const SIGNALING: Duration = Duration::from_secs(5);
const MEDIA: Duration = Duration::from_secs(15);

/// One call, from both sides.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) early: Early,
    pub(super) door: Timing,
    pub(super) visitor: Timing,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(super) struct Results {
    pub(super) calls: Vec<Call>,
    pub(super) door_uses: Vec<Use>,
    pub(super) visitor_uses: Vec<Use>,
}

/// Plays it and prints the results.
pub(super) async fn run(args: &DemoArgs, stage: &mut Stage) -> Result<(), Failure> {
    let results = play(args, stage).await.map_err(|failure| {
        let Failure { step, why } = failure;
        Failure { step, why: format!("{why}\n-- logs --\n{}", stage.tails()) }
    })?;
    report::results(args, &results)
}

async fn play(args: &DemoArgs, stage: &mut Stage) -> Result<Results, Failure> {
    stage.start_hub(0).await?;
    // With a comparison the door is willing; each visitor's wish decides.
    let of_door = if args.compare { Early::Connect } else { args.early };
    let door = stage.start_party("start the panel", &DOOR, of_door).await?;
    let mut visitors = vec![(of_door, stage.start_party("start the visitor", &VISITOR, of_door).await?)];
    if args.compare {
        visitors.push((Early::Off, stage.start_party("start the visitor", &LATE_VISITOR, Early::Off).await?));
    }
    for party in visitors.iter().map(|(_, visitor)| visitor).chain([&door]) {
        let is_up = |status: &Value| status["signaling"]["state"] == "up";
        party.wait("logged in", LOGIN, is_up).await.map_err(|why| Failure::new("log in", why))?;
    }
    let mut results = Results::default();
    for round in 0..args.rounds {
        for (early, visitor) in &visitors {
            let call = call(args, &door, visitor, *early).await?;
            results.calls.push(call);
            results.door_uses.extend(uses(&door).await);
            results.visitor_uses.extend(uses(visitor).await);
            stage.check().map_err(|why| Failure::new("all processes live", why))?;
        }
        report::progress(args, round + 1);
    }
    Ok(results)
}

/// One call: ring, accept, see, hear, hang up.
async fn call(args: &DemoArgs, door: &Party, visitor: &Party, early: Early) -> Result<Call, Failure> {
    let step = |step: &'static str| move |why: String| Failure::new(step, why);
    let users = vec![DOOR.user.parse().map_err(|error| Failure::new("ring", error))?];
    visitor.ask(Request::Call { users, media: Media::Video }).await.map_err(step("ring"))?;
    let (to_door, to_visitor) = tokio::join!(
        door.wait("ringing", SIGNALING, |status| phase(status) == "ringing"),
        visitor.wait("told that it rings", SIGNALING, |status| {
            status["view"]["call"]["ringing_devices"].as_u64().is_some_and(|devices| devices > 0)
        }),
    );
    to_door.and(to_visitor).map_err(step("ring"))?;
    sleep(if args.soak { SHORT_RING } else { RING } + any_phase().map_err(step("accept"))?).await;
    door.ask(Request::Accept {}).await.map_err(step("accept"))?;
    let talks = |status: &Value| phase(status) == "talking";
    let (to_door, to_visitor) =
        tokio::join!(door.wait("talking", SIGNALING, talks), visitor.wait("talking", SIGNALING, talks));
    to_door.and(to_visitor).map_err(step("accept"))?;
    let (to_door, to_visitor) = tokio::join!(see(door, &visitor.cast), see(visitor, &door.cast));
    to_door.and(to_visitor).map_err(step("see each other"))?;
    let (to_door, to_visitor) = tokio::join!(hear(door, &visitor.cast), hear(visitor, &door.cast));
    to_door.and(to_visitor).map_err(step("hear each other"))?;
    visitor.ask(Request::Hangup {}).await.map_err(step("hang up"))?;
    let (of_door, of_visitor) = tokio::join!(over(door), over(visitor));
    let (door, visitor) = (of_door.map_err(step("hang up"))?, of_visitor.map_err(step("hang up"))?);
    Ok(Call { early, door, visitor })
}

/// A person accepts at no particular moment between two frames of the cameras; nor do we.
fn any_phase() -> Result<Duration, String> {
    let mut chance = [0];
    getrandom::fill(&mut chance).map_err(|error| error.to_string())?;
    Ok(FRAME * u32::from(chance[0]) / 256)
}

/// The picture is the other's, and it moves.
async fn see(party: &Party, other: &Cast) -> Result<(), String> {
    let (mut since, mut first) = (None, None);
    let moves = |status: &Value| {
        since = since.or(clock(status));
        let frame = since.and_then(|since| sees(status, other, since));
        let moved = first.is_some() && frame.is_some() && frame != first;
        first = first.or(frame);
        moved
    };
    party.wait(&format!("sees {} move", other.user), MEDIA, moves).await.map(drop)
}

async fn hear(party: &Party, other: &Cast) -> Result<(), String> {
    let what = format!("hears {}'s tone of {} Hz", other.user, other.hz);
    let mut since = None;
    let sounds = |status: &Value| {
        since = since.or(clock(status));
        since.is_some_and(|since| hears(status, other, since))
    };
    party.wait(&what, MEDIA, sounds).await.map(drop)
}

/// The call is over at this side, as it should be; gives its timing record. Media is at rest too: the next call begins afresh.
async fn over(party: &Party) -> Result<Timing, String> {
    let rests =
        |status: &Value| phase(status) == "idle" && status["media"]["links"].as_array().is_none_or(Vec::is_empty);
    let status = party.wait("idle after the call", SIGNALING, rests).await?;
    let record = &status["record"];
    if record["reason"] != "hangup" {
        return Err(format!("{}: the call ended otherwise: {record}", party.cast.user));
    }
    Ok(figures::timing(record))
}

async fn uses(party: &Party) -> Option<Use> {
    party.status().await.ok().as_ref().and_then(figures::usage)
}
