// Microphone and camera: asked for when a call needs them, given back when it ends. What is missing only degrades the call.

import { attempt, attemptLater } from './attempt.js';

const SOUND = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };
const PICTURE = { width: { ideal: 960 }, height: { ideal: 540 }, frameRate: { ideal: 24, max: 30 } };

/** The devices of this browser. `changed({audio, video})` reports the tracks there are (or null). */
export class Capture {
  #changed;
  #wanted = { audio: false, video: false };
  #tracks = { audio: null, video: null };
  #facing = 'user';
  #turn = 0;

  constructor(changed) {
    this.#changed = changed;
    // A headset or camera plugged in during a call is taken into use when there was none.
    attempt('news of devices', () => globalThis.navigator?.mediaDevices?.addEventListener?.('devicechange', () => this.#fill()));
  }

  /** Whether this page may ask at all: browsers allow it on https and on localhost only. */
  static get possible() {
    return attempt('microphone and camera', () => Boolean(navigator.mediaDevices?.getUserMedia), false);
  }

  /** How many cameras there are, as far as the browser tells. */
  static async cameras() {
    const devices = await attemptLater('the list of devices', () => navigator.mediaDevices.enumerateDevices(), []);
    return devices.filter(({ kind }) => kind === 'videoinput').length;
  }

  /** The tracks of now. */
  get tracks() {
    return { ...this.#tracks };
  }

  /** What is wanted from now on; anything else is given back at once, so that its lamp goes out. */
  async want({ audio, video }) {
    this.#wanted = { audio, video };
    for (const kind of ['audio', 'video']) if (!this.#wanted[kind]) this.#drop(kind);
    await this.#fill();
  }

  /** The call is over. */
  release() {
    this.#turn += 1;
    this.#wanted = { audio: false, video: false };
    this.#drop('audio');
    this.#drop('video');
    this.#facing = 'user';
  }

  /** The other camera of a phone. */
  async flip() {
    this.#facing = this.#facing === 'user' ? 'environment' : 'user';
    this.#drop('video');
    await this.#fill();
    return this.#facing;
  }

  /** Whether asking would show the person a question. */
  static async mayAsk() {
    try {
      const states = await Promise.all(['microphone', 'camera'].map((name) => navigator.permissions.query({ name })));
      return Capture.possible && states.some(({ state }) => state === 'prompt');
    } catch (error) {
      // Browsers that cannot tell ask when the first call is accepted.
      console.info('callbox: permissions unknown', error.name);
      return false;
    }
  }

  /** Asks once for both, gives them back, and so lets the person decide before it rings. */
  static async ask() {
    if (!Capture.possible) return false;
    for (const wish of [{ audio: true, video: true }, { audio: true }]) {
      try {
        const stream = await navigator.mediaDevices.getUserMedia(wish);
        for (const track of stream.getTracks()) track.stop();
        return true;
      } catch (error) {
        console.info('callbox: not given', error.name);
      }
    }
    return false;
  }

  async #fill() {
    const turn = ++this.#turn;
    const missing = { audio: this.#wanted.audio && !this.#tracks.audio, video: this.#wanted.video && !this.#tracks.video };
    if (!missing.audio && !missing.video) return this.#report();
    // One question for both; if that fails, each by itself.
    const tries = missing.audio && missing.video ? [missing, { audio: true, video: false }, { audio: false, video: true }] : [missing];
    for (const wish of tries) {
      if (turn !== this.#turn) return;
      for (const track of await this.#take(wish)) {
        if (turn === this.#turn && this.#wanted[track.kind] && !this.#tracks[track.kind]) this.#keep(track);
        else track.stop();
      }
      if (wish.audio && wish.video && this.#tracks.audio) break;
    }
    if (turn === this.#turn) this.#report();
  }

  async #take({ audio, video }) {
    if (!Capture.possible) return [];
    try {
      const wish = { audio: audio && SOUND, video: video && { ...PICTURE, facingMode: this.#facing } };
      return (await navigator.mediaDevices.getUserMedia(wish)).getTracks();
    } catch (error) {
      console.info('callbox: not given', error.name, error.message);
      return [];
    }
  }

  #keep(track) {
    this.#tracks[track.kind] = track;
    track.onended = () => {
      if (this.#tracks[track.kind] !== track) return;
      this.#tracks[track.kind] = null;
      this.#fill();
    };
  }

  #drop(kind) {
    this.#tracks[kind]?.stop();
    this.#tracks[kind] = null;
  }

  #report() {
    this.#changed(this.tracks);
  }
}

/** Keeps the screen on while it is held. */
export class WakeLock {
  #wanted = false;
  #lock = null;

  constructor() {
    document.addEventListener('visibilitychange', () => this.#wanted && !document.hidden && this.#take());
  }

  /** Holds or releases it. */
  hold(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) this.#take();
    else this.#lock?.release().catch(() => {});
  }

  async #take() {
    try {
      this.#lock = await navigator.wakeLock?.request('screen');
      if (!this.#wanted) await this.#lock?.release();
    } catch (error) {
      console.info('callbox: the screen may go dark', error.name);
    }
  }
}
