// A bounded memory that strangers fill: when it is full, the user who has most in it loses the oldest. As `shares.rs`.

/** What users made us remember, oldest first. */
export class Shares {
  #most;
  #kept = [];

  constructor(most) {
    this.#most = most;
  }

  /** Remembers one item of this user. */
  push(user, item) {
    this.#kept.push({ user, item });
    if (this.#kept.length <= this.#most) return;
    const counts = new Map();
    for (const kept of this.#kept) counts.set(kept.user, (counts.get(kept.user) ?? 0) + 1);
    const greediest = Math.max(...counts.values());
    this.#kept.splice(this.#kept.findIndex((kept) => counts.get(kept.user) === greediest), 1);
  }

  /** The newest item that `is` picks, or null. */
  find(is) {
    return this.#kept.findLast(({ item }) => is(item))?.item ?? null;
  }
}
