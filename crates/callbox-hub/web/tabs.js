// One sign-in, several tabs: finds the tab that runs it already, takes over from it, and passes on what a call there still needs.

import { attempt, attemptLater } from './attempt.js';

const ANSWER_MS = 400;
const YIELD_MS = 1_000;
/** How soon a tab that is loaded again is back. */
const RELOAD_MS = 3_000;

/**
 * The tabs of this browser with the same sign-in (`key`). `told({type, …})` reports: `yield`: another tab takes over, return the
 * call that goes on here or null; `carry` {call}: a call of the other tab needs our line; `say` {to, message}: say this for it;
 * `heard` {from, message}: somebody says this to our call; `line` {up}; `done` {call}; `out`: the person has signed out; `free`: the tab that ran it has closed.
 */
export class Tabs {
  #key; #told; #channel; #locks; #id;
  #owns = false;
  #state = () => 'idle';
  #answered = null;
  #yielded = null;
  #release = null;
  #waiting = null;
  /** The call of another tab that needs our line, or null. */
  carried = null;

  constructor({ key, id, told, state, channel = attempt('BroadcastChannel', () => new BroadcastChannel('callbox')), locks = attempt('locks', () => navigator.locks) }) {
    this.#key = `callbox ${key}`;
    this.#id = id;
    this.#told = told;
    this.#state = state;
    this.#channel = channel;
    this.#locks = locks ?? null;
    if (channel) channel.onmessage = ({ data }) => data?.key === this.#key && data.tab !== this.#id && this.#hear(data);
  }

  /** Finds another tab that runs this sign-in: `{state}` (`unknown` when it does not answer), or null. */
  async other() {
    const held = await this.#isHeld();
    if (held === false) return null;
    const state = await this.#whoIsThere();
    if (state) return { state };
    // A page that is loaded again gives its lock back a moment later; a frozen one holds it and says nothing.
    return held && (await this.#isHeld()) ? { state: 'unknown' } : null;
  }

  /** This tab runs it from now on. `steal`: another one has it, and is to let go. */
  async own({ steal = false } = {}) {
    this.#waiting?.abort();
    this.#waiting = null;
    this.#owns = true;
    if (steal) await this.#ask('take', YIELD_MS, (done) => (this.#yielded = done));
    this.#lock({ steal: true });
  }

  /** Reports `free` when the tab that runs it has closed, unless it comes back in a moment: a page that is loaded again. */
  wait() {
    if (this.#waiting) return;
    const waiting = (this.#waiting = new AbortController());
    if (this.#locks) attemptLater('a free sign-in', () => this.#locks.request(this.#key, { signal: waiting.signal }, () => this.#freed()));
  }

  /** The hub has given this sign-in to another session: a call that goes on here may need its line. */
  replaced(call) {
    this.#letGo();
    if (call) this.#post({ type: 'yielded', call });
  }

  /** Passes on something about a call that goes on in another tab: `say`, `heard`, `line` or `done`; or `out`. */
  pass(message) {
    this.#post(message);
  }

  /** This tab leaves. */
  close() {
    if (this.#owns) this.#post({ type: 'gone' });
    this.#letGo();
    this.#waiting?.abort();
    this.#waiting = null;
    this.#channel?.close();
    this.#channel = null;
  }

  #hear(data) {
    switch (data.type) {
      case 'who': return this.#owns && this.#post({ type: 'here', state: this.#state() });
      case 'here': return this.#answered?.(String(data.state));
      case 'take': return this.#owns && this.#yield();
      case 'yielded':
        if (data.call && this.#owns) this.#carry(String(data.call));
        return this.#yielded?.(true);
      case 'gone': return this.#freed();
      case 'say': case 'heard': case 'line': case 'done': case 'out': return this.#told(data);
      default: return undefined;
    }
  }

  /** It may come before there is a session here that could carry it. */
  #carry(call) {
    this.carried = call;
    this.#told({ type: 'carry', call });
  }

  #yield() {
    const call = this.#told({ type: 'yield' });
    this.#letGo();
    this.#post({ type: 'yielded', call: call ?? null });
  }

  #freed() {
    const waiting = this.#waiting;
    if (waiting) setTimeout(() => waiting === this.#waiting && this.#told({ type: 'free' }), RELOAD_MS);
  }

  #letGo() {
    this.#owns = false;
    this.#release?.();
    this.#release = null;
  }

  #lock(options) {
    if (!this.#locks) return;
    const held = new Promise((done) => (this.#release = done));
    attemptLater('a lock for this sign-in', () => this.#locks.request(this.#key, options, () => held));
  }

  /** Whether some tab has the lock; null when this browser has none. */
  async #isHeld() {
    if (!this.#locks) return null;
    const state = await attemptLater('locks', () => this.#locks.query());
    return state ? state.held.some(({ name }) => name === this.#key) : null;
  }

  #whoIsThere() {
    return this.#ask('who', ANSWER_MS, (done) => (this.#answered = done));
  }

  #ask(type, ms, keep) {
    if (!this.#channel) return Promise.resolve(null);
    return new Promise((done) => {
      keep(done);
      this.#post({ type });
      setTimeout(() => done(null), ms);
    });
  }

  #post(message) {
    attempt('another tab', () => this.#channel?.postMessage({ ...message, key: this.#key, tab: this.#id }));
  }
}
