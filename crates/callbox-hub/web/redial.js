// How long to stay away from the hub before the next dial. Pure: time and chance are arguments.

/** Waits are short for about two minutes, and longer from then on. */
const WAIT_MS = { first: 400, soon: 4_000, most: 15_000, refused: 60_000 };
const HOPEFUL = 40;
/** A session that lived this long was a good one: after it the first dial is immediate. */
const STEADY_MS = 10_000;
/** The longest the hub may send us away for. */
const MOST_RETRY_MS = 600_000;
/** A refusal that names no time waits longer each time, from this on. */
const REFUSED_MS = 2_000;

/** The waits of one sign-in. */
export class Redial {
  #random;
  #tries = 0;
  #refusals = 0;
  #upSince = null;

  constructor(random = Math.random) {
    this.#random = random;
  }

  /** The hub has welcomed us. */
  welcomed(now) {
    this.#upSince = now;
  }

  /** Starts over: another network, or a person who wants it now. */
  reset() {
    this.#tries = 0;
  }

  /** The socket is gone. Returns how long to wait, in milliseconds. */
  afterLoss(now) {
    const steady = this.#forgive(now);
    if (steady) return 0;
    const most = Math.min(this.#tries < HOPEFUL ? WAIT_MS.soon : WAIT_MS.most, WAIT_MS.first * 2 ** Math.min(this.#tries, 10));
    this.#tries = Math.min(this.#tries + 1, HOPEFUL);
    return this.#spread(most);
  }

  /** The hub said `bye` and may be asked again: after `retryMs`, where it says so. Never sooner, and not all at once. */
  afterRefusal(now, retryMs) {
    this.#forgive(now);
    const most = Math.min(WAIT_MS.refused, REFUSED_MS * 2 ** Math.min(this.#refusals, 10));
    this.#refusals += 1;
    if (!Number.isInteger(retryMs) || retryMs < 0) return this.#spread(most);
    const least = Math.min(retryMs, MOST_RETRY_MS);
    return least + this.#random() * Math.max(250, Math.min(least / 2, 15_000));
  }

  #forgive(now) {
    const steady = this.#upSince !== null && now - this.#upSince >= STEADY_MS;
    if (steady) this.#tries = this.#refusals = 0;
    this.#upSince = null;
    return steady;
  }

  /** Half to full length. */
  #spread(most) {
    return most * (0.5 + this.#random() / 2);
  }
}
