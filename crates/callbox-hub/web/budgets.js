// How often each user may ring us without being answered. A pure part of the station, as `budgets.rs` is.

import { Bucket } from './bucket.js';

/** One user may ring this often at once, and once more in each … */
const RINGS = [10, 3_000];
/** So many users are told apart; the one who rang longest ago is forgotten first. */
const USERS = 64;

/** The budget of each user who rang lately. */
export class RingBudgets {
  #buckets = new Map();

  /** Takes one ring of this user, if there is one. */
  take(now, user) {
    const bucket = this.#buckets.get(user) ?? new Bucket(...RINGS);
    this.#buckets.delete(user);
    if (this.#buckets.size === USERS) this.#buckets.delete(this.#buckets.keys().next().value);
    this.#buckets.set(user, bucket);
    return bucket.take(now);
  }

  /** A ring that was answered costs nothing. */
  giveBack(user) {
    this.#buckets.get(user)?.giveBack();
  }
}
