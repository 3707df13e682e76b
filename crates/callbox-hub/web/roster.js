// Who takes part in a group call, as this device knows it. A pure part of the station, as `roster/mod.rs` and `roster/view.rs` are.
//
// Each device writes one entry, about itself and the users it invited, and numbers what it writes. What a device says of itself is a
// fact. What it says of another device is a rumour: a reason to ask that device. A device that is told something newer of itself writes
// a newer entry, so its own word wins.

import { same, target } from './call.js';
import { earliest } from './derived.js';
import { byAddress, Devices } from './devices.js';
import { Known, PLAUSIBLE } from './known.js';
import { isSame, MAX_CALLEES, MAX_ENTRY_NUMBER, MAX_MEMBERS, MAX_ROSTER, REASONS, writeEntry } from './roster_entry.js';

/** The most users who may come in over a whole call. */
const MOST_USERS = 64;
/** An invite of another member is waited for at most this long. In seconds. */
const LONGEST_RING = 600;
const LAST_PLACE = 65_535;
const PARTS = ['joined', 'left', 'invited', 'ended'];

/** Who takes part in one group call. Methods that return devices return those to send our entries to. */
export class Roster {
  #me;
  /** Our own entry; null: we are invited, and not in. */
  #mine = null;
  /** The greatest number that others know of an entry of ours. */
  #claimed = 0;
  #others = new Devices();
  #users;
  /** Until when users ring whom others invited; null: not any more. */
  #rings = new Map();

  constructor(me, users) {
    this.#me = target(me);
    this.#users = new Set([...users, me.user]);
  }

  /** The roster of a device that is in from the beginning, and of the users who may come in beside its own. */
  static found(me, place, users) {
    const roster = new Roster(me, users);
    roster.#joinAt(place);
    return roster;
  }

  /** The roster of a device that is invited and not in yet. */
  static guest(me, users) {
    return new Roster(me, users);
  }

  /** What stays of it when this device goes out: whom to ask, and which numbers to write beyond. */
  asGuest() {
    const guest = new Roster(this.#me, this.#users);
    guest.#claimed = this.#mine?.number ?? this.#claimed;
    guest.#rings = new Map(this.#rings);
    for (const [device, known] of this.#others.entries) {
      guest.#others.set(device, known.clone());
      guest.#others.get(device).forget();
    }
    return guest;
  }

  /** A member let this device in: it takes the place behind all that it knows of. */
  join(now) {
    this.#joinAt(Math.min(this.#lastPlace + 1, LAST_PLACE));
    return this.#wrote(now);
  }

  #joinAt(place) {
    this.#mine = { device: this.#me, number: this.#claimed + 1, agent: 'browser', place, left: null, invited: [] };
  }

  get #lastPlace() { return Math.max(0, ...this.#others.values.map(({ newest }) => newest.place)); }

  /** This member lets a device in: others learn of it even if the device cannot tell them before we leave. */
  letIn(now, device, agent) {
    const number = (this.#others.get(device)?.newest.number ?? 0) + 1;
    const place = Math.min(Math.max(this.#mine?.place ?? 0, this.#lastPlace) + 1, LAST_PLACE);
    if (!this.isIn(device)) this.#rumour(now, { device: target(device), number, agent, place, left: null, invited: [] }, new Devices());
  }

  /** This device leaves. */
  leave(reason) {
    const audience = this.#audience;
    if (this.#mine) this.#mine = { ...this.#mine, number: this.#mine.number + 1, left: reason };
    return audience;
  }

  /** How many more users this device may invite. */
  get room() {
    return MAX_CALLEES - (this.#mine?.invited.filter(({ ended }) => !ended).length ?? 0);
  }

  /** This device invites users, who ring for so many milliseconds. */
  invite(now, users, ring) {
    for (const user of users) this.#users.add(user);
    if (!this.#mine) return [];
    const invited = this.#mine.invited.filter(({ user }) => !users.includes(user));
    // The oldest that came to nothing make room.
    while (invited.length + users.length > MAX_CALLEES) {
      const at = invited.findIndex(({ ended }) => ended);
      if (at < 0) break;
      invited.splice(at, 1);
    }
    invited.push(...users.map((user) => ({ user, ring_s: Math.min(Math.floor(ring / 1_000), 65_535), ended: null })));
    this.#mine = { ...this.#mine, number: this.#mine.number + 1, invited: invited.slice(0, MAX_CALLEES) };
    return this.#wrote(now);
  }

  /** A user whom this device invited will not come. */
  ended(now, user, reason) {
    const known = this.#mine?.invited.find((invited) => invited.user === user);
    if (!known || known.ended === reason) return [];
    const invited = this.#mine.invited.map((one) => (one === known ? { ...one, ended: reason } : one));
    this.#mine = { ...this.#mine, number: this.#mine.number + 1, invited };
    return this.#wrote(now);
  }

  /** A user whom another member invited will not come: we need not wait. */
  refused(user) {
    this.#rings.set(user, null);
  }

  /** A device says that it is out, in other words than a `roster`. */
  out(now, device, reason) {
    return this.#others.get(device)?.out(reason) ? this.#wrote(now) : [];
  }

  /** Nothing comes from a device any more: it is not in until it says so again. */
  lose(device) {
    const known = this.#others.get(device);
    if (known) known.heard = false;
  }

  /** What to send to a device: the newest that is known of each, our own entry first. A device that was not heard finds nothing of
   *  itself, and so will say it. */
  entriesFor(to) {
    const others = this.#others.entries.filter(([device, known]) => known.heard || !same(device, to));
    return [this.#mine, ...others.map(([, known]) => known.newest)].filter(Boolean).slice(0, MAX_ROSTER).map(writeEntry);
  }

  /** The newest that is known of each device, our own entry first. */
  get entries() {
    return [this.#mine, ...this.#others.values.map(({ newest }) => newest)].filter(Boolean);
  }

  /** A device says what it knows. Returns `{changed, tell}`: whether something is known now that was not, and whom to tell. */
  hear(now, from, entries) {
    if (same(from, this.#me) || !this.#users.has(from.user)) return { changed: false, tell: [] };
    const tell = new Devices();
    // The last word of a member counts, and to a guest that of whoever rings it.
    const wasIn = this.isIn(from) || !this.#mine;
    const own = entries.find(({ device }) => same(device, from));
    let changed = own ? this.#fact(own) : false;
    const ofUs = entries.find(({ device }) => same(device, this.#me));
    if (wasIn || this.isIn(from)) {
      this.#admit(entries);
      for (const entry of entries.filter(({ device }) => !same(device, from))) {
        const isNew = same(entry.device, this.#me) ? this.#claim(entry) : this.#rumour(now, entry, tell);
        changed ||= isNew;
      }
    } else if (ofUs) changed = this.#claim(ofUs) || changed;
    this.#noteRings(now);
    const numbers = new Devices();
    for (const { device, number } of [...entries].reverse()) numbers.set(device, number);
    const lacks = this.entries.some(({ device, number }) => (numbers.get(device) ?? 0) < number);
    if (changed) tell.addAll(this.#wrote(now));
    this.#others.get(from)?.inStep(now, !lacks);
    if (lacks) tell.add(from);
    return { changed, tell: this.#mine ? tell.keys : [] };
  }

  /** Time passed. */
  tick(now) {
    for (const [user, until] of this.#rings) if (until !== null && until <= now) this.#rings.set(user, null);
    if (!this.#mine) return [];
    const tell = new Devices();
    let adopted = false;
    for (const [device, known] of this.#others.entries) {
      adopted = known.believe(now) || adopted;
      if (known.due(now)) tell.add(device);
    }
    if (adopted) tell.addAll(this.#wrote(now));
    return tell.keys;
  }

  /** When `tick` has something to do, or null. */
  get deadline() {
    return earliest(...(this.#mine ? this.#others.values.map(({ deadline }) => deadline) : []), this.aloneUntil);
  }

  /** Everybody is told anew: what was said before may be lost. */
  sayAgain(now) {
    return this.#wrote(now);
  }

  /** Takes what a device says of itself. Says whether it is new. */
  #fact(entry) {
    const known = this.#others.get(entry.device);
    if (known) return known.said(entry);
    if (this.#others.size + 1 >= MAX_ROSTER && !this.#makeRoom()) return false;
    this.#others.set(entry.device, Known.ofFact(entry));
    return true;
  }

  /** Takes what somebody says of a third device. Says whether it is new. */
  #rumour(now, entry, tell) {
    const known = this.#others.get(entry.device);
    if (known ? !known.rumour(now, entry) : this.#others.size + 1 >= MAX_ROSTER) return false;
    if (!known) this.#others.set(entry.device, Known.ofRumour(now, entry));
    if (this.#others.get(entry.device).isAsked) tell.add(entry.device);
    return true;
  }

  /** Takes what somebody says of us: we write a newer entry, for ours is what counts. Says whether we did. */
  #claim(entry) {
    const mine = this.#mine;
    if (entry.number >= MAX_ENTRY_NUMBER) return false;
    if (!mine) {
      this.#claimed = Math.max(this.#claimed, entry.number);
      return false;
    }
    const isNews = entry.number > mine.number || (entry.number === mine.number && !isSame(entry, mine));
    if (!isNews || entry.number >= mine.number + PLAUSIBLE) return false;
    this.#mine = { ...mine, number: entry.number + 1 };
    return true;
  }

  /** Whoever is named by a member may come in. */
  #admit(entries) {
    for (const user of entries.flatMap(({ device, invited }) => [...invited.map((one) => one.user), device.user])) {
      if (this.#users.size < MOST_USERS) this.#users.add(user);
    }
  }

  /** Forgets one who left and was never heard here. */
  #makeRoom() {
    const gone = this.#others.entries.find(([, { heard }]) => !heard);
    if (gone) this.#others.take(gone[0]);
    return Boolean(gone);
  }

  /** Something is new: every member is to hear it, and to show that it knows. */
  #wrote(now) {
    if (!this.#mine) return [];
    for (const known of this.#others.values) if (known.isIn) known.repeat(now);
    return this.#audience;
  }

  get #audience() { return this.#others.entries.filter(([, known]) => known.isIn).map(([device]) => device); }

  /** Users whose invites by others ring are waited for, from when they are first heard of. */
  #noteRings(now) {
    for (const { user, ring_s: ring, ended } of this.#others.values.flatMap(({ newest }) => newest.invited)) {
      if (ended) this.#rings.delete(user);
      else if (user !== this.#me.user && this.#rings.size < MOST_USERS && !this.#rings.has(user)) this.#rings.set(user, now + Math.min(ring, LONGEST_RING) * 1_000);
    }
  }

  // ---- what can be seen ----

  /** Whether a device of this user may come in. */
  admits(user) { return this.#users.has(user); }

  /** Every user who may be in, or come in, in order. */
  get users() { return [...this.#users].sort(); }

  /** Whether the device said itself that it is in. */
  isIn(device) { return this.#others.get(device)?.isIn ?? false; }

  /** The entries of the devices that said that they are in, without our own. */
  get members() { return this.#others.values.filter(({ isIn }) => isIn).map(({ fact }) => fact); }

  /** Devices that are in as far as is known: whom to ask to be let in. */
  get doors() { return this.#others.values.filter(({ newest }) => !newest.left).map(({ newest }) => newest.device); }

  /** Why this device has to leave, or null: more than `MAX_MEMBERS` are in, or another device of its user. */
  get surplus() {
    const mine = this.#mine;
    if (!mine) return null;
    const before = this.members.filter(({ place, device }) => place < mine.place || (place === mine.place && byAddress(device, mine.device) < 0));
    if (before.some(({ device }) => device.user === this.#me.user)) return 'answered_elsewhere';
    return before.length >= MAX_MEMBERS ? 'too_many' : null;
  }

  /** Until when somebody rings whose inviter has left, or null. Whoever came in does not ring any more, even after leaving. */
  get aloneUntil() {
    const came = new Set(this.#others.values.filter(({ fact }) => fact).map(({ fact }) => fact.device.user));
    const times = [...this.#rings].filter(([user, until]) => until !== null && !came.has(user)).map(([, until]) => until);
    return times.length ? Math.max(...times) : null;
  }

  /** Every other user of the call, and how each takes part: `[{user, state, reason}]`, states as in `view.rs` without `ringing`. */
  get parts() {
    const parts = new Map();
    const see = (user, state, reason = null) => {
      const known = parts.get(user);
      if (!known || rank(state, reason) < rank(known.state, known.reason)) parts.set(user, { user, state, reason });
    };
    for (const { device, left } of this.#others.values.map(({ newest }) => newest)) see(device.user, left ? 'left' : 'joined', left);
    for (const { user, ended } of this.entries.flatMap(({ invited }) => invited)) see(user, ended ? 'ended' : 'invited', ended);
    parts.delete(this.#me.user);
    return [...parts.keys()].sort().map((user) => parts.get(user));
  }
}

const rank = (state, reason) => PARTS.indexOf(state) * REASONS.length + Math.max(0, REASONS.indexOf(reason));
