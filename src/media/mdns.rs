//! Looks `.local` names of candidates up by multicast DNS, so that libnice never sees one: one thread, a bounded queue.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use mdns_sd::{HostnameResolutionEvent, Receiver, ServiceDaemon};

use super::description::Candidate;
use super::inbox::{Inbox, LinkKey, LinkNote};

/// How long an answer may take.
const WAIT: Duration = Duration::from_secs(2);
/// How often the open questions are looked at.
const LOOK: Duration = Duration::from_millis(10);
/// Most names that are asked for at once.
const MAX_OPEN: usize = 16;
/// Most candidates that wait or are asked for, and most of one link: a peer with many names delays no other link's.
const MAX_QUEUED: usize = 64;
const MAX_OF_LINK: usize = 4;
/// A resolver that has nothing to do ends after this.
const IDLE: Duration = Duration::from_secs(30);

/// A candidate whose name is to be looked up.
struct Question {
    inbox: Inbox,
    key: LinkKey,
    candidate: Candidate,
}

/// A name that is being asked for, and who wants to know.
struct Open {
    name: String,
    until: Instant,
    answers: Receiver<HostnameResolutionEvent>,
    asked_by: Vec<Question>,
}

/// Questions on their way to the thread.
#[derive(Default)]
struct Queue {
    waiting: VecDeque<Question>,
    /// The link of every question that waits or is open.
    links: Vec<LinkKey>,
    runs: bool,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { waiting: VecDeque::new(), links: Vec::new(), runs: false });
static ASKED: Condvar = Condvar::new();

/// Looks a candidate's name up; the answer comes as a note within some seconds. Where the queue, or the link's share of it, is full,
/// the candidate is dropped.
pub(crate) fn look_up(inbox: &Inbox, key: LinkKey, candidate: Candidate) {
    let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
    if !queue.has_room(key) {
        return tracing::debug!("too many .local candidates: one was left out");
    }
    queue.links.push(key);
    queue.waiting.push_back(Question { inbox: inbox.clone(), key, candidate });
    if queue.runs {
        return ASKED.notify_one();
    }
    match thread::Builder::new().name("mdns-resolver".into()).spawn(run) {
        Ok(_) => queue.runs = true,
        Err(error) => {
            queue.waiting.clear();
            queue.links.clear();
            tracing::error!(%error, "no thread to look candidates up");
        }
    }
}

impl Queue {
    fn has_room(&self, key: LinkKey) -> bool {
        let of_link = self.links.iter().filter(|link| **link == key).count();
        self.links.len() < MAX_QUEUED && of_link < MAX_OF_LINK
    }

    fn forget(&mut self, key: LinkKey) {
        if let Some(at) = self.links.iter().position(|link| *link == key) {
            self.links.swap_remove(at);
        }
    }
}

/// The thread: it takes questions while there is room for them, looks at the answers, and ends when nobody asks any more.
fn run() {
    let daemon = ServiceDaemon::new();
    if let Err(error) = &daemon {
        tracing::warn!(%error, "no multicast DNS: candidates with .local names are left out");
    }
    let mut open: Vec<Open> = Vec::new();
    let mut busy_at = Instant::now();
    loop {
        let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
        if open.is_empty() && queue.waiting.is_empty() {
            if busy_at.elapsed() >= IDLE {
                queue.runs = false;
                break;
            }
            drop(ASKED.wait_timeout(queue, IDLE));
            continue;
        }
        busy_at = Instant::now();
        while let Some(question) = (open.len() < MAX_OPEN).then(|| queue.waiting.pop_front()).flatten() {
            if let Some(question) = ask(&mut open, question, daemon.as_ref().ok()) {
                queue.forget(question.key);
                question.answer(None);
            }
        }
        drop(queue);
        open.retain_mut(|one| !one.settle());
        thread::sleep(LOOK);
    }
    if let Ok(daemon) = daemon {
        // It ends by itself; nobody waits for it.
        let _ = daemon.shutdown();
    }
}

/// Asks for a name, once for everybody who wants to know it. Gives back a question that cannot be asked.
fn ask(open: &mut Vec<Open>, question: Question, daemon: Option<&ServiceDaemon>) -> Option<Question> {
    let (Some(name), Some(daemon)) = (question.candidate.local_name(), daemon) else { return Some(question) };
    let name = format!("{name}.");
    if let Some(same) = open.iter_mut().find(|one| one.name == name) {
        same.asked_by.push(question);
        return None;
    }
    let Ok(answers) = daemon.resolve_hostname(&name, Some(WAIT.as_millis() as u64)) else { return Some(question) };
    open.push(Open { name, until: Instant::now() + WAIT, answers, asked_by: vec![question] });
    None
}

impl Question {
    fn answer(self, address: Option<IpAddr>) {
        self.inbox.link(self.key, LinkNote::Resolved(self.candidate, address));
    }
}

impl Open {
    /// Answers who asked, if there is an answer or the time is up.
    fn settle(&mut self) -> bool {
        let answer = self.answer();
        if answer.is_none() && Instant::now() < self.until {
            return false;
        }
        let mut queue = QUEUE.lock().unwrap_or_else(PoisonError::into_inner);
        self.asked_by.iter().for_each(|question| queue.forget(question.key));
        drop(queue);
        self.asked_by.drain(..).for_each(|question| question.answer(answer.flatten()));
        true
    }

    /// An address; or that there is none; or nothing yet.
    fn answer(&self) -> Option<Option<IpAddr>> {
        while let Ok(event) = self.answers.try_recv() {
            match event {
                HostnameResolutionEvent::AddressesFound(_, addresses) => {
                    if let Some(address) = addresses.iter().min_by_key(|address| address.is_ipv6()) {
                        return Some(Some(address.to_ip_addr()));
                    }
                }
                HostnameResolutionEvent::SearchTimeout(_) | HostnameResolutionEvent::SearchStopped(_) => {
                    return Some(None);
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_a_share_and_the_queue_an_end() {
        let mut queue = Queue::default();
        for _ in 0..MAX_OF_LINK {
            assert!(queue.has_room(LinkKey(1)));
            queue.links.push(LinkKey(1));
        }
        assert!(!queue.has_room(LinkKey(1)) && queue.has_room(LinkKey(2)));
        queue.forget(LinkKey(1));
        assert!(queue.has_room(LinkKey(1)));
        queue.links = (0..MAX_QUEUED as u64).map(LinkKey).collect();
        assert!(!queue.has_room(LinkKey(1000)));
    }
}
