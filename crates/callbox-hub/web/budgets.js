// How often each user may make this station do something: ring, answer, or keep a record. A pure part of the station, as `budgets.rs` is.

import { Bucket } from './bucket.js';

/** So many users are told apart; the one who was active longest ago is forgotten first. */
const USERS = 64;

/** One budget for each user who was active lately. */
export class Budgets {
  #size; #every;
  #buckets = new Map();

  /** Each user has `size` at once, and one more in each `every` milliseconds. */
  constructor(size, every) {
    this.#size = size;
    this.#every = every;
  }

  /** Takes one from the budget of this user, if there is one. */
  take(now, user) {
    const bucket = this.#buckets.get(user) ?? new Bucket(this.#size, this.#every);
    this.#buckets.delete(user);
    if (this.#buckets.size === USERS) this.#buckets.delete(this.#buckets.keys().next().value);
    this.#buckets.set(user, bucket);
    return bucket.take(now);
  }

  /** Puts one back. */
  giveBack(user) {
    this.#buckets.get(user)?.giveBack();
  }
}
