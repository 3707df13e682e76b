// Ring, ring-back and busy, made by WebAudio, and the vibration that goes with the ring.

import { attempt } from './attempt.js';

const RING_EVERY = 2.6;
const BEATS = 5;

/** Plays one tone at a time. */
export class Tones {
  #context = null;
  /** This browser plays no sound that a page makes: only the vibration is left. */
  #mute = false;
  #bus = null;
  #timer = null;
  #tone = 'silence';

  constructor() {
    // Browsers let a page make sound only after it was touched.
    const wake = () => this.#wake();
    for (const event of ['pointerdown', 'keydown']) addEventListener(event, wake, { capture: true });
  }

  /** Whether a ring would be heard. */
  get audible() {
    return this.#context?.state === 'running';
  }

  /** Whether a touch can make it heard. */
  get possible() {
    return !this.#mute;
  }

  /** Plays this until told otherwise: silence, ring, ring_back or busy. */
  play(tone) {
    this.#stop();
    this.#tone = tone;
    if (tone === 'silence') return;
    this.#bus = this.#open();
    const every = tone === 'busy' ? 0.8 : tone === 'ring' ? RING_EVERY : 4;
    let beats = tone === 'busy' ? BEATS : Infinity;
    const beat = () => {
      if (beats-- <= 0) return this.play('silence');
      if (tone === 'ring') vibrate([350, 150, 350]);
      if (this.audible) this.#sound(tone);
      this.#timer = setTimeout(beat, every * 1_000);
    };
    beat();
  }

  #sound(tone) {
    const now = this.#context.currentTime + 0.02;
    if (tone === 'ring') {
      // Ding, dong, and once more, softer.
      for (const [start, gain] of [[0, 0.5], [1.05, 0.28]]) {
        this.#bell(now + start, 659.26, gain);
        this.#bell(now + start + 0.42, 523.25, gain);
      }
    } else this.#beep(now, tone === 'busy' ? 0.4 : 1, tone === 'busy' ? 0.12 : 0.07);
  }

  #bell(at, hertz, gain) {
    for (const [partial, part, seconds] of [[1, 1, 1.6], [2, 0.35, 0.9], [3.01, 0.12, 0.5]]) {
      const envelope = this.#voice(at, hertz * partial, seconds);
      envelope.setValueAtTime(0, at);
      envelope.linearRampToValueAtTime(gain * part, at + 0.008);
      envelope.exponentialRampToValueAtTime(0.0004, at + seconds);
    }
  }

  #beep(at, seconds, gain) {
    const envelope = this.#voice(at, 425, seconds);
    envelope.setValueAtTime(0, at);
    envelope.linearRampToValueAtTime(gain, at + 0.02);
    envelope.setValueAtTime(gain, at + seconds - 0.03);
    envelope.linearRampToValueAtTime(0, at + seconds);
  }

  #voice(at, hertz, seconds) {
    const oscillator = new OscillatorNode(this.#context, { frequency: hertz });
    const envelope = new GainNode(this.#context, { gain: 0 });
    oscillator.connect(envelope).connect(this.#bus);
    oscillator.start(at);
    oscillator.stop(at + seconds + 0.05);
    return envelope.gain;
  }

  #open() {
    if (!this.#make()) return null;
    this.#context.resume().catch(() => {});
    const bus = new GainNode(this.#context, { gain: 0.8 });
    bus.connect(this.#context.destination);
    return bus;
  }

  #make() {
    this.#context ??= attempt('sound', () => new AudioContext());
    this.#mute = !this.#context;
    return this.#context;
  }

  #stop() {
    clearTimeout(this.#timer);
    if (this.#tone === 'ring') vibrate(0);
    this.#bus?.disconnect();
    this.#bus = null;
  }

  async #wake() {
    if (this.audible) return;
    if (!this.#make()) return;
    try {
      await this.#context.resume();
    } catch (error) {
      return console.info('callbox: no sound yet', error.name);
    }
    if (this.#tone === 'ring') this.play('ring');
  }
}

/** Browsers complain when a page that nobody has touched yet wants to vibrate. */
function vibrate(pattern) {
  if (navigator.userActivation?.hasBeenActive !== false) navigator.vibrate?.(pattern);
}
