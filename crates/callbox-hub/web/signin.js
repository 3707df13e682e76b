// Who this page is signed in as. A sign-in that comes from outside replaces nothing before the hub has taken it. Pure but for the store.

import { valid } from './store.js';

/** Reads a personal link, or its part after `#`. Returns the sign-in, or null. `device` is used where the link names none. */
export function readLink(text, device) {
  const fragment = new URLSearchParams(text.trim().replace(/^[^#]*#/, ''));
  const panels = (fragment.get('panels') ?? '').split(',').filter(Boolean);
  return valid({ app: Number(fragment.get('app')), user: fragment.get('user'), ticket: fragment.get('ticket'), device: fragment.get('device') || device, panels });
}

/** The origin of a pasted link when it is not this page's, or null. */
export function foreignOrigin(text, origin) {
  const address = /^https?:\/\/[^/?#\s]+/i.exec(text.trim())?.[0];
  return address && URL.canParse(address) && new URL(address).origin !== origin ? new URL(address).origin : null;
}

/** `start(credentials)` logs in with them. */
export class SignIn {
  #store; #start;
  /** What the hub has taken before, what it is asked to take now, and what waits for a person's answer. */
  #proven = null;
  #trying = null;
  #offered = null;

  constructor({ store, start }) {
    this.#store = store;
    this.#start = start;
  }

  /** What this page logs in with now, or null. */
  get credentials() {
    return this.#trying;
  }

  /** Another user whose link was opened here and who is not signed in yet, or null. */
  get offered() {
    return this.#offered?.user ?? null;
  }

  /** Whether there is a sign-in of before that was good, and is not the one in use. */
  get hasOlder() {
    return this.#proven !== null && this.#trying !== null && !isSameLogin(this.#proven, this.#trying);
  }

  /** The page is opened, perhaps by a link. Returns false when there is nobody to sign in. */
  open(link) {
    this.#proven = this.#store.credentials;
    if (!link && !this.#proven) return false;
    if (link && this.#proven && !isSame(link, this.#proven)) this.#offered = link;
    this.#try(this.#offered ? this.#proven : link ?? this.#proven);
    return true;
  }

  /** A link is opened while the page runs. `busy`: there is a call. */
  offer(link, busy) {
    if (this.#trying && (busy || !isSame(link, this.#trying))) this.#offered = link;
    else if (link.ticket !== this.#trying?.ticket || link.device !== this.#trying.device) this.#try(link);
  }

  /** The person here wants to be this one: a name that was typed, a link that was pasted. */
  enter(credentials) {
    this.#offered = null;
    this.#try(credentials);
  }

  /** The person answers: the offered one, or the one who is signed in. */
  answer(switches) {
    const offered = this.#offered;
    this.#offered = null;
    if (switches && offered) this.#try(offered);
  }

  /** A newer ticket of the same user and device is in use. */
  renewed(credentials) {
    this.#trying = credentials;
  }

  /** The hub has taken it: only now is it remembered. */
  welcomed() {
    this.#proven = this.#trying;
    this.#store.keep(this.#trying);
  }

  /** The hub has refused it for good. Returns the sign-in of before, which is in use again after `restore`, or null. */
  refused() {
    const before = this.hasOlder ? this.#proven : null;
    if (!before) this.#trying = null;
    return before;
  }

  /** Logs in with what was good before. */
  restore() {
    this.#try(this.#proven);
  }

  /** The person signs out. */
  signOut() {
    this.#proven = this.#trying = this.#offered = null;
    this.#store.forget();
  }

  #try(credentials) {
    this.#trying = credentials;
    this.#start(credentials);
  }
}

const isSame = (a, b) => a.app === b.app && a.user === b.user;
const isSameLogin = (a, b) => isSame(a, b) && a.device === b.device && a.ticket === b.ticket;
