//! A test that cannot run here says so; where everything has to run, that is a failure.

use std::fs::OpenOptions;
use std::io::Write as _;

/// Notes why a test cannot run on this machine, in the file that `CALLBOX_SKIPS` names: `make test` prints it in its last line.
///
/// # Panics
/// With `CALLBOX_REQUIRE=1` or `CI=true`.
pub(crate) fn skip(test: &str, reason: &str) {
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|found| found == value);
    assert!(!is("CALLBOX_REQUIRE", "1") && !is("CI", "true"), "{test} cannot run here: {reason}");
    eprintln!("SKIPPED: {test}: {reason}");
    if let Some(file) = std::env::var_os("CALLBOX_SKIPS") {
        let mut skips = OpenOptions::new().create(true).append(true).open(file).unwrap();
        writeln!(skips, "{test}: {reason}").unwrap();
    }
}
