// Everybody who is rung by one invite, and how each of them answered. A pure part of the station, as `callees.rs` is.

/** One busy device does not make a user busy: other devices of the same user get this long to ring. */
const SETTLE = 1_000;
/** Of several reasons, the one that tells the inviter most. */
const KINDEST = ['rejected', 'busy', 'no_answer'];

/** The callees of an invite, by user. */
export class Callees {
  /** `refused`: why this user will not answer. `refusal`, `by`: one device refused; unless another one rings by then, that was the answer. */
  #users;

  constructor(users) {
    // In the order of their names, as in `callees.rs`.
    this.#users = new Map([...users].sort().map((user) => [user, { refused: null, refusal: null, by: null, queued: false }]));
  }

  /** Whether this user is, or was, asked. */
  has(user) { return this.#users.has(user); }

  /** Everybody who was asked. */
  get all() { return [...this.#users.keys()]; }

  /** Those who may still answer. */
  get open() { return this.all.filter((user) => this.isOpen(user)); }

  /** Whether this user may still answer. */
  isOpen(user) { return this.#users.get(user)?.refused === null; }

  /** Why this user will not answer, or null. */
  refusal(user) { return this.#users.get(user)?.refused ?? null; }

  /** Those whom the invite waits for: they are not connected. `devices` ring. */
  waiting(devices) {
    const rings = (user) => devices.some((device) => device.user === user);
    return this.open.filter((user) => this.#users.get(user).queued && !rings(user));
  }

  /** A device of this user rings. */
  rings(user) {
    Object.assign(this.#users.get(user), { refused: null, refusal: null, by: null });
  }

  /** A device refused. True when it spoke for its user, whose other devices are to be silenced. */
  declined(now, user, reason, othersRing) {
    const callee = this.#users.get(user);
    if (!callee || callee.refused !== null) return false;
    if (reason === 'rejected') {
      callee.refused = reason;
      return true;
    }
    if (othersRing) return false;
    if (reason === 'no_answer') callee.refused = reason;
    else if (callee.by === null) Object.assign(callee, { refusal: reason, by: now + SETTLE });
    return false;
  }

  /** Our invite to this user waits for a device. */
  waits(user) { this.#users.get(user).queued = true; }

  /** Nobody passes our invite on to this user. */
  giveUp(user, reason) { this.#users.get(user).refused = reason; }

  /** When `settle` may have news, or null. */
  get deadline() {
    const times = [...this.#users.values()].filter(({ refused, by }) => refused === null && by !== null).map(({ by }) => by);
    return times.length ? Math.min(...times) : null;
  }

  /** The reason when nobody is left who may answer, or null. */
  settle(now) {
    for (const callee of this.#users.values()) {
      if (callee.refused === null && callee.by !== null && now >= callee.by) callee.refused = callee.refusal;
    }
    const reasons = [...this.#users.values()].map(({ refused }) => refused);
    if (reasons.includes(null)) return null;
    return KINDEST.find((reason) => reasons.includes(reason)) ?? reasons[0] ?? 'no_answer';
  }
}
