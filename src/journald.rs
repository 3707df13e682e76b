//! Log lines for systemd's journal: the line for a person, and each field beside it, so that `journalctl CALLBOX_CALL=…` finds all
//! that happened to a call.

use std::fmt::{Debug, Write as _};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Where the journal takes entries (systemd.io, "Native Journal Protocol").
const SOCKET: &str = "/run/systemd/journal/socket";
/// A journal that does not read is not waited for.
const LIMIT: Duration = Duration::from_millis(200);
/// The longest value: a larger entry would not fit into a datagram.
const LONGEST: usize = 16 * 1024;

/// The way to the journal.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
}

impl Journal {
    /// Connects where standard error leads to the journal anyway: as a service, and not in a pipe or at a terminal.
    pub fn connect() -> Option<Self> {
        let stream = std::env::var("JOURNAL_STREAM").ok()?;
        let error = fs::metadata("/proc/self/fd/2").ok()?;
        if stream != format!("{}:{}", error.dev(), error.ino()) {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.connect(SOCKET).ok()?;
        socket.set_write_timeout(Some(LIMIT)).ok()?;
        Some(Self { socket })
    }

    /// An entry that was not taken is shown on standard error, which the journal reads too.
    fn tell(&self, entry: &Entry) {
        if self.socket.send(&entry.bytes).is_err() {
            // Nobody can be told that standard error is closed.
            let _closed = io::Write::write_all(&mut io::stderr().lock(), format!("{}\n", entry.text).as_bytes());
        }
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        self.tell(&Entry::of(event));
    }
}

/// One entry: the line as a person reads it, and all of it as the journal takes it.
#[derive(Debug, Default)]
struct Entry {
    text: String,
    fields: String,
    bytes: Vec<u8>,
}

impl Entry {
    fn of(event: &Event<'_>) -> Self {
        let mut entry = Self::default();
        event.record(&mut entry);
        let meta = event.metadata();
        let text = format!("{}{}", entry.text, entry.fields);
        text.trim_start().clone_into(&mut entry.text);
        for (name, value) in [("MESSAGE", entry.text.clone()), ("PRIORITY", priority(*meta.level()).to_string())] {
            entry.put(name, &value);
        }
        entry.put("SYSLOG_IDENTIFIER", "callbox");
        entry.put("CODE_FILE", meta.file().unwrap_or_default());
        entry.put("CODE_LINE", &meta.line().map(|line| line.to_string()).unwrap_or_default());
        entry
    }

    fn field(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.text);
            return;
        }
        // A string takes any text.
        let _fits = write!(self.fields, " {}={value}", field.name());
        let name: String = field
            .name()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' })
            .collect();
        self.put(&format!("CALLBOX_{name}"), value);
    }

    /// A value of several lines is written with its length, for a line end would end it.
    fn put(&mut self, name: &str, value: &str) {
        let end = (0..=LONGEST.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or(0);
        let value = &value[..end];
        self.bytes.extend(name.as_bytes());
        if value.contains('\n') {
            self.bytes.push(b'\n');
            self.bytes.extend((value.len() as u64).to_le_bytes());
        } else {
            self.bytes.push(b'=');
        }
        self.bytes.extend(value.as_bytes());
        self.bytes.push(b'\n');
    }
}

impl Visit for Entry {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.field(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.field(field, value);
    }
}

/// As syslog counts.
fn priority(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn journal() -> (Journal, UnixDatagram) {
        let (socket, end) = UnixDatagram::pair().unwrap();
        end.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        (Journal { socket }, end)
    }

    fn heard(end: &UnixDatagram) -> Vec<u8> {
        let mut bytes = vec![0; 64 * 1024];
        let taken = end.recv(&mut bytes).unwrap();
        bytes.truncate(taken);
        bytes
    }

    #[test]
    fn a_line_keeps_its_fields() {
        let (journal, end) = journal();
        let subscriber = tracing_subscriber::registry().with(journal);
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(call = "c1", talk_ms = 7, "call is over");
            tracing::info!(phase = "idle", reason = "two\nlines");
        });
        let said = String::from_utf8(heard(&end)).unwrap();
        assert!(said.starts_with("CALLBOX_CALL=c1\nCALLBOX_TALK_MS=7\n"), "{said}");
        assert!(said.contains("\nMESSAGE=call is over call=c1 talk_ms=7\nPRIORITY=4\n"), "{said}");
        assert!(said.contains("SYSLOG_IDENTIFIER=callbox\n") && said.contains("CODE_LINE="), "{said}");
        let said = heard(&end);
        let several = b"CALLBOX_REASON\n\x09\0\0\0\0\0\0\0two\nlines\n";
        assert!(said.windows(several.len()).any(|window| window == several), "{said:?}");
    }

    #[test]
    fn a_value_that_is_too_long_is_cut_between_characters() {
        let mut entry = Entry::default();
        entry.put("X", &"ä".repeat(LONGEST));
        let text = String::from_utf8(entry.bytes).unwrap();
        assert!(text.len() <= LONGEST + 3 && text.ends_with("ä\n"));
    }
}
