// Candidates that wait to be sent: behind everything else, no faster than a hub takes them, and few of each link. As the core's
// `client/candidates.rs` is.

/** Most that wait for one link: more than one finds. */
const OF_LINK = 32;
/** Most that wait altogether. */
const WAITING = 512;
/** So many may go at once, and one more in each of these milliseconds: half of what a hub takes of a session. */
const BURST = 64;
const EVERY_MS = 40;

const isOf = (call, to) => (envelope) => envelope.call === call && envelope.to.user === to.user && envelope.to.device === to.device;

/** The queue. Everything in it may be lost. */
export class Candidates {
  /** {envelope, since, until} */
  #waiting = [];
  /** When all that was sent would have been sent at the lasting rate. */
  #paidUntil = -Infinity;

  /** Takes one in; after `until` nobody needs it. The end of the candidates (an empty one) takes the place of the newest when there is no room. */
  push(now, envelope, until) {
    const isOfCall = isOf(envelope.call, envelope.to);
    const isOfLink = ({ envelope: older }) => isOfCall(older) && older.link === envelope.link;
    const isFull = this.#waiting.length >= WAITING || this.#waiting.filter(isOfLink).length >= OF_LINK;
    if (isFull) {
      const newest = envelope.candidate === '' ? this.#waiting.findLastIndex(isOfLink) : -1;
      if (newest < 0) return;
      this.#waiting.splice(newest, 1);
    }
    this.#waiting.push({ envelope, since: now, until });
  }

  /** The next one that may go now, or null. */
  next(now) {
    this.#waiting = this.#waiting.filter(({ until }) => now < until);
    if (this.due === null || now < this.due) return null;
    this.#paidUntil = Math.max(this.#paidUntil, now) + EVERY_MS;
    return this.#waiting.shift().envelope;
  }

  /** When the next one may go, or null when none waits. */
  get due() {
    return this.#waiting.length ? Math.max(this.#waiting[0].since, this.#paidUntil - EVERY_MS * (BURST - 1)) : null;
  }

  /** The end of a call overtakes its candidates. */
  forget(call, to) {
    const isOfCall = isOf(call, to);
    this.#waiting = this.#waiting.filter(({ envelope }) => !isOfCall(envelope));
  }
}
