"""What is heard in a recording: 16 bit, one channel, 48 kHz."""

import array
import statistics

RATE = 48000
SILENCE = 200


def loudest(raw):
    """Its frequency and its peak; no frequency when it is silent. The frequency is the usual distance of two zero
    crossings: gaps, as a slow machine makes them, change nothing."""
    samples = array.array("h", raw[:len(raw) // 2 * 2])
    peak = max(map(abs, samples), default=0)
    if peak < SILENCE:
        return None, peak
    crossings = [at for at in range(1, len(samples)) if samples[at - 1] < 0 <= samples[at]]
    if len(crossings) < 20:
        return None, peak
    periods = [later - earlier for earlier, later in zip(crossings, crossings[1:])]
    usual = statistics.median(periods)
    near = [period for period in periods if abs(period - usual) <= 2]
    return RATE * len(near) / sum(near), peak
