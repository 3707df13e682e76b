//! What a self-call prints: a table for a person, JSON for a machine.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _};

use serde_json::{Value, json};

use super::figures::{self, STEPS, Timing};
use super::self_call::{Call, Results};
use super::{DemoArgs, Early, Failure, say};

/// Prints what did not work; gives the exit status.
pub(super) fn failed(args: &DemoArgs, failure: &Failure) -> u8 {
    if args.json {
        say(&format!("{}\n", json!({ "ok": false, "step": failure.step, "error": failure.why })));
    } else {
        // Nobody can be told that standard error is closed.
        let _closed = writeln!(std::io::stderr(), "callbox demo: failed in step `{}`: {}", failure.step, failure.why);
    }
    1
}

/// How far it is, for a person who waits.
pub(super) fn progress(args: &DemoArgs, round: u32) {
    if args.rounds > 1 && std::io::stderr().is_terminal() {
        // Decoration only.
        let _closed = write!(std::io::stderr(), "\r{round}/{} ", args.rounds);
    }
}

/// Prints the results.
pub(super) fn results(args: &DemoArgs, results: &Results) -> Result<(), Failure> {
    if args.json {
        say(&format!("{}\n", as_json(args, results)));
    } else {
        say(&as_text(args, results).map_err(|error| Failure::new("print", error))?);
    }
    Ok(())
}

fn of(calls: &[Call], early: Early, side: Side) -> Vec<Timing> {
    calls.iter().filter(|call| call.early == early).map(|call| side(call).clone()).collect()
}

/// One side's timing of a call.
type Side = fn(&Call) -> &Timing;

const SIDES: [(&str, Side); 2] = [("door", |call| &call.door), ("visitor", |call| &call.visitor)];

/// From accept to the first frame shown, at one side, as the median.
fn blink(calls: &[Call], early: Early, side: Side) -> Option<f64> {
    figures::median(of(calls, early, side).iter().filter_map(figures::accept_to_frame).collect())
}

fn modes(args: &DemoArgs) -> Vec<Early> {
    if args.compare { vec![Early::Connect, Early::Off] } else { vec![args.early] }
}

fn ratio(calls: &[Call], side: Side) -> Option<f64> {
    let (with, without) = (blink(calls, Early::Connect, side)?, blink(calls, Early::Off, side)?);
    (without > 0.0).then(|| with / without)
}

fn as_json(args: &DemoArgs, results: &Results) -> Value {
    let calls = &results.calls;
    let mode = |early: Early| {
        let side = |side: Side| {
            let timings = of(calls, early, side);
            json!({
                "median": figures::medians(&timings),
                "accept_to_frame_ms": blink(calls, early, side),
                "calls": timings,
            })
        };
        json!({ "early": early.as_str(), "door": side(SIDES[0].1), "visitor": side(SIDES[1].1) })
    };
    let mut all = json!({
        "ok": true,
        "rounds": args.rounds,
        "content": "each side saw the other's moving picture and heard its tone, in every call",
        "modes": modes(args).into_iter().map(mode).collect::<Vec<_>>(),
        "growth": { "door": figures::growth(&results.door_uses), "visitor": figures::growth(&results.visitor_uses) },
    });
    if args.compare {
        all["ratio"] = json!({ "door": ratio(calls, SIDES[0].1), "visitor": ratio(calls, SIDES[1].1) });
    }
    all
}

fn as_text(args: &DemoArgs, results: &Results) -> Result<String, std::fmt::Error> {
    let (calls, mut text) = (&results.calls, String::new());
    let many = calls.len() > 1;
    writeln!(text, "\n{} call(s): each side saw the other's moving picture and heard its tone\n", calls.len())?;
    for early in modes(args) {
        let what = if many { "median, ms since the invite" } else { "ms since the invite" };
        writeln!(text, "{:<34}{:>10}{:>10}", format!("early {}: {what}", early.as_str()), SIDES[0].0, SIDES[1].0)?;
        let medians = SIDES.map(|(_, side)| figures::medians(&of(calls, early, side)));
        for step in STEPS {
            let [door, visitor] = [0, 1].map(|side| shown(medians[side].get(step).copied()));
            writeln!(text, "  {:<32}{door:>10}{visitor:>10}", step.trim_end_matches("_ms").replace('_', " "))?;
        }
        let [door, visitor] = SIDES.map(|(_, side)| shown(blink(calls, early, side)));
        writeln!(text, "  {:<32}{door:>10}{visitor:>10}\n", "accept → first frame shown")?;
    }
    if args.compare {
        let [door, visitor] =
            SIDES.map(|(_, side)| ratio(calls, side).map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}")));
        writeln!(text, "{:<34}{door:>10}{visitor:>10}\n", "early connect : off")?;
    }
    for (name, uses) in [("door", &results.door_uses), ("visitor", &results.visitor_uses)] {
        let Some(growth) = figures::growth(uses).filter(|_| args.soak) else { continue };
        let (first, last) = (growth.first, growth.last);
        writeln!(
            text,
            "{name:<8} threads {} → {} ({:+.3} a call), descriptors {} → {} ({:+.3}), memory {} → {} KiB ({:+.1})",
            first.threads,
            last.threads,
            growth.threads_per_call,
            first.fds,
            last.fds,
            growth.fds_per_call,
            first.rss_kib,
            last.rss_kib,
            growth.rss_kib_per_call
        )?;
    }
    Ok(text)
}

fn shown(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".to_owned(), |ms| format!("{ms:.0}"))
}
