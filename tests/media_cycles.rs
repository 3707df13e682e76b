//! Many calls in a row on the same two edges: threads and descriptors stay flat.

use std::process::Command;
use std::time::Duration;

use callbox::media;
use callbox_core::protocol::Media;
use callbox_core::station::LinkEvent;

use crate::media_wire::{OPEN, Wire, settings};

const CALLS: u32 = 50;
/// Two edges, this test, and the eight idle threads that newer versions of GLib keep in their pool (gthreadpool.c).
const IDLE: usize = 16;

/// Threads and descriptors are those of the whole process, so no other test may run in it.
#[test]
fn calls_in_a_row_leave_nothing_behind() {
    let alone = ["--ignored", "--exact", "--nocapture", "media_cycles::in_a_process_of_its_own"];
    let output = Command::new(std::env::current_exe().unwrap()).args(alone).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{out}");
    assert!(output.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "the test of this name is gone: {out}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "counts threads: run by the test above, in a process of its own"]
async fn in_a_process_of_its_own() {
    media::warm_up().unwrap();
    let mut wire = Wire::new(settings("door", 440), settings("flat", 620), "c");
    let mut after = Vec::new();
    for number in 0..CALLS {
        wire.rename(&format!("c{number}"));
        wire.secured(Media::Video).await;
        wire.a.gate(OPEN);
        wire.b.gate(OPEN);
        wire.until("a picture and a sound", Duration::from_secs(10), |wire| {
            [&wire.a, &wire.b]
                .iter()
                .all(|side| side.has(&LinkEvent::FirstFrameShown) && side.has(&LinkEvent::FirstAudio))
        })
        .await;
        wire.close().await;
        wire.until("threads to end", Duration::from_secs(6), |wire| wire.a.edge.status().threads <= IDLE).await;
        let status = wire.a.edge.status();
        after.push((status.threads, status.descriptors, resident_kib()));
    }
    let (first, last) = (after[4], after[after.len() - 1]);
    let slope = (last.2 as f64 - first.2 as f64) / f64::from(CALLS - 5);
    println!("threads {} → {}, descriptors {} → {}, memory {slope:.1} KiB a call", first.0, last.0, first.1, last.1);
    assert!(last.0 <= first.0 + 3, "threads: {after:?}");
    assert!(last.1 <= first.1 + 3, "descriptors: {after:?}");
    wire.stop().await;
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
