//! The echo of the speaker in the microphone, measured, against what `microphone.echo` says is done about it.

use std::path::Path;

use super::Board;
use super::finding::Finding;
use super::probe::{self, Probe};
use crate::media::{Echo, EchoReport};

const SUBJECT: &str = "echo";

/// Measures it. It is heard, and takes some seconds.
pub(super) fn examine(board: &Board<'_>) -> Finding {
    if board.daemon.is_in_a_call() {
        return Finding::fail(SUBJECT, "a call uses microphone and speaker").fix("callbox ctl hangup");
    }
    judge(board.config, board.settings.media.echo, probe::ask(Probe::Echo, board.config))
}

fn judge(config: &Path, set: Echo, measured: Result<EchoReport, String>) -> Finding {
    let report = match measured {
        Ok(report) => report,
        Err(error) => return Finding::fail(SUBJECT, error).fix("callbox doctor  # the line `sound` says more"),
    };
    let heard = match (report.delay_ms, report.return_loss_db) {
        (Some(delay), Some(loss)) if loss >= 0.0 => format!("comes back after {delay:.0} ms, {loss:.0} dB weaker"),
        (Some(delay), Some(loss)) => format!("comes back after {delay:.0} ms, {:.0} dB louder", -loss),
        _ => "none comes back".to_owned(),
    };
    let (set, fits) = (set.word(), report.proposal.word());
    let text = format!("{heard}\n\"{fits}\" fits: {}", report.reason);
    if set == fits {
        return Finding::ok(SUBJECT, text);
    }
    let fix = format!("sudoedit {}  # microphone.echo = \"{fits}\"", config.display());
    Finding::warn(SUBJECT, format!("{text}\nmicrophone.echo is \"{set}\"")).fix(fix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Verdict;

    fn report(proposal: Echo, measured: Option<(f64, f64)>) -> Result<EchoReport, String> {
        let (delay_ms, return_loss_db) = measured.unzip();
        Ok(EchoReport { delay_ms, return_loss_db, spread_ms: Some(0.1), proposal, reason: "so it is".into() })
    }

    #[test]
    fn what_is_set_is_held_against_what_was_measured() {
        let judge = |set, measured| judge(Path::new("c.toml"), set, measured);
        let fits = judge(Echo::Webrtcdsp, report(Echo::Webrtcdsp, Some((43.2, 12.0))));
        assert_eq!((fits.verdict, fits.fix), (Verdict::Ok, None));
        assert_eq!(fits.text, "comes back after 43 ms, 12 dB weaker\n\"webrtcdsp\" fits: so it is");
        let other = judge(Echo::Webrtcdsp, report(Echo::HalfDuplex, Some((90.0, -7.0))));
        assert_eq!(other.verdict, Verdict::Warn);
        assert!(other.text.contains("7 dB louder") && other.text.ends_with("microphone.echo is \"webrtcdsp\""));
        assert_eq!(other.fix.as_deref(), Some("sudoedit c.toml  # microphone.echo = \"half-duplex\""));
        assert!(judge(Echo::Off, report(Echo::Hardware, None)).text.starts_with("none comes back"));
        assert_eq!(judge(Echo::Off, Err("silent".into())).verdict, Verdict::Fail);
    }
}
