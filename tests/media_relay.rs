//! A path between two media edges that carries only so much and loses packets.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What a queue before the narrow place holds; the rest is dropped.
const QUEUE: Duration = Duration::from_millis(400);

/// The narrow path. It stops when it is dropped.
pub(crate) struct Relay {
    bits_a_second: u64,
    /// One packet in so many is lost.
    lost: u64,
    sides: Option<[SocketAddr; 2]>,
    /// Where packets of either end come from: its first candidate.
    ends: Arc<Mutex<[Option<SocketAddr>; 2]>>,
    ends_now: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn new(bits_a_second: u64, lost: u64) -> Self {
        Self { bits_a_second, lost, sides: None, ends: Arc::default(), ends_now: Arc::default() }
    }

    /// The candidate that the other end gets in place of this one; none, when it is not the one that the path takes.
    pub(crate) fn instead(&mut self, from: usize, candidate: &str) -> Option<String> {
        let mut words: Vec<String> = candidate.split(' ').map(str::to_owned).collect();
        if words.len() < 8 {
            return Some(candidate.to_owned());
        }
        let address: SocketAddr = (words[4].parse::<IpAddr>().ok()?, words[5].parse().ok()?).into();
        if !words[2].eq_ignore_ascii_case("udp") || words[7] != "host" || !address.is_ipv4() {
            return None;
        }
        {
            let mut ends = self.ends.lock().unwrap();
            if ends[from].is_some_and(|known| known != address) {
                return None;
            }
            ends[from] = Some(address);
        }
        let sides = match self.sides {
            Some(sides) => sides,
            None => *self.sides.insert(self.start(address.ip())),
        };
        // The other end sends to its own side of the path.
        let side = sides[1 - from];
        (words[4], words[5]) = (side.ip().to_string(), side.port().to_string());
        Some(words.join(" "))
    }

    /// A description with the candidates that the other end gets.
    pub(crate) fn rewrite(&mut self, from: usize, sdp: &str) -> String {
        let mut line = |line: &str| match line.strip_prefix("a=candidate:") {
            Some(_) => self.instead(from, &line[2..]).map(|candidate| format!("a={candidate}\r\n")),
            None => Some(format!("{line}\r\n")),
        };
        sdp.lines().filter_map(&mut line).collect()
    }

    fn start(&self, ip: IpAddr) -> [SocketAddr; 2] {
        let sockets = [0, 1].map(|_| UdpSocket::bind((ip, 0)).unwrap());
        let sides = [0, 1].map(|side| sockets[side].local_addr().unwrap());
        for from in [0, 1] {
            let (inbound, outbound) = (sockets[from].try_clone().unwrap(), sockets[1 - from].try_clone().unwrap());
            let (ends, ends_now) = (Arc::clone(&self.ends), Arc::clone(&self.ends_now));
            let (rate, lost) = (self.bits_a_second, self.lost);
            thread::spawn(move || {
                inbound.set_read_timeout(Some(Duration::from_millis(2))).unwrap();
                let mut queue: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
                let (mut free, mut count, mut packet) = (Instant::now(), 0u64, [0u8; 2048]);
                while !ends_now.load(Ordering::Relaxed) {
                    let ends = *ends.lock().unwrap();
                    if let Ok((length, source)) = inbound.recv_from(&mut packet) {
                        count += 1;
                        free = free.max(Instant::now());
                        let is_lost = count % lost == 0 || free > Instant::now() + QUEUE;
                        if Some(source) == ends[from] && !is_lost {
                            free += Duration::from_micros(length as u64 * 8 * 1_000_000 / rate);
                            queue.push_back((free, packet[..length].to_vec()));
                        }
                    }
                    while queue.front().is_some_and(|(due, _)| *due <= Instant::now()) {
                        if let (Some((_, packet)), Some(to)) = (queue.pop_front(), ends[1 - from]) {
                            // The other end may be gone already.
                            let _ = outbound.send_to(&packet, to);
                        }
                    }
                }
            });
        }
        sides
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.ends_now.store(true, Ordering::Relaxed);
    }
}
