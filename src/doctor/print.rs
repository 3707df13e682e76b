//! The report for a person, aligned and in colour where colours are seen, and for a program.

use serde_json::json;

use super::finding::{Finding, Verdict};

/// How wide the longest subject is.
const SUBJECT: usize = 13;

/// One finding, with its remedy below it.
pub(super) fn line(finding: &Finding, colours: bool) -> String {
    let (word, colour) = match finding.verdict {
        Verdict::Ok => ("ok", "32"),
        Verdict::Warn => ("warn", "33"),
        Verdict::Fail => ("fail", "31;1"),
    };
    let indent = " ".repeat(6 + SUBJECT + 2);
    let text = finding.text.lines().map(str::trim_end).collect::<Vec<_>>().join(&format!("\n{indent}"));
    let mut line =
        format!("{}  {:<SUBJECT$}  {text}\n", paint(&format!("{word:<4}"), colour, colours), finding.subject);
    if let Some(fix) = &finding.fix {
        line += &format!("{indent}{}\n", paint(&format!("→ {fix}"), "36", colours));
    }
    line
}

/// How it ends.
pub(super) fn summary(findings: &[Finding], colours: bool) -> String {
    let count = |verdict| findings.iter().filter(|finding| finding.verdict == verdict).count();
    let (failed, warned) = (count(Verdict::Fail), count(Verdict::Warn));
    let (text, colour) = match (failed, warned) {
        (0, 0) => ("everything is as it should be".to_owned(), "32"),
        (0, warned) => (format!("calls work; to look at: {warned}"), "33"),
        (failed, 0) => (format!("to mend: {failed}"), "31;1"),
        (failed, warned) => (format!("to mend: {failed}; to look at: {warned}"), "31;1"),
    };
    format!("\n{}\n", paint(&text, colour, colours))
}

/// Everything as one JSON object.
pub(super) fn json(findings: &[Finding]) -> String {
    let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
    let report = json!({ "version": env!("CARGO_PKG_VERSION"), "verdict": verdict, "findings": findings });
    format!("{report}\n")
}

fn paint(text: &str, colour: &str, colours: bool) -> String {
    if colours { format!("\u{1b}[{colour}m{text}\u{1b}[0m") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_plain_where_no_colours_are_seen() {
        let finding = Finding::fail("ticket", "over\nfor a day").fix("callbox ticket make");
        let text = line(&finding, false);
        assert_eq!(
            text,
            "fail  ticket         over\n                     for a day\n                     → callbox ticket make\n"
        );
        assert!(line(&finding, true).contains("\u{1b}[31;1mfail"));
    }

    #[test]
    fn the_worst_finding_is_the_verdict() {
        let findings = [Finding::ok("a", ""), Finding::fail("b", ""), Finding::warn("c", "")];
        assert!(json(&findings).contains(r#""verdict":"fail""#), "{}", json(&findings));
        assert_eq!(summary(&findings, false), "\nto mend: 1; to look at: 1\n");
    }
}
