// What this browser remembers: who is signed in, which device this is, whom we talked with, and the last calls.

import { attempt } from './attempt.js';
import { makeId } from './signaling.js';

const RECENT = 30;
const KNOWN = 200;
const ID = /^[A-Za-z0-9_-]{1,32}$/;

/** A place for texts that lasts as long as this page: for a browser that keeps nothing. */
export class Memory {
  #texts = new Map();
  getItem(key) { return this.#texts.get(key) ?? null; }
  setItem(key, text) { this.#texts.set(key, String(text)); }
  removeItem(key) { this.#texts.delete(key); }
}

/** Finds a place to keep texts. Where site data is blocked, reading the property throws already. */
function place(name) {
  return attempt(name, () => {
    const found = globalThis[name];
    found.setItem('callbox.probe', '1');
    found.removeItem('callbox.probe');
    return found;
  });
}

/** localStorage, with the tab's own memory before it so that a reload stays who it was. Both stand in for each other. */
export class Store {
  #local;
  #session;

  constructor({ local = place('localStorage'), session = place('sessionStorage') } = {}) {
    /** Whether anything outlives this page. */
    this.lasting = Boolean(local);
    this.#local = local ?? new Memory();
    this.#session = session ?? new Memory();
  }

  /** This browser's device id. */
  get device() {
    const known = read(this.#local, 'callbox.device');
    if (ID.test(known ?? '')) return known;
    const made = `web-${makeId().slice(0, 12)}`;
    write(this.#local, 'callbox.device', made);
    return made;
  }

  /** Who was signed in last, or ''. */
  get lastUser() {
    const user = read(this.#local, 'callbox.last');
    return ID.test(user ?? '') ? user : '';
  }

  /** The sign-in that is remembered, or null. */
  get credentials() {
    return valid(read(this.#session, 'callbox.signin')) ?? valid(read(this.#local, 'callbox.signin'));
  }

  /** Remembers a sign-in that the hub has taken. */
  keep(credentials) {
    write(this.#session, 'callbox.signin', credentials);
    write(this.#local, 'callbox.signin', credentials);
    write(this.#local, 'callbox.last', credentials.user);
  }

  /** Forgets the sign-in; the device id stays. */
  forget() {
    for (const storage of [this.#session, this.#local]) attempt('storage', () => storage.removeItem('callbox.signin'));
  }

  /** Keeps an invite for when the page is back, or with `null` forgets it. */
  keepInvite(user, invite) {
    write(this.#local, `callbox.rung.${user}`, invite);
  }

  /** The invite that was kept, or null. */
  keptInvite(user) {
    return read(this.#local, `callbox.rung.${user}`);
  }

  /** The last calls of a user, newest first. */
  recent(user) {
    return list(read(this.#local, `callbox.recent.${user}`)).filter(isCall);
  }

  /** Adds one; a call is listed once. */
  remember(user, record) {
    const { call, kind, direction, media, caller, callees, peer, answeredBy, reason, talked, at, fresh } = record;
    const others = this.recent(user).filter((entry) => entry.call !== call);
    const calls = [{ call, kind, direction, media, caller, callees, peer, answeredBy, reason, talked, at, fresh }, ...others].sort((a, b) => b.at - a.at);
    if (calls.length > RECENT) calls.splice(oldestOfGreediest(calls), 1);
    write(this.#local, `callbox.recent.${user}`, calls);
    if (talked > 0 && peer) this.#know(user, peer.user);
    return calls;
  }

  /** The person has seen the missed ones. */
  seen(user) {
    const calls = this.recent(user).map((entry) => ({ ...entry, fresh: false }));
    write(this.#local, `callbox.recent.${user}`, calls);
    return calls;
  }

  /** Whether this user has talked with that one before, on this browser. */
  knows(user, other) {
    return list(read(this.#local, `callbox.talked.${user}`)).includes(other) || this.recent(user).some(({ talked, peer }) => talked > 0 && peer?.user === other);
  }

  #know(user, other) {
    const others = list(read(this.#local, `callbox.talked.${user}`)).filter((known) => known !== other);
    write(this.#local, `callbox.talked.${user}`, [other, ...others].slice(0, KNOWN));
  }
}

/** The sign-in in these words, or null: `{app, user, device, ticket, panels?, demo?}`. */
export function valid(found) {
  const { app, user, device, ticket, panels } = found ?? {};
  const good = Number.isInteger(app) && [user, device].every((name) => typeof name === 'string' && ID.test(name)) && device !== 'hub';
  if (!good || typeof ticket !== 'string' || !ticket) return null;
  return { ...found, panels: list(panels).filter((name) => ID.test(name)) };
}

/** Whether this can be the name of a user. */
export function isName(text) {
  return ID.test(text);
}

/** Where the oldest call lies, in a list that is newest first, of the user who is in most of them: nobody pushes the calls of others out. */
function oldestOfGreediest(calls) {
  const other = ({ direction, caller, callees }) => (direction === 'incoming' ? caller.user : callees[0]);
  const counts = new Map();
  for (const entry of calls) counts.set(other(entry), (counts.get(other(entry)) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return calls.findLastIndex((entry) => counts.get(other(entry)) === most);
}

function isCall(entry) {
  return typeof entry?.call === 'string' && typeof entry.caller?.user === 'string' && Array.isArray(entry.callees) && entry.callees.length > 0
    && entry.callees.every((user) => typeof user === 'string' && user) && Number.isFinite(entry.at);
}

function list(found) {
  return Array.isArray(found) ? found : [];
}

function read(storage, key) {
  return attempt(`stored ${key}`, () => JSON.parse(storage.getItem(key)));
}

function write(storage, key, value) {
  // A full disk: the page works, it just forgets.
  attempt(`storing ${key}`, () => storage.setItem(key, JSON.stringify(value)));
}
