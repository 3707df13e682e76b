//! Collects what is wrong with a file while its values are taken over.

use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};

use toml::Spanned;

use super::error::{ConfigError, Problem};
use super::raw::{Number, Text};

/// A file under examination.
pub(super) struct Check<'a> {
    text: &'a str,
    base: PathBuf,
    credentials: Option<PathBuf>,
    problems: Vec<Problem>,
}

impl<'a> Check<'a> {
    pub(super) fn new(text: &'a str, base: PathBuf) -> Self {
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        Self { text, base, credentials, problems: Vec::new() }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The settings, unless something is wrong.
    pub(super) fn finish<T>(mut self, path: &Path, settings: Option<T>) -> Result<T, ConfigError> {
        match settings {
            Some(settings) if self.problems.is_empty() => Ok(settings),
            _ => {
                self.problems.sort_by_key(|problem| problem.line);
                Err(ConfigError::Wrong { path: path.to_owned(), problems: self.problems })
            }
        }
    }

    /// The parser gave up.
    pub(super) fn syntax(&mut self, error: &toml::de::Error) {
        let span = error.span();
        let key = span.clone().map(|span| key_at(self.text, span.start)).unwrap_or_default();
        let found = error.message().trim().replace('\n', " ");
        self.problems.push(Problem { line: span.map(|span| self.line(&span)), key, found, allowed: String::new() });
    }

    /// Something with a place is wrong.
    pub(super) fn wrong(&mut self, key: &str, at: Range<usize>, found: impl fmt::Display, allowed: &str) {
        let (line, found) = (Some(self.line(&at)), format!("found {found}"));
        self.problems.push(Problem { line, key: key.to_owned(), found, allowed: allowed.to_owned() });
    }

    /// Something is not there at all.
    pub(super) fn missing(&mut self, key: &str, allowed: &str) {
        let (found, allowed) = ("missing".to_owned(), allowed.to_owned());
        self.problems.push(Problem { line: None, key: key.to_owned(), found, allowed });
    }

    /// A text that is read as something else.
    pub(super) fn parse<T>(&mut self, key: &str, text: &Text, allowed: &str) -> Option<T>
    where
        T: std::str::FromStr,
    {
        let parsed = text.get_ref().parse().ok();
        if parsed.is_none() {
            self.wrong(key, text.span(), Quoted(text), allowed);
        }
        parsed
    }

    /// A number in a range, or the default.
    pub(super) fn number<T>(&mut self, key: &str, number: Option<&Number>, allowed: RangeInclusive<T>, default: T) -> T
    where
        T: TryFrom<i64> + PartialOrd + fmt::Display,
    {
        let Some(number) = number else { return default };
        match T::try_from(*number.get_ref()) {
            Ok(value) if allowed.contains(&value) => value,
            _ => {
                let range = format!("{} to {}", allowed.start(), allowed.end());
                self.wrong(key, number.span(), number.get_ref(), &range);
                default
            }
        }
    }

    /// One of a few words, or the default.
    pub(super) fn word<T: Copy>(&mut self, key: &str, text: Option<&Text>, words: &[(&str, T)], default: T) -> T {
        let Some(text) = text else { return default };
        if let Some((_, value)) = words.iter().find(|(word, _)| word == text.get_ref()) {
            return *value;
        }
        let allowed: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        self.wrong(key, text.span(), Quoted(text), &allowed.join(", "));
        default
    }

    /// A text that may not be empty.
    pub(super) fn filled(&mut self, key: &str, text: &Text, allowed: &str) -> Option<String> {
        if text.get_ref().trim().is_empty() {
            self.wrong(key, text.span(), Quoted(text), allowed);
            return None;
        }
        Some(text.get_ref().clone())
    }

    /// A path; a relative one starts at the file's own directory.
    pub(super) fn path(&mut self, key: &str, text: &Text) -> Option<PathBuf> {
        let path = self.filled(key, text, "a path")?;
        Some(self.base.join(path))
    }

    /// A path, or `credential:NAME`: what systemd loaded for the service under this name. Outside of the service, where there
    /// are no credentials, the file of that name beside the configuration: the one that `callbox.service` loads.
    pub(super) fn secret(&mut self, key: &str, text: &Text) -> Option<PathBuf> {
        let Some(name) = text.get_ref().strip_prefix("credential:") else { return self.path(key, text) };
        if name.is_empty() || name.starts_with('.') || name.contains('/') {
            self.wrong(key, text.span(), Quoted(text), "credential:NAME, as LoadCredential= names it in the unit");
            return None;
        }
        Some(self.credentials.as_ref().unwrap_or(&self.base).join(name))
    }

    /// A key that only another kind has.
    pub(super) fn alien<T>(&mut self, key: &str, value: Option<&Spanned<T>>, kind: &str, of: &str) {
        if let Some(value) = value {
            self.wrong(key, value.span(), format!("it with kind = \"{kind}\""), &format!("only with kind = {of}"));
        }
    }

    /// Where a key stands: for what is found out after the file was read.
    pub(super) fn place_of(&self, key: &str) -> Range<usize> {
        let mut start = 0;
        for line in self.text.split_inclusive('\n') {
            if line.contains('=') && key_at(self.text, start + line.len().saturating_sub(1)) == key {
                return start..start + line.len();
            }
            start += line.len();
        }
        0..0
    }

    fn line(&self, at: &Range<usize>) -> usize {
        self.text.bytes().take(at.start).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// A value as it stands in the file, cut short.
struct Quoted<'a>(&'a Text);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.0.get_ref().chars().take(80).collect();
        write!(f, "{text:?}")
    }
}

/// The key that stands at an offset, with the table above it: what a parser's error speaks of.
fn key_at(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let header = |line: &str| {
        let line = line.trim();
        line.starts_with('[').then(|| line.trim_matches(|c| "[] ".contains(c)).split(']').next().map(str::to_owned))?
    };
    if let Some(table) = header(line) {
        return table;
    }
    let table = before.lines().rev().find_map(header);
    let key = line.split_once('=').map(|(key, _)| key.trim().to_owned());
    table.into_iter().chain(key).collect::<Vec<_>>().join(".")
}
