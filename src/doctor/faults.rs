//! Faults of GStreamer's versions that matter to an intercom, as data.

/// Major, minor, micro.
pub(super) type Version = (u32, u32, u32);

/// What it takes to meet a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meets {
    /// Any call; this program works round it.
    WorkedRound,
    /// Any call.
    Always,
    /// H.264 by the kernel's codec driver.
    V4l2Encoder,
}

/// A fault: there from a version on, until another.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) since: Version,
    pub(super) mended: Version,
    pub(super) meets: Meets,
    pub(super) what: &'static str,
}

/// Nothing older is supported.
pub(super) const OLDEST: Version = (1, 22, 0);

/// Each with the version, or the versions, that mended it.
pub(super) const FAULTS: &[Fault] = &[
    worked_round((1, 22, 0), (1, 28, 5), "the certificate of the peer is not checked"),
    worked_round((1, 22, 0), (1, 24, 0), "an address of the kind `.local` leaks descriptors"),
    worked_round((1, 22, 0), (1, 26, 0), "live mixers begin at the wrong time"),
    worked_round((1, 22, 0), (1, 22, 7), "inputs of a mixer that come and go crash it"),
    worked_round((1, 22, 0), (1, 24, 12), "two codecs get the same payload type"),
    worked_round((1, 22, 0), (1, 28, 0), "the end of address gathering may never be told"),
    worked_round((1, 22, 0), (1, 24, 9), "closing a data channel leaks a thread"),
    Fault {
        since: (1, 22, 0),
        mended: (1, 22, 4),
        meets: Meets::V4l2Encoder,
        what: "the encoder v4l2h264enc gives no key frame when asked for one: after each loss the picture freezes for seconds",
    },
    Fault {
        since: (1, 24, 0),
        mended: (1, 24, 11),
        meets: Meets::Always,
        what: "ending a call can block for ever; the daemon then restarts after it",
    },
    Fault {
        since: (1, 26, 0),
        mended: (1, 26, 10),
        meets: Meets::Always,
        what: "connecting can crash (use after free and a race in the ICE element)",
    },
    Fault { since: (1, 28, 0), mended: (1, 28, 2), meets: Meets::Always, what: "a thread is left behind by each call" },
];

const fn worked_round(since: Version, mended: Version, what: &'static str) -> Fault {
    Fault { since, mended, meets: Meets::WorkedRound, what }
}

/// The faults of one version.
pub(super) fn of(version: Version) -> impl Iterator<Item = &'static Fault> {
    FAULTS.iter().filter(move |fault| fault.since <= version && version < fault.mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_the_faults_of_its_time() {
        let bites = |version| of(version).filter(|fault| fault.meets == Meets::Always).count();
        assert_eq!([bites((1, 22, 0)), bites((1, 24, 10)), bites((1, 24, 11)), bites((1, 28, 5))], [0, 1, 0, 0]);
        assert!(of((1, 22, 0)).any(|fault| fault.meets == Meets::V4l2Encoder));
        assert!(of((1, 22, 4)).all(|fault| fault.meets != Meets::V4l2Encoder));
        assert_eq!(of((1, 28, 5)).count(), 0);
        for fault in FAULTS {
            assert!(OLDEST <= fault.since && fault.since < fault.mended, "{}", fault.what);
        }
    }
}
