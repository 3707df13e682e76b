// Who is in this house, as far as it is known: everybody, or in a large one those whom the person talked with or looked for.

import { isName } from './store.js';

/** The most names the hub watches for one session. */
const WATCHED = 256;
const PAGE = 50;
/** So many pages without a name in them are turned by themselves. */
const EMPTY_PAGES = 10;
/** A hub that does not answer a search by then cannot search. */
const ANSWER_MS = 5_000;

/** Presence, and the search for names. `ask(message)` sends to the hub and returns the id of the question, or null; `changed()` repaints. */
export class People {
  #me; #ask; #changed;
  #presence = new Map();
  #recent = [];
  #found = [];
  /** `unknown` until the hub has answered, `all`, or `some`: there are too many to watch everybody. */
  #scope = 'unknown';
  #questions = { watch: null, find: null };
  #search = { name: '', searching: false, after: null, unable: false, users: [] };
  #pages = 0;

  constructor({ me, ask, changed }) {
    this.#me = me;
    this.#ask = ask;
    this.#changed = changed;
  }

  /** The hub is there: watch everybody, or what is known to fit. `recent`: users of the last calls, newest first. */
  up(recent) {
    this.#recent = recent;
    if (this.#scope === 'some') this.#watchSome();
    else this.#questions.watch = this.#ask({ type: 'watch', users: ['*'] });
    if (this.#search.searching) this.find(this.#search.name);
  }

  /** The users of the last calls have changed. */
  met(recent) {
    const news = recent.some((user) => !this.#recent.includes(user));
    this.#recent = recent;
    if (news && this.#scope === 'some') this.#watchSome();
  }

  /** A device came or went. */
  presence({ user, device, online }) {
    const devices = this.#presence.get(user) ?? new Set();
    if (!device) devices.clear();
    else if (online) devices.add(device);
    else devices.delete(device);
    this.#presence.set(user, devices);
    this.#changed();
  }

  /** The hub's answer to a question of ours; false when it is about something else. */
  result({ re, code }) {
    if (re && re === this.#questions.watch) {
      this.#questions.watch = null;
      if (code === 'ok' && this.#scope === 'unknown') this.#scope = 'all';
      if (code === 'forbidden' && this.#scope !== 'some') {
        this.#scope = 'some';
        this.#presence.clear();
        this.#watchSome();
      }
    } else if (re && re === this.#questions.find) this.#cannotSearch();
    else return false;
    this.#changed();
    return true;
  }

  /** A page of names. One that is empty may have another after it. */
  listed({ re, users, after }) {
    if (re !== this.#questions.find || !Array.isArray(users)) return;
    this.#questions.find = null;
    const named = users.filter((entry) => typeof entry?.user === 'string' && entry.user !== this.#me);
    for (const { user, online } of named) if (typeof online === 'boolean' && online !== this.#isOnline(user)) this.presence({ user, device: online ? 'listed' : undefined, online });
    const names = named.map(({ user }) => user);
    Object.assign(this.#search, { searching: false, unable: false, after: after ?? null, users: [...new Set([...(this.#pages > 1 ? this.#search.users : []), ...names])] });
    this.#found = [...new Set([...names, ...this.#found])].slice(0, WATCHED);
    this.#watchSome();
    if (this.#search.after !== null && !this.#search.users.length && this.#pages < EMPTY_PAGES) this.more();
    this.#changed();
  }

  /** Looks for a part of a name; '' ends the search. */
  find(name) {
    Object.assign(this.#search, { name, searching: name !== '', after: null, users: [] });
    this.#pages = 1;
    this.#questions.find = null;
    if (name !== '') this.#askFor({ type: 'list', find: name, limit: PAGE });
    this.#changed();
  }

  /** The next page. */
  more() {
    const { name, after } = this.#search;
    this.#pages += 1;
    this.#search.searching = true;
    this.#askFor({ type: 'list', find: name, after, limit: PAGE });
    this.#changed();
  }

  /** For a person: `scope`, the `search`, and the `contacts` to show. */
  get view() {
    const { name, users, unable } = this.#search;
    const known = [...this.#presence.keys()].filter((user) => user !== this.#me);
    if (this.#scope !== 'some') return { scope: this.#scope, search: null, contacts: this.#sorted(known) };
    const shown = name === '' ? known.filter((user) => this.#recent.includes(user) || this.#isOnline(user)) : users;
    // A hub that cannot search still rings whoever is named in full.
    const named = isName(name) && unable && !shown.includes(name) ? [name, ...shown] : shown;
    const { searching, after } = this.#search;
    return { scope: 'some', search: { name, searching, more: after !== null }, contacts: this.#sorted(named) };
  }

  #askFor(question) {
    const asked = (this.#questions.find = this.#ask(question));
    if (asked) setTimeout(() => asked === this.#questions.find && this.#cannotSearch(), ANSWER_MS);
  }

  #cannotSearch() {
    this.#questions.find = null;
    Object.assign(this.#search, { searching: false, unable: true, after: null });
    this.#changed();
  }

  #sorted(users) {
    const all = users.map((user) => ({ user, online: this.#isOnline(user), known: this.#presence.has(user) }));
    return all.sort((a, b) => b.online - a.online || a.user.localeCompare(b.user, undefined, { numeric: true }));
  }

  #isOnline(user) {
    return (this.#presence.get(user)?.size ?? 0) > 0;
  }

  #watchSome() {
    const users = [...new Set([...this.#recent, ...this.#found])].filter((user) => user !== this.#me).slice(0, WATCHED);
    this.#questions.watch = this.#ask({ type: 'watch', users });
  }
}
