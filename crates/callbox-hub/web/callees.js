// Everybody who is rung by one invite, and what came of it. A pure part of the station.

/** How long another device of a user may take to ring after one has said busy. */
const GRACE_MS = 1_000;
/** Of several reasons the one that tells the inviter most. */
const WEIGHT = ['rejected', 'busy', 'media_failed', 'unsupported_version', 'ended_by_server', 'no_answer', 'offline'];
const heaviest = (reasons) => WEIGHT.find((reason) => reasons.includes(reason)) ?? 'no_answer';

/** The callees of an invite, by user. */
export class Callees {
  #users;

  constructor(users) {
    this.#users = new Map(users.map((user) => [user, { devices: new Map(), said: [], grace: null, done: null, queued: false }]));
  }

  /** Whether it rings anywhere. */
  get rings() {
    return [...this.#users.values()].some((user) => user.devices.size > 0);
  }

  /** Those who are still asked. */
  get open() {
    return [...this.#users].filter(([, { done }]) => !done).map(([user]) => user);
  }

  /** Those whom the invite waits for: they are not connected. */
  get waiting() {
    return [...this.#users].filter(([, { done, queued, devices }]) => !done && queued && !devices.size).map(([user]) => user);
  }

  /** When `settle` may have news. */
  get deadline() {
    return [...this.#users.values()].reduce((first, { done, grace }) => (done || grace == null ? first : Math.min(first ?? grace, grace)), null);
  }

  /** Whether this user is, or was, asked. */
  has(user) {
    return this.#users.has(user);
  }

  /** What is set up early with this device. */
  early({ user, device }) {
    return this.#users.get(user)?.devices.get(device) ?? 'off';
  }

  /** A device rings. False when its user is out already. */
  rang({ user, device }, early) {
    const callee = this.#users.get(user);
    if (callee.done) return false;
    callee.devices.set(device, early);
    return true;
  }

  /** A device said no. True when that speaks for its user, whose other devices are to be silenced. */
  declined(now, { user, device }, reason) {
    const callee = this.#users.get(user);
    if (callee.done) return false;
    callee.devices.delete(device);
    callee.said.push(reason);
    if (reason === 'rejected') callee.done = reason;
    else if (!callee.devices.size) callee.grace = now + (reason === 'no_answer' ? 0 : GRACE_MS);
    return reason === 'rejected';
  }

  /** What the hub says of an invite. */
  told(code) {
    for (const callee of this.#users.values()) {
      if (code === 'queued') callee.queued = true;
      if (code === 'unknown_user' && this.#users.size === 1) callee.done = 'offline';
      if (code === 'forbidden' || code === 'bad_message') callee.done = 'ended_by_server';
    }
  }

  /** The reason when nobody is left who could answer, or null. */
  settle(now) {
    for (const callee of this.#users.values()) {
      if (callee.devices.size) callee.grace = null;
      if (!callee.done && callee.grace != null && now >= callee.grace) callee.done = heaviest(callee.said);
    }
    const all = [...this.#users.values()].map(({ done }) => done);
    return all.every(Boolean) ? heaviest(all) : null;
  }
}
