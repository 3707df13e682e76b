// One input at a time into the station and the door, then everything that follows from it, each effect by itself.

import { LATE_MS } from './heartbeat.js';

/** A link that could not be made is told so after this, so that the station cannot make hundreds of them at once. */
const UNMADE_MS = 500;

/**
 * `station` and `door` decide, `carryOut(effect)` acts, `painted()` is called after each input.
 * `settled()` resolves when what came while the page slept has been handled; `clock` is there for tests.
 */
export class Loop {
  #station; #door; #carryOut; #painted; #settled; #clock;
  #inputs = [];
  #running = false;
  #timer = null;
  #over = false;
  #waking = false;

  constructor({ station, door, carryOut, painted, settled, clock = () => performance.now() }) {
    this.#station = station;
    this.#door = door;
    this.#carryOut = carryOut;
    this.#painted = painted;
    this.#settled = settled;
    this.#clock = clock;
  }

  /** Something happened. What happens while an input is worked on waits its turn. */
  feed(input) {
    if (this.#over) return;
    this.#inputs.push(input);
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#inputs.length) this.#handle(this.#inputs.shift());
    } finally {
      this.#running = false;
    }
    this.#arm();
    this.#painted();
  }

  /** Nothing goes in any more. */
  stop() {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #handle(input) {
    const now = this.#clock();
    const effects = this.#station.handle(now, input);
    for (const effect of [...effects, ...this.#door.handle(now, input, this.#station.view())]) this.#carry(effect);
  }

  /** One effect that fails takes no other with it; where it was about a link, that link has failed. */
  #carry(effect) {
    try {
      this.#carryOut(effect);
    } catch (error) {
      console.error(`callbox: ${effect.do} failed`, error);
      if (!effect.link || effect.do === 'close' || effect.do === 'use') return;
      setTimeout(() => this.feed({ type: 'link', link: effect.link, event: 'failed' }), UNMADE_MS);
    }
  }

  #arm() {
    clearTimeout(this.#timer);
    const deadline = Math.min(this.#station.deadline() ?? Infinity, this.#door.deadline() ?? Infinity);
    if (deadline === Infinity || this.#over || this.#waking) return;
    this.#timer = setTimeout(() => this.#due(deadline), Math.max(0, deadline - this.#clock()) + 1);
  }

  /** A deadline is over. When this timer was held back, messages may be waiting that decide the matter: they come first. */
  async #due(deadline) {
    if (this.#clock() - deadline > LATE_MS) {
      this.#waking = true;
      await this.#settled();
      this.#waking = false;
    }
    this.feed({ type: 'tick' });
  }
}
