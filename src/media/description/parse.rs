//! Text to model. What is not understood is left out here, so that it cannot come out again.

use super::candidate::{Candidate, is_ice_word};
use super::codec::{Codec, TRANSPORT_CC};
use super::fingerprint;
use super::section::{Description, Direction, Feedback, Format, Ice, Section, Setup, Source};
use super::{Kind, Refusal};

/// Most lines a description may have; Chromium's have some 150.
pub(super) const MAX_LINES: usize = 2000;
/// Most m-lines: audio and video, and some that we refuse.
pub(super) const MAX_SECTIONS: usize = 16;
/// Most sources of one m-line.
const MAX_SOURCES: usize = 8;
/// Most candidates of one m-line.
const MAX_CANDIDATES: usize = 32;
/// Most characters of a name that is passed on.
const MAX_NAME: usize = 256;

/// Lines `x=…` of the session or of one m-line.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a [&'a str]);

impl<'a> Lines<'a> {
    /// The values of `a=name:…`.
    fn all(self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |line| line.strip_prefix("a=")?.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }

    fn value(self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Whether there is a line `a=name`.
    fn has(self, name: &str) -> bool {
        self.0.iter().any(|line| line.strip_prefix("a=") == Some(name))
    }

    fn direction(self) -> Option<Direction> {
        Direction::ALL.into_iter().find(|direction| self.has(direction.name()))
    }
}

impl Description {
    /// Parses a description.
    pub(super) fn read(text: &str) -> Result<Self, Refusal> {
        let lines: Vec<&str> =
            text.lines().map(str::trim_end).filter(|line| !line.is_empty()).take(MAX_LINES + 1).collect();
        if lines.first() != Some(&"v=0") || lines.iter().any(|line| line.as_bytes().get(1) != Some(&b'=')) {
            return Err(Refusal::NotSdp);
        }
        let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].starts_with("m=")).collect();
        if lines.len() > MAX_LINES || starts.len() > MAX_SECTIONS {
            return Err(Refusal::TooLong);
        }
        let session = Lines(&lines[..starts.first().copied().unwrap_or(lines.len())]);
        let ends = starts.iter().skip(1).copied().chain([lines.len()]);
        let sections = starts.iter().zip(ends).map(|(start, end)| Section::read(&lines[*start..end], session));
        let bundles = session.all("group").filter_map(|group| {
            let mut words = group.split_ascii_whitespace();
            (words.next() == Some("BUNDLE")).then(|| words.map(str::to_owned).collect::<Vec<_>>())
        });
        let mut description = Self {
            origin: origin(session).unwrap_or((1, 1)),
            ice_lite: session.has("ice-lite"),
            bundles: bundles.collect(),
            sections: sections.collect::<Result<_, _>>()?,
        };
        description.name_sections();
        let mut mids: Vec<_> = description.sections.iter().filter_map(|section| section.mid.as_deref()).collect();
        mids.sort_unstable();
        if mids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Refusal::NotOneBundle);
        }
        Ok(description)
    }

    /// A bundle of as many names as there are m-lines names those that state no mid.
    fn name_sections(&mut self) {
        let Some(names) = self.bundles.iter().find(|group| group.len() == self.sections.len()) else { return };
        if self.sections.iter().any(|section| section.mid.is_some()) {
            return;
        }
        for (section, name) in self.sections.iter_mut().zip(names) {
            section.mid = Some(name.clone()).filter(|name| is_ice_word(name, MAX_NAME));
        }
    }
}

fn origin(session: Lines<'_>) -> Option<(u64, u64)> {
    let mut words = session.0.iter().find_map(|line| line.strip_prefix("o="))?.split_ascii_whitespace().skip(1);
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

impl Section {
    fn read(lines: &[&str], session: Lines<'_>) -> Result<Self, Refusal> {
        let own = Lines(lines);
        let mut words = lines[0].trim_start_matches("m=").split_ascii_whitespace();
        let mut word = || words.next().filter(|word| word.bytes().all(|b| b.is_ascii_graphic())).ok_or(Refusal::NotSdp);
        let (media, port, protocol) = (word()?.to_owned(), word()?, word()?.to_owned());
        let port = port.split('/').next().and_then(|port| port.parse().ok()).ok_or(Refusal::NotSdp)?;
        let listed: Vec<String> = words.map(str::to_owned).collect();
        if listed.is_empty() {
            return Err(Refusal::NotSdp);
        }
        let speaks = protocol.contains("RTP/SAVP");
        let kind = [Kind::Audio, Kind::Video].into_iter().find(|kind| speaks && media == kind.to_string());
        let prints = |lines: Lines<'_>| lines.all("fingerprint").filter_map(fingerprint::read).collect::<Vec<_>>();
        let fingerprints = Some(prints(own)).filter(|own| !own.is_empty()).unwrap_or_else(|| prints(session));
        let formats = listed.iter().filter_map(|payload| format(payload, own)).collect();
        let name = |name: &'static str| own.value(name).filter(|value| is_ice_word(value, MAX_NAME)).map(str::to_owned);
        Ok(Self {
            kind,
            media,
            protocol,
            listed,
            port,
            bundle_only: own.has("bundle-only"),
            mid: name("mid"),
            direction: own.direction().or(session.direction()).unwrap_or(Direction::Both),
            setup: own.value("setup").or(session.value("setup")).and_then(setup),
            ice: ice(own).or_else(|| ice(session)),
            fingerprints,
            mux: own.has("rtcp-mux"),
            reduced_size: own.has("rtcp-rsize"),
            formats,
            transport_cc: own.all("extmap").chain(session.all("extmap")).find_map(transport_cc),
            msid: own.value("msid").and_then(text),
            sources: sources(own),
            pairs: own.all("ssrc-group").filter_map(pair).take(MAX_SOURCES).collect(),
            candidates: own
                .all("candidate")
                .filter_map(|it| Candidate::read(&format!("candidate:{it}")))
                .take(MAX_CANDIDATES)
                .collect(),
            candidates_end: own.has("end-of-candidates"),
        })
    }
}

fn setup(value: &str) -> Option<Setup> {
    [Setup::Either, Setup::Active, Setup::Passive].into_iter().find(|setup| setup.name() == value)
}

fn ice(lines: Lines<'_>) -> Option<Ice> {
    let word = |name: &'static str, least: usize| {
        lines.value(name).filter(|word| word.len() >= least && is_ice_word(word, MAX_NAME)).map(str::to_owned)
    };
    Some(Ice { user: word("ice-ufrag", 4)?, password: word("ice-pwd", 22)? })
}

/// A payload type with its codec. Those from 64 to 95 look like RTCP where both share a transport (RFC 5761).
fn format(listed: &str, lines: Lines<'_>) -> Option<Format> {
    let payload: u8 = listed.parse().ok().filter(|payload| matches!(payload, 0..=63 | 96..=127))?;
    let of = |value: &'_ str| -> Option<String> {
        let (name, rest) = value.split_once(' ')?;
        (name == listed).then(|| rest.trim().to_owned())
    };
    let encoding = lines.all("rtpmap").find_map(of)?;
    let parameters = lines.all("fmtp").find_map(of).unwrap_or_default();
    let feedback = lines.all("rtcp-fb").filter_map(|value| {
        let (name, rest) = value.split_once(' ')?;
        (name == listed || name == "*").then(|| rest.trim())
    });
    let mut takes = Feedback::default();
    for one in feedback {
        match one {
            "nack" => takes.nack = true,
            "nack pli" => takes.pli = true,
            "ccm fir" => takes.fir = true,
            "transport-cc" => takes.transport_cc = true,
            _ => {}
        }
    }
    Some(Format { payload, codec: Codec::read(&encoding, &parameters)?, feedback: takes })
}

fn transport_cc(value: &str) -> Option<u8> {
    let (id, uri) = value.split_once(' ')?;
    let id = id.split('/').next()?.parse::<u8>().ok()?;
    (uri.split_ascii_whitespace().next() == Some(TRANSPORT_CC) && (1..=14).contains(&id)).then_some(id)
}

fn sources(lines: Lines<'_>) -> Vec<Source> {
    let mut sources: Vec<Source> = Vec::new();
    for (ssrc, attribute) in lines.all("ssrc").filter_map(|value| value.split_once(' ')) {
        let Ok(ssrc) = ssrc.parse::<u32>() else { continue };
        let at = sources.iter().position(|source| source.ssrc == ssrc).or_else(|| {
            (sources.len() < MAX_SOURCES).then(|| sources.push(Source { ssrc, cname: String::new(), msid: None }))?;
            sources.len().checked_sub(1)
        });
        let Some(source) = at.map(|at| &mut sources[at]) else { continue };
        match attribute.split_once(':') {
            Some(("cname", cname)) => source.cname = cname.trim().to_owned(),
            Some(("msid", msid)) => source.msid = text(msid),
            _ => {}
        }
    }
    sources.retain(|source| is_ice_word(&source.cname, MAX_NAME));
    sources
}

fn pair(value: &str) -> Option<(u32, u32)> {
    let mut words = value.split_ascii_whitespace();
    let is_pair = words.next() == Some("FID");
    let pair = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (is_pair && words.next().is_none()).then_some(pair)
}

/// Words of printable characters.
fn text(value: &str) -> Option<String> {
    let fits = (1..=MAX_NAME).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    fits.then(|| value.trim().to_owned())
}
