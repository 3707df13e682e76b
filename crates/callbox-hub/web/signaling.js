// The line to the hub: one WebSocket, login, heartbeat, redial, and what must not get lost meanwhile.

import { Candidates } from './candidates.js';
import { Heartbeat, LATE_MS } from './heartbeat.js';
import { Redial } from './redial.js';

const LOGIN_MS = 10_000;
/** A page that slept waits this long for the hub's answer before it judges anything. */
const PROBE_MS = 3_000;
const SETTLE_MS = 4_000;
/** After a new login, the other side of a call has this long to say that it is decided. */
const ANSWER_MS = 700;
const QUEUE = 64;
/** How long a message is worth sending after the line was down. */
const WORTH_MS = { hangup: 120_000, reject: 60_000, cancel: 60_000, command: 0 };
const WORTH_ELSE_MS = 15_000;
/** Messages that end a call with their receiver. */
const ENDS = ['hangup', 'reject', 'cancel'];
const SEEN = 512;
const MAX_BYTES = 64 * 1024;
/** The codes of `bye` that no waiting cures: the ticket itself is wrong. */
const FINAL_CODES = [70002, 70003, 70009, 70013, 70014];

/** 32 hexadecimal digits that nobody can guess. */
export function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/**
 * A session with the hub that comes back by itself. Reports `tell({type, …})`:
 * `up`, `down`, `heard`, `presence`, `missed`, `result`, `listed`; `unreached` {times}: dials that failed before the socket was open;
 * `waits` {reason, code, text, ms}: sent away, and will ask again; `refused` {reason, code, text}: over until there is another sign-in.
 */
export class Signaling {
  #url; #credentials; #tell; #connect; #clock; #redial;
  #socket = null;
  #timers = new Set();
  #up = false;
  #over = true;
  #queue = [];
  #candidates = new Candidates();
  #seen = new Set();
  #beat = null;
  #unopened = 0;
  /** The hub does not want to be asked before. */
  #notBefore = 0;
  #settling = [];
  #invited = new Map();

  /** `credentials`: {app, user, device, ticket}. `connect`, `clock` and `random` are there for tests. */
  constructor({ url, credentials, tell, connect = (to) => new WebSocket(to), clock = () => performance.now(), random = Math.random }) {
    this.#url = url;
    this.#credentials = credentials;
    this.#tell = tell;
    this.#connect = connect;
    this.#clock = clock;
    this.#redial = new Redial(random);
  }

  /** Whether messages go out now. */
  get up() {
    return this.#up;
  }

  /** Connects, and goes on connecting until `stop`. */
  start() {
    this.#over = false;
    this.#dial();
  }

  /** Ends the session for good. */
  stop() {
    this.#over = true;
    this.#drop();
  }

  /** Logs in with other credentials of the same user and device; what waits to be sent stays. */
  login(credentials) {
    this.#credentials = credentials;
    this.#over = false;
    this.#notBefore = 0;
    this.renew();
  }

  /** Tries again at once, unless the hub has asked us to wait: the page was woken. */
  hurry() {
    if (this.#over || this.#up || this.#socket?.readyState === 0) return;
    if (this.#clock() >= this.#notBefore) this.renew();
  }

  /** Connects anew at once: this device has another network, and the old socket is of no use whatever it says. */
  renew() {
    if (this.#over) return;
    this.#redial.reset();
    this.#leave();
    this.#dial();
  }

  /** Asks whether the hub is still there: a page that slept has not noticed. */
  probe() {
    if (!this.#up) return this.hurry();
    if (!this.#beat) return undefined;
    this.#beat.ask(this.#clock(), PROBE_MS);
    this.#put({ type: 'ping' });
    return this.#arm();
  }

  /** Resolves when what came while the page slept has been handled: with the hub's next word, soon after a new login, or after 4 s. */
  settled() {
    return new Promise((done) => {
      this.#settling.push(done);
      setTimeout(done, SETTLE_MS);
      this.probe();
    });
  }

  /** Sends to a device or a user; keeps it for a while when the line is down. */
  send(to, message) {
    const envelope = { v: 1, id: makeId(), to, ...message };
    if (ENDS.includes(message.type)) this.#candidates.forget(message.call, to);
    if (message.type === 'candidate') {
      this.#candidates.push(this.#clock(), envelope, this.#clock() + WORTH_ELSE_MS);
      return this.#sendCandidates();
    }
    if (this.#up) return this.#write(envelope);
    this.#queue.push({ envelope, until: this.#clock() + (WORTH_MS[message.type] ?? WORTH_ELSE_MS) });
    if (this.#queue.length > QUEUE) this.#queue.shift();
    return undefined;
  }

  /** Asks the hub itself. Returns the id that its answer names in `re`, or null while the line is down. */
  ask(message) {
    if (!this.#up) return null;
    const id = makeId();
    this.#write({ v: 1, id, ...message });
    return id;
  }

  #dial() {
    let socket;
    try {
      socket = this.#connect(this.#url);
    } catch (error) {
      console.warn('callbox: no socket', error);
      return this.#again(this.#redial.afterLoss(this.#clock()));
    }
    this.#socket = socket;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.#unopened = 0;
      this.#put({ type: 'login', ...this.#credentials, agent: 'browser' });
    };
    socket.onmessage = ({ data }) => socket === this.#socket && this.#read(data);
    socket.onclose = () => {
      if (socket !== this.#socket) return;
      if (!opened) this.#tell({ type: 'unreached', times: (this.#unopened += 1) });
      if (socket === this.#socket) this.#lost();
    };
    return this.#judge(LOGIN_MS, () => socket === this.#socket && !this.#up && this.#lost());
  }

  #read(data) {
    this.#beat?.heard();
    let envelope;
    try {
      if (typeof data !== 'string' || data.length > MAX_BYTES) throw new TypeError('too large, or no text');
      envelope = JSON.parse(data);
      if (envelope === null || typeof envelope !== 'object') throw new TypeError('no object');
    } catch (error) {
      return console.warn('callbox: not an envelope', error.message);
    }
    const wasUp = this.#up;
    this.#take(envelope);
    for (const done of this.#settling.splice(0)) setTimeout(done, wasUp ? 0 : ANSWER_MS);
    return undefined;
  }

  #take(envelope) {
    const { v, id, from, to, ...message } = envelope;
    if (v !== 1) return this.#otherVersion(envelope);
    if (from && this.#isDuplicate(from, id)) return undefined;
    if (from && message.type === 'missed') return this.#missedFrom(from, message);
    if (from) return this.#tell({ type: 'heard', from, message });
    switch (message.type) {
      case 'welcome': return this.#welcome(message);
      case 'ping': return this.#put({ type: 'pong' });
      case 'bye': return this.#bye(message);
      case 'result': return this.#tell({ ...message, user: this.#invited.get(message.re) });
      case 'presence': case 'missed': case 'listed': return this.#tell(message);
      case 'pong': return undefined;
      default: return console.info('callbox: unknown type', message.type);
    }
  }

  /** Behind a gateway a caller tells of its own calls. The sender is vouched for: it may not name another one. */
  #missedFrom(from, message) {
    if (message.caller?.user === from.user) return this.#tell(message);
    return console.info('callbox: a missed call of somebody else', from.user);
  }

  #otherVersion({ from, call, type }) {
    if (from && call && !['reject', 'cancel', 'hangup'].includes(type)) this.send(from, { type: 'reject', call, reason: 'unsupported_version' });
  }

  #isDuplicate({ user, device }, id) {
    const key = `${user}/${device}/${id}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    if (this.#seen.size > SEEN) this.#seen.delete(this.#seen.values().next().value);
    return false;
  }

  #welcome(message) {
    const again = this.#up;
    this.#up = true;
    const now = this.#clock();
    if (!again) {
      this.#redial.welcomed(now);
      for (const { envelope, until } of this.#queue.splice(0)) if (until > now) this.#write(envelope);
      this.#sendCandidates();
      // A page cannot see WebSocket pings: it asks by itself.
      const every = message.heartbeat_ms;
      this.#beat = new Heartbeat(now, every >= 1_000 && every <= 600_000 ? every : 15_000);
      this.#arm();
    }
    this.#tell({ type: 'up', again, you: message.you, iceServers: Array.isArray(message.ice_servers) ? message.ice_servers : [] });
  }

  #arm() {
    const beat = this.#beat;
    this.#later(Math.max(0, beat.due - this.#clock()), () => {
      if (beat !== this.#beat) return;
      const verdict = beat.tick(this.#clock());
      if (verdict === 'lost') return void this.#lost();
      if (verdict === 'ping') this.#put({ type: 'ping' });
      this.#arm();
    }, 'beat');
  }

  #bye({ reason, code, text, retry_ms: retryMs }) {
    const final = reason === 'replaced' || (retryMs === undefined && FINAL_CODES.includes(code));
    const said = { reason, code, text: typeof text === 'string' ? text : '' };
    this.#over = final;
    this.#leave();
    if (final) return this.#tell({ type: 'refused', ...said });
    const ms = this.#redial.afterRefusal(this.#clock(), retryMs);
    this.#notBefore = this.#clock() + ms;
    this.#again(ms);
    return this.#tell({ type: 'waits', ...said, ms });
  }

  #lost() {
    this.#leave();
    this.#again(this.#redial.afterLoss(this.#clock()));
  }

  #again(ms) {
    if (this.#over || this.#socket) return;
    if (ms === 0) this.#dial();
    else this.#later(ms, () => this.#socket || this.#dial());
  }

  #leave() {
    const was = this.#up;
    this.#drop();
    if (was) this.#tell({ type: 'down' });
  }

  #drop() {
    this.#up = false;
    this.#beat = null;
    for (const { id } of this.#timers) clearTimeout(id);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState < 2) socket.close();
  }

  /** Sends the candidates that may go now, and comes back for those that may not. */
  #sendCandidates() {
    if (!this.#up) return;
    for (let next = this.#candidates.next(this.#clock()); next; next = this.#candidates.next(this.#clock())) this.#write(next);
    const { due } = this.#candidates;
    if (due !== null) this.#later(Math.max(1, due - this.#clock()), () => this.#sendCandidates(), 'candidates');
  }

  #put(message) {
    this.#write({ v: 1, id: makeId(), ...message });
  }

  #write(envelope) {
    if (envelope.type === 'invite') this.#remember(envelope);
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(envelope));
  }

  /** Whom an invite was for, by its id: its result names no user. */
  #remember({ id, to }) {
    this.#invited.set(id, to.user);
    if (this.#invited.size > QUEUE) this.#invited.delete(this.#invited.keys().next().value);
  }

  /** A verdict after so many milliseconds. A timer that fires late judges nothing: once more, so that what is queued is handled first. */
  #judge(ms, verdict) {
    const due = this.#clock() + ms;
    this.#later(ms, () => (this.#clock() - due > LATE_MS ? this.#later(Math.min(ms, PROBE_MS), verdict) : verdict()));
  }

  /** A timer that goes with the socket. One with a name replaces the earlier one of that name. */
  #later(ms, then, name = null) {
    for (const timer of this.#timers) {
      if (name === null || timer.name !== name) continue;
      clearTimeout(timer.id);
      this.#timers.delete(timer);
    }
    const timer = { name, id: 0 };
    timer.id = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}
