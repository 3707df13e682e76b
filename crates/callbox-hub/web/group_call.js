// A talk of several: who is in, who rings, and who may come in. A pure part of the station, as `group/mod.rs` is.
//
// Any member lets a device in whose user is on the roster, as long as there is a seat. Peers are the devices that a member let in here,
// and those that said by a `roster` that they are in.

import { Budgets } from './budgets.js';
import { earliest } from './derived.js';
import { Devices } from './devices.js';
import { admit, matchPeers } from './group_members.js';
import { Invitations } from './invitations.js';
import { Roster } from './roster.js';
import { MAX_MEMBERS } from './roster_entry.js';
import { talking } from './talking.js';

/** A user may come in anew this often at once, and once more in each so many milliseconds: each time costs a link. */
const ARRIVALS = [8, 2_000];
/**
 * A user is told of changes this often at once, and once more in each so many milliseconds, so that a member that changes without end
 * leaves room for what else is said. Whatever is left out comes with the roster's next repetition.
 */
const TOLD = [32, 250];
/** The most entries of a record: bounded by the roster's own bound, and by how often a device comes back. */
const MOST_PARTIES = 64;

/** Who takes part in a talk. */
export class Group {
  /** What this device sent, newest last. */
  invitations = [];
  /** `{device, joined, left, reason}`: every device that was in, with its times in milliseconds since the call began. */
  #parties = [];
  #arrivals = new Budgets(...ARRIVALS);
  #told = new Budgets(...TOLD);
  #started;
  /** When those are looked at again who came in too often, or null. */
  lookAgain = null;

  constructor(roster, { startedAt }) {
    this.roster = roster;
    this.#started = startedAt;
  }

  /** The group of the device that rang the others. */
  static ofInviter(facts, invitations, c) {
    const group = new Group(Roster.found(c.me, 1, []), facts);
    group.invitations.push(invitations);
    group.roster.invite(c.now, facts.callees, c.ring);
    for (const { user, reason } of invitations.refusals) group.roster.ended(c.now, user, reason);
    return group;
  }

  get deadline() { return earliest(...this.invitations.map(({ deadline }) => deadline), this.roster.deadline, this.lookAgain); }

  /** The devices that ring for our invites. */
  get ringing() { return this.invitations.flatMap(({ devices }) => devices); }

  /** Every user beside our own, `{user, state, reason}`: `invited`, `ringing`, `joined`, `left` or `ended`. */
  get view() {
    const rings = (user) => this.ringing.some((device) => device.user === user);
    return this.roster.parts.map((part) => (part.state === 'invited' && rings(part.user) ? { ...part, state: 'ringing' } : part));
  }

  /** Every device that was in, for the record. */
  partiesAt(now) {
    return this.#parties.map(({ left, ...party }) => ({ ...party, left: left ?? now - this.#started }));
  }

  cameIn(now, device) {
    if (this.#parties.length < MOST_PARTIES) this.#parties.push({ device, joined: now - this.#started, left: null, reason: null });
  }

  wentOut(now, device, reason) {
    const party = this.#parties.find(({ device: { user, device: name }, left }) => user === device.user && name === device.device && left === null);
    if (party) Object.assign(party, { left: now - this.#started, reason });
  }

  /** Whether a device may come in once more; if not, it is looked at again later. */
  mayArrive(now, { user }) {
    const may = this.#arrivals.take(now, user);
    if (!may) this.lookAgain ??= now + ARRIVALS[1];
    return may;
  }

  /** Tells these devices who takes part, each not too often. */
  tell(to, facts, c) {
    this.say(new Devices(to).keys.filter(({ user }) => this.#told.take(c.now, user)), facts, c);
  }

  /** The same however often, in the order of their addresses. */
  say(to, { call }, c) {
    for (const device of new Devices(to).keys) c.send(device, { type: 'roster', call, entries: this.roster.entriesFor(device) });
  }
}

// ---- how a talk becomes one of several ----

/** The inviter's side: the first of those who are rung accepted. */
export function ofInviter(call, invitations, first, agent, c) {
  const s = talking.withNobody(call, Group.ofInviter(call.facts, invitations, c), c);
  admit(s, first, agent, false, c);
  return s;
}

/** The side of a device that a member let in. `links`: those that were set up with the inviter while it rang, or null. */
export function ofGuest(call, roster, links, c) {
  const tell = [...roster.join(c.now), ...roster.doors];
  const s = talking.withNobody(call, new Group(roster, call.facts), c);
  s.group.tell(tell, s.facts, c);
  matchPeers(s, links, c);
  return s;
}

/** A single call becomes a group call: nothing changes for the one peer. */
export function grow(s, c) {
  if (s.group) return;
  const place = s.facts.direction === 'outgoing' ? 1 : 2;
  s.group = new Group(Roster.found(c.me, place, s.peers.keys.map(({ user }) => user)), s.facts);
  for (const device of s.peers.keys) s.group.cameIn(s.since, device);
  s.facts.kind = 'group';
}

/** Whether one more user may be asked in. */
export function mayAdd({ group, peers }) {
  return (group !== null || peers.values.every(({ groups }) => groups)) && peers.size + 1 < MAX_MEMBERS;
}

/** The person here wants these users in the call too. */
export function add(s, users, c) {
  if (!mayAdd(s)) return s;
  const isIn = (user) => user === c.me.user || s.peers.keys.some((device) => device.user === user);
  const rings = (user) => s.group?.invitations.some((batch) => batch.isOpen(user));
  const added = [...new Set(users)].filter((user) => !isIn(user) && !rings(user));
  if (!added.length || added.length > (s.group?.roster.room ?? Infinity)) return s;
  grow(s, c);
  const { group } = s;
  const tell = group.roster.invite(c.now, added, c.ring);
  s.facts.callees.push(...added);
  group.tell(tell, s.facts, c);
  // A peer that has not said its part yet learns by this that the call has grown.
  group.say(s.peers.values.filter(({ place }) => place === null).map(({ device }) => device), s.facts, c);
  group.invitations.push(new Invitations(s.facts, added, c));
  return s;
}

// ---- the end ----

/** Tells the members that we leave, and who rings for us whom to ask now. The last one out calls everything off. */
export function leaveGroup(s, reason, c) {
  const { group, facts, peers } = s;
  const ringing = group.ringing;
  const tell = [...group.roster.leave(reason), ...peers.keys];
  for (const batch of group.invitations) batch.close(c);
  if (peers.size) {
    tell.push(...ringing);
    c.joinable.keep(c.now, facts, group.roster, c.now);
  } else {
    for (const user of group.roster.users.filter((one) => one !== c.me.user)) c.send({ user }, { type: 'cancel', call: facts.call, reason: 'cancelled' });
  }
  group.say(tell, facts, c);
}
