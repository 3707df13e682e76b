//! Which records stay when there are too many: what happened at the door and whom we rang or talked with outlives the rings that
//! came to nothing, however many of them somebody makes.

use std::collections::HashMap;

use serde_json::Value;

/// The part of the room that rings which came to nothing may have while there is anything else to keep.
const SHARE: usize = 4;

/// Chooses at most `room` lines, in their order. The newest that matter have three quarters of the room, or more; the rest goes to
/// rings that came to nothing, in turn to each caller, its newest first.
pub(super) fn keep(lines: &[Vec<u8>], room: usize) -> Vec<&[u8]> {
    let records: Vec<Option<Value>> = lines.iter().map(|line| serde_json::from_slice(line).ok()).collect();
    let matters: Vec<bool> = records.iter().map(|record| record.as_ref().is_some_and(matters)).collect();
    let (important, rings): (Vec<usize>, Vec<usize>) = (0..lines.len()).rev().partition(|at| matters[*at]);
    let for_rings = (room / SHARE).min(rings.len()).max(room.saturating_sub(important.len()));
    let mut kept: Vec<usize> = important.into_iter().take(room.saturating_sub(for_rings)).collect();
    kept.extend(in_turn(&rings, &records).take(for_rings));
    kept.sort_unstable();
    kept.into_iter().map(|at| lines[at].as_slice()).collect()
}

/// Whether a record is of more than a ring that came to nothing.
fn matters(record: &Value) -> bool {
    let talked = record["talk_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0);
    let door = record["door"]
        .as_array()
        .is_some_and(|door| door.iter().any(|entry| entry["event"] != "unlock" || entry["outcome"] == "ok"));
    record["direction"] == "outgoing" || talked || door
}

/// Rings, newest first as they come in, so that each caller has its turn before anybody has a second one.
fn in_turn<'a>(newest_first: &'a [usize], records: &'a [Option<Value>]) -> impl Iterator<Item = usize> + use<'a> {
    let mut turns: HashMap<&str, usize> = HashMap::new();
    let mut order: Vec<(usize, usize, usize)> = Vec::new();
    for (place, at) in newest_first.iter().enumerate() {
        // What cannot be read is nobody's.
        let caller = records[*at].as_ref().and_then(|record| record["caller"]["user"].as_str()).unwrap_or_default();
        let turn = turns.entry(caller).or_default();
        order.push((*turn, place, *at));
        *turn += 1;
    }
    order.sort_unstable();
    order.into_iter().map(|(_, _, at)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(caller: &str, n: usize) -> Vec<u8> {
        format!(r#"{{"n":{n},"direction":"incoming","caller":{{"user":"{caller}"}},"talk_seconds":0}}"#).into_bytes()
    }

    fn opening(n: usize) -> Vec<u8> {
        format!(
            r#"{{"n":{n},"direction":"incoming","caller":{{"user":"anna"}},"talk_seconds":0,"door":[{{"event":"unlock","outcome":"ok"}}]}}"#
        )
        .into_bytes()
    }

    #[test]
    fn refused_rings_do_not_wash_a_door_opening_away() {
        let mut lines = vec![opening(0), br#"{"direction":"outgoing","talk_seconds":0}"#.to_vec()];
        for n in 0..10_000 {
            lines.push(ring("mallory", n));
            if lines.len() > 100 {
                lines = keep(&lines, 75).into_iter().map(<[u8]>::to_vec).collect();
            }
        }
        assert_eq!(lines[0], opening(0));
        assert!(lines[1].starts_with(br#"{"direction":"outgoing""#));
    }

    #[test]
    fn a_refused_try_at_the_door_is_no_opening() {
        let refused: Value =
            serde_json::from_str(r#"{"direction":"incoming","door":[{"event":"unlock","outcome":"forbidden"}]}"#)
                .unwrap();
        assert!(!matters(&refused));
    }

    #[test]
    fn each_caller_has_its_share_of_the_rings() {
        let mut lines = vec![ring("ben", 0), ring("carol", 1)];
        lines.extend((0..100).map(|n| ring("mallory", n)));
        let kept = keep(&lines, 20);
        assert_eq!((kept.len(), kept[0], kept[1]), (20, &ring("ben", 0)[..], &ring("carol", 1)[..]));
        assert_eq!(kept[19], &ring("mallory", 99)[..], "and the newest of the loudest");
    }

    #[test]
    fn rings_are_not_washed_away_either_and_no_room_is_left_empty() {
        let mut lines = vec![ring("ben", 0)];
        lines.extend((0..100).map(opening));
        let kept = keep(&lines, 20);
        assert_eq!((kept.len(), kept[0]), (20, &ring("ben", 0)[..]));
        let only_rings: Vec<_> = (0..100).map(|n| ring("ben", n)).collect();
        assert_eq!(keep(&only_rings, 20).len(), 20);
        let garbage = vec![b"{".to_vec(); 30];
        assert_eq!(keep(&garbage, 20).len(), 20);
        assert!(keep(&lines, 0).is_empty());
    }
}
