// How often something may happen: a few at once, and then one in a while. A pure part of the station, as `bucket.rs` is.

/** A bucket that holds `size` tokens and gets one back in each `every` milliseconds. */
export class Bucket {
  #size; #every;
  /** When it is full again. */
  #full = -Infinity;

  constructor(size, every) {
    this.#size = size;
    this.#every = every;
  }

  /** Takes one, if there is one. */
  take(now) {
    const full = Math.max(this.#full, now) + this.#every;
    const fits = full - now <= this.#every * this.#size;
    if (fits) this.#full = full;
    return fits;
  }

  /** Puts one back. */
  giveBack() {
    this.#full -= this.#every;
  }
}
