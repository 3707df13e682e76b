// What a view of the call says of a group: its peers, everybody's state, and how many may take part. Pure.

import { keyOf } from './call.js';

/** The most users whom one call asks. */
export const MOST_USERS = 16;
/** The most devices in a call, this one with them. */
export const MOST_DEVICES = 6;

/** What a person sees of a user who will not come, by the reason; `declined` for the others. */
const ENDED = { busy: 'busy', no_answer: 'no_answer', cancelled: 'no_answer', offline: 'offline' };
const shown = (part) => (part.state === 'ended' ? { ...part, state: ENDED[part.reason] ?? 'declined' } : part);

/** Returns the group in this view, `{peers, roster, mayAdd, users}`, or null in a one-to-one call. `users`: those it is with, or is to be with. */
export function groupOf(view) {
  if (view.kind !== 'group') return null;
  const peers = view.peers ?? [];
  const roster = view.roster?.map(shown) ?? peers.map(({ device }) => ({ user: device.user, state: 'joined' }));
  const asked = roster.filter(({ state }) => ['invited', 'ringing', 'joined'].includes(state));
  const named = peers.length ? peers.map(({ device }) => device.user) : (asked.length ? asked : roster).map(({ user }) => user);
  return { peers, roster, mayAdd: view.may_add === true, users: [...new Set(named)] };
}

/** Returns what the sheet of people shows of a one-to-one call that may grow, in the form of `groupOf`; else null. */
export function growableOf({ state, kind, peer, may_add: mayAdd }) {
  if (kind === 'group' || state !== 'talking' || !mayAdd) return null;
  return { peers: [{ device: peer }], roster: [{ user: peer.user, state: 'joined' }], mayAdd, users: [peer.user] };
}

/** Returns one name for each peer; a user with several devices gets their numbers. */
export function labelsOf(peers, nameOf) {
  const count = new Map();
  const several = (user) => peers.filter(({ device }) => device.user === user).length > 1;
  return new Map(peers.map(({ device }) => {
    const number = (count.get(device.user) ?? 0) + 1;
    count.set(device.user, number);
    return [keyOf(device), several(device.user) ? `${nameOf(device.user)} (${number})` : nameOf(device.user)];
  }));
}

/** The users who were picked, at most `most` of them. */
export class Picks {
  #users = new Set();

  constructor(most = MOST_USERS) {
    this.most = most;
  }

  /** In the order in which they were picked. */
  get users() { return [...this.#users]; }

  get count() { return this.#users.size; }

  has(user) { return this.#users.has(user); }

  /** Picks this user, or not any more. Returns false when there is no room for another one. */
  toggle(user, on = !this.has(user)) {
    if (!on) return this.#users.delete(user), true;
    if (!this.has(user) && this.count >= this.most) return false;
    this.#users.add(user);
    return true;
  }

  clear() { this.#users.clear(); }
}

/** What changed between two rosters, for whoever is told: `[{user, state, reason}]`. */
export function changesOf(before, after) {
  const was = new Map(before.map(({ user, state }) => [user, state]));
  return after.filter(({ user, state }) => was.get(user) !== state);
}
