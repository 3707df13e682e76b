//! A chirp, and what is left of it in a recording: how late and how loud the echo of a loudspeaker comes back. Pure arithmetic.

use super::settings::Echo;

/// Samples a second.
pub(crate) const RATE: usize = 16_000;
/// Chirps in one signal, and from one to the next.
pub(crate) const CHIRPS: usize = 3;
pub(crate) const PERIOD: usize = RATE;
/// One chirp: long enough to stand out of a noisy street, and its sweep.
const LENGTH: usize = RATE * 3 / 10;
const SWEEP: (f64, f64) = (300.0, 6000.0);
const FADE: usize = RATE / 100;
const LEVEL: f64 = 0.5;
/// No echo is later.
const LATEST: usize = RATE * 6 / 10;
/// How far the peak of the correlation must stand out of the rest to be an echo.
const CLEAR: f64 = 6.0;
/// After this much of a room's reverberation the rest is noise.
const TAIL: usize = RATE / 20;

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Return {
    /// From sample to sample, in milliseconds.
    pub(crate) delay_ms: f64,
    /// How much weaker it is than what was played (ITU-T G.122), in decibels.
    pub(crate) loss_db: f64,
    /// The difference between the earliest and the latest of the chirps, in milliseconds.
    pub(crate) spread_ms: f64,
}

/// One chirp, as samples of -1 to 1.
fn chirp() -> Vec<f64> {
    let length = LENGTH as f64 / RATE as f64;
    let sample = |at: usize| {
        let time = at as f64 / RATE as f64;
        let phase = SWEEP.0 * time + (SWEEP.1 - SWEEP.0) * time * time / (2.0 * length);
        let fade = at.min(LENGTH - at).min(FADE) as f64 / FADE as f64;
        LEVEL * fade * (phase * std::f64::consts::TAU).sin()
    };
    (0..LENGTH).map(sample).collect()
}

/// The whole signal: a chirp at the beginning of each period.
pub(crate) fn signal() -> Vec<i16> {
    let chirp = chirp();
    let sample = |at: usize| chirp.get(at % PERIOD).map_or(0, |sample| (sample * f64::from(i16::MAX)) as i16);
    (0..CHIRPS * PERIOD).map(sample).collect()
}

/// Looks for the signal in what was recorded from its first sample on. Nothing: it is not in there.
pub(crate) fn find(heard: &[i16]) -> Option<Return> {
    let chirp = chirp();
    let energy: f64 = chirp.iter().map(|sample| sample * sample).sum();
    let heard: Vec<f64> = heard.iter().map(|sample| f64::from(*sample) / f64::from(i16::MAX)).collect();
    let mut found: Vec<(usize, f64)> = Vec::new();
    for window in heard.chunks(PERIOD).take(CHIRPS).filter(|window| window.len() == PERIOD) {
        let lag = peak(&chirp, window)?;
        let echo: f64 = window[lag..(lag + LENGTH + TAIL).min(PERIOD)].iter().map(|sample| sample * sample).sum();
        // What is heard when the echo is over, or has not begun, is noise.
        let rest = &window[..lag].iter().chain(&window[(lag + LENGTH + TAIL).min(PERIOD)..]).collect::<Vec<_>>();
        let noise = rest.iter().map(|sample| **sample * **sample).sum::<f64>() / rest.len().max(1) as f64;
        let pure = (echo - noise * (LENGTH + TAIL) as f64).max(energy * 1e-9);
        found.push((lag, 10.0 * (energy / pure).log10()));
    }
    if found.len() < CHIRPS {
        return None;
    }
    let ms = |lag: usize| lag as f64 * 1000.0 / RATE as f64;
    let mut lags: Vec<usize> = found.iter().map(|(lag, _)| *lag).collect();
    lags.sort_unstable();
    let mut losses: Vec<f64> = found.iter().map(|(_, loss)| *loss).collect();
    losses.sort_by(f64::total_cmp);
    let spread_ms = ms(lags[CHIRPS - 1]) - ms(lags[0]);
    Some(Return { delay_ms: ms(lags[CHIRPS / 2]), loss_db: losses[CHIRPS / 2], spread_ms })
}

/// Where the chirp begins in this window, if it stands out.
fn peak(chirp: &[f64], window: &[f64]) -> Option<usize> {
    let correlation: Vec<f64> =
        (0..LATEST).map(|lag| chirp.iter().zip(&window[lag..]).map(|(a, b)| a * b).sum::<f64>().abs()).collect();
    let (lag, highest) = correlation.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1))?;
    let usual = (correlation.iter().map(|value| value * value).sum::<f64>() / LATEST as f64).sqrt();
    (*highest > CLEAR * usual && *highest > 0.0).then_some(lag)
}

/// The setting that fits what was measured, and why. `is_old`: GStreamer before 1.24, whose canceller is of the old kind.
pub(crate) fn propose(found: Option<Return>, is_old: bool) -> (Echo, String) {
    let Some(Return { delay_ms, loss_db, spread_ms }) = found else {
        return (Echo::Hardware, "no echo is heard: the device takes it out itself, or nothing plays at all".into());
    };
    let most = if is_old { 60.0 } else { 250.0 };
    if loss_db > 45.0 {
        (Echo::Off, format!("the echo is {loss_db:.0} dB weaker than what is played: nobody hears it"))
    } else if spread_ms > 10.0 {
        let why = format!("the delay wanders by {spread_ms:.0} ms: use one device for microphone and speaker");
        (Echo::HalfDuplex, why)
    } else if delay_ms > most {
        let why =
            format!("{delay_ms:.0} ms are more than the {most:.0} ms a canceller here can follow: use hw: devices");
        (Echo::HalfDuplex, why)
    } else if loss_db < -6.0 {
        let why = format!("the echo is {:.0} dB louder than what is played: make the speaker quieter", -loss_db);
        (Echo::HalfDuplex, why)
    } else {
        (Echo::Webrtcdsp, format!("{delay_ms:.0} ms and {loss_db:.0} dB are within what the canceller takes out"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noise that is the same in every run.
    fn noise(level: f64) -> impl FnMut() -> f64 {
        let mut state = 1u32;
        move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (f64::from(state >> 8) / f64::from(1 << 24) - 0.5) * 2.0 * level
        }
    }

    /// What a microphone hears of the signal: later, weaker, twice (a wall), and with noise.
    fn room(delay_ms: usize, gain: f64, noise_level: f64) -> Vec<i16> {
        let (played, mut hiss) = (signal(), noise(noise_level));
        let delay = delay_ms * RATE / 1000;
        let at = |index: usize, delay: usize| {
            index.checked_sub(delay).and_then(|index| played.get(index)).map_or(0.0, |sample| f64::from(*sample))
        };
        let heard = |index: usize| {
            let echo = at(index, delay) * gain + at(index, delay + 70) * gain * 0.2;
            (echo + hiss() * f64::from(i16::MAX)) as i16
        };
        (0..CHIRPS * PERIOD).map(heard).collect()
    }

    #[test]
    fn delay_and_loss_are_found_in_a_noisy_room() {
        for (delay, gain, noise) in [(5, 0.5, 0.001), (43, 0.1, 0.01), (180, 0.03, 0.01), (400, 1.5, 0.05)] {
            let found = find(&room(delay, gain, noise)).unwrap();
            let loss = -20.0 * f64::from(gain as f32).log10();
            assert!((found.delay_ms - delay as f64).abs() < 0.2, "{delay} {found:?}");
            assert!((found.loss_db - loss).abs() < 1.5, "{gain} {loss} {found:?}");
            assert!(found.spread_ms < 0.2);
        }
    }

    #[test]
    fn noise_and_silence_hold_no_echo() {
        assert_eq!(find(&room(40, 0.0, 0.1)), None);
        assert_eq!(find(&room(40, 0.0, 0.0)), None);
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[i16::MAX; CHIRPS * PERIOD]), None);
    }

    #[test]
    fn what_is_proposed_fits_what_was_measured() {
        let found = |delay_ms, loss_db| Some(Return { delay_ms, loss_db, spread_ms: 0.0 });
        assert_eq!(propose(found(45.0, 12.0), true).0, Echo::Webrtcdsp);
        assert_eq!(propose(found(90.0, 12.0), true).0, Echo::HalfDuplex);
        assert_eq!(propose(found(90.0, 12.0), false).0, Echo::Webrtcdsp);
        assert_eq!(propose(found(45.0, 60.0), true).0, Echo::Off);
        assert_eq!(propose(found(45.0, -12.0), true).0, Echo::HalfDuplex);
        assert_eq!(propose(None, true).0, Echo::Hardware);
        let wanders = Return { delay_ms: 40.0, loss_db: 12.0, spread_ms: 30.0 };
        assert_eq!(propose(Some(wanders), true).0, Echo::HalfDuplex);
    }
}
