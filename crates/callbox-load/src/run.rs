//! One run: everybody connects, calls happen, everybody leaves, and the figures in between.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{sleep, sleep_until};

use crate::cast::Cast;
use crate::device::{Books, Order};
use crate::ledger::Ledger;
use crate::network::{Carried, NetworkError, carried};
use crate::plan::{AGREE_WITHIN, Dice, Scenario};
use crate::population::{GrowError, Population};
use crate::process::{ProcessError, processor_seconds, resident};
use crate::report::{Idle, LatencyTable, Point, Report, Server};
use crate::tally::Tally;
use crate::transport::Transport;

/// After the planned end of a call, nothing the station waits for takes longer (15 s for media, 5 s for an inviter's backstop).
const PATIENCE: Duration = Duration::from_secs(20);
/// What comes twice, comes soon.
const AFTERMATH: Duration = Duration::from_millis(500);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a run is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For the report.
    pub url: String,
    /// Who takes part.
    pub cast: Cast,
    /// The numbers of stations to be looked at, smallest first.
    pub sizes: Vec<usize>,
    /// What they do.
    pub scenario: Scenario,
    /// Logins a second.
    pub connects_per_second: f64,
    /// The wait between a change and a look at the server's memory.
    pub settle: Duration,
    /// How long everybody only stays connected, to see what that costs.
    pub idle: Duration,
    /// The server's process, if it is to be looked at.
    pub server: Option<u32>,
    /// The interface that carries all of it and nothing else, if it is to be looked at.
    pub interface: Option<String>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Not everybody could connect.
    #[error(transparent)]
    Grow(#[from] GrowError),
    /// The server's process cannot be looked at.
    #[error("the server's process: {0}")]
    Server(#[from] ProcessError),
    /// The interface cannot be looked at.
    #[error("the interface: {0}")]
    Interface(#[from] NetworkError),
}

/// Connects up to each size to see what a connection takes, then loads each size on the way down.
///
/// Memory is looked at before any call: what calls leave behind in the server's allocator would hide what connections take.
///
/// # Errors
/// [`RunError`]; everybody has left again.
pub async fn run<T: Transport>(
    settings: &Settings,
    transport: T,
    tally: Arc<Tally>,
    mut stop: watch::Receiver<bool>,
) -> Result<Report, RunError> {
    let books = Arc::new(Books::new(tally));
    let mut population = Population::new(settings.cast.clone(), transport, books);
    let measured = measure(settings, &mut population, &mut stop).await;
    population.shrink(0).await;
    let (idle, points) = measured?;
    let Scenario { rate, seconds, seed, .. } = settings.scenario;
    let interrupted = *stop.borrow();
    Ok(Report { url: settings.url.clone(), rate, seconds, seed, interrupted, idle, points })
}

async fn measure<T: Transport>(
    settings: &Settings,
    population: &mut Population<T>,
    stop: &mut watch::Receiver<bool>,
) -> Result<(Option<Idle>, Vec<Point>), RunError> {
    let memory = || settings.server.map(resident).transpose();
    let empty = memory()?;
    let mut idle = Vec::new();
    for size in &settings.sizes {
        population.grow(*size, settings.connects_per_second, stop).await?;
        sleep(settings.settle).await;
        idle.push(memory()?);
    }
    let stay = stay(settings, population.len(), stop).await?;
    let mut points = Vec::new();
    for (size, idle) in settings.sizes.iter().zip(idle).rev() {
        if *stop.borrow() {
            break;
        }
        if *size < population.len() {
            population.shrink(*size).await;
            sleep(settings.settle).await;
        }
        let before = settings.server.map(processor_seconds).transpose()?;
        let carried_before = settings.carried()?;
        let mut point = load(population, &settings.scenario, stop).await;
        point.carried = settings.carried()?.zip(carried_before).map(|(after, before)| after.since(before));
        if let (Some(pid), Some(before), Some(empty_bytes), Some(idle_bytes)) = (settings.server, before, empty, idle) {
            let bytes_per_connection = idle_bytes.saturating_sub(empty_bytes) / (*size).max(1) as u64;
            let (after_bytes, processor_seconds) = (resident(pid)?, processor_seconds(pid)? - before);
            point.server =
                Some(Server { empty_bytes, idle_bytes, bytes_per_connection, after_bytes, processor_seconds });
        }
        points.push(point);
    }
    points.reverse();
    Ok((stay, points))
}

/// Looks at what it costs that everybody is connected and nobody calls.
async fn stay(
    settings: &Settings,
    stations: usize,
    stop: &mut watch::Receiver<bool>,
) -> Result<Option<Idle>, RunError> {
    if settings.idle.is_zero() {
        return Ok(None);
    }
    let used = || settings.server.map(processor_seconds).transpose();
    let (began, used_before, carried_before) = (Instant::now(), used()?, settings.carried()?);
    tokio::select! {
        () = sleep(settings.idle) => {}
        _ = stop.wait_for(|stop| *stop) => {}
    }
    let processor_seconds = used()?.zip(used_before).map(|(after, before)| after - before);
    let carried = settings.carried()?.zip(carried_before).map(|(after, before)| after.since(before));
    Ok(Some(Idle { stations, seconds: began.elapsed().as_secs_f64(), processor_seconds, carried }))
}

impl Settings {
    fn carried(&self) -> Result<Option<Carried>, NetworkError> {
        self.interface.as_deref().map(carried).transpose()
    }
}

/// Lets calls happen among everybody who is connected, and waits until the last one is over.
async fn load<T: Transport>(
    population: &Population<T>,
    scenario: &Scenario,
    stop: &mut watch::Receiver<bool>,
) -> Point {
    let books = population.books();
    *books.ledger() = Ledger::new(0..population.len());
    let (began, traffic) = (Instant::now(), books.tally.traffic());
    let own_before = processor_seconds(std::process::id()).ok();
    let unplaced = arrivals(population, scenario, stop).await;
    drain(books, scenario).await;
    let lasted_seconds = began.elapsed().as_secs_f64();
    let own_after = processor_seconds(std::process::id()).ok();
    let ledger = std::mem::take(&mut *books.ledger());
    let courses = ledger.courses();
    let mut point = Point {
        stations: population.len(),
        calls: courses.values().sum(),
        unplaced,
        courses,
        lost: 0,
        doubled: 0,
        ended_otherwise: 0,
        diverged: 0,
        faults: Vec::new(),
        latency_ms: LatencyTable::of(ledger.latencies()),
        traffic: books.tally.traffic().since(traffic),
        incidents: books.tally.take_incidents(),
        own_processor_seconds: own_before.zip(own_after).map(|(before, after)| after - before),
        lasted_seconds,
        server: None,
        carried: None,
    };
    point.blame(&ledger.faults());
    point
}

/// Calls arrive until their time is over or somebody wants to stop. How many found no free stations comes back.
async fn arrivals<T: Transport>(
    population: &Population<T>,
    scenario: &Scenario,
    stop: &mut watch::Receiver<bool>,
) -> usize {
    let mut dice = Dice::new(scenario.clone());
    let mut due = Instant::now();
    let end = due + Duration::from_secs(u64::from(scenario.seconds));
    let mut unplaced = 0;
    loop {
        due += dice.gap();
        if due >= end {
            return unplaced;
        }
        tokio::select! {
            () = sleep_until(due.into()) => {}
            _ = stop.wait_for(|stop| *stop) => return unplaced,
        }
        if !begin(population, &mut dice, due) {
            unplaced += 1;
        }
    }
}

/// Tells the parties of one call what to do. False when too few stations are free.
fn begin<T: Transport>(population: &Population<T>, dice: &mut Dice, due: Instant) -> bool {
    let course = dice.course();
    let wanted = dice.parties(course);
    let (number, plan) = {
        let mut ledger = population.books().ledger();
        let free = ledger.free();
        if free.len() < wanted {
            return false;
        }
        let picked: Vec<_> = std::iter::from_fn(|| dice.pick(free)).take(wanted).collect();
        let Some((caller, callees)) = picked.split_first() else { return false };
        let plan = dice.plan(due, course, *caller, callees.to_vec());
        (ledger.plan(plan.clone()), plan)
    };
    for callee in &plan.callees {
        population.order(*callee, Order::Expect(plan.clone()));
    }
    population.order(plan.caller, Order::Call(number, plan));
    true
}

/// Waits until every call is over, or has had more time than any call needs.
async fn drain(books: &Books, scenario: &Scenario) {
    let groups = if scenario.mix.group > 0.0 { AGREE_WITHIN * 2 } else { Duration::ZERO };
    let patience = (scenario.ring + scenario.talk * 2) * 2 + groups + PATIENCE;
    let until = Instant::now() + patience;
    while books.ledger().open() > 0 && Instant::now() < until {
        sleep(LOOK_EVERY).await;
    }
    sleep(AFTERMATH).await;
}
