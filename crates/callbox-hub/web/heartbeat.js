// Decides whether the hub is still there. Pure: time is an argument, and a timer that fires late proves nothing about the hub.

/** A timer that fires this much after its time was held back: the page was hidden, frozen, or the machine slept. */
export const LATE_MS = 2_000;
/** What is queued is handled within this, before a verdict. */
const SETTLE_MS = 50;

/** One session's pings. Silence is only what a ping that was sent did not bring back. */
export class Heartbeat {
  #every;
  #due;
  /** A ping is on its way, this often asked again because the timer that should judge it was late. */
  #asked = false;
  #repeats = 0;
  #doubted = false;

  /** Pings `every` so many milliseconds, from `now` on. */
  constructor(now, every) {
    this.#every = every;
    this.#due = now + every;
  }

  /** When `tick` is due. */
  get due() {
    return this.#due;
  }

  /** Anything came from the hub. */
  heard() {
    this.#asked = this.#doubted = false;
    this.#repeats = 0;
  }

  /** A ping goes out now, and must bring something back within `patience` milliseconds. */
  ask(now, patience = this.#every) {
    this.#asked = true;
    this.#doubted = false;
    this.#due = now + patience;
    return 'ping';
  }

  /** Time has passed. Returns `ping` to send one, `lost` when the hub is gone, or null. */
  tick(now) {
    if (now < this.#due) return null;
    if (!this.#asked) return this.ask(now);
    if (now - this.#due > LATE_MS && this.#repeats < 1) {
      this.#repeats += 1;
      return this.ask(now, Math.min(this.#every, 5_000));
    }
    if (this.#doubted) return 'lost';
    this.#doubted = true;
    this.#due = now + SETTLE_MS;
    return null;
  }
}
