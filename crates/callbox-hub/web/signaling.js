// The line to the hub: one WebSocket, login, heartbeat, reconnect for ever, and what must not get lost meanwhile.

const LOGIN_MS = 10_000;
/** Waits are short while hope is fresh: about two minutes. */
const BACKOFF = { first: 400, soon: 4_000, hopeful: 40, most: 15_000 };
const QUEUE = 64;
/** How long a message is worth sending after the line was down. */
const WORTH_MS = { hangup: 120_000, reject: 60_000, cancel: 60_000, command: 0 };
const WORTH_ELSE_MS = 15_000;
const SEEN = 512;
const MAX_BYTES = 64 * 1024;

/** 32 hexadecimal digits that nobody can guess. */
export function makeId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A session with the hub that comes back by itself. Tells `tell({type: 'up'|'down'|'heard'|'presence'|'missed'|'result'|'refused', …})`. */
export class Signaling {
  #url; #credentials; #tell; #connect; #clock; #random;
  #socket = null;
  #timers = new Set();
  #tries = 0;
  #up = false;
  #over = false;
  #queue = [];
  #seen = new Set();
  #heard = 0;

  /** `credentials`: {app, user, device, ticket}. `connect`, `clock` and `random` are there for tests. */
  constructor({ url, credentials, tell, connect = (to) => new WebSocket(to), clock = () => performance.now(), random = Math.random }) {
    this.#url = url;
    this.#credentials = credentials;
    this.#tell = tell;
    this.#connect = connect;
    this.#clock = clock;
    this.#random = random;
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

  /** Tries again at once: the page was woken. */
  hurry() {
    if (this.#over || this.#up) return;
    if (this.#socket?.readyState === 0) return;
    this.renew();
  }

  /** Connects anew at once: this device has another network, and the old socket is of no use whatever it says. */
  renew() {
    if (this.#over) return;
    const was = this.#up;
    this.#tries = 0;
    this.#drop();
    if (was) this.#tell({ type: 'down' });
    this.#dial();
  }

  /** Is the hub still there? A page that slept has not noticed. */
  probe() {
    if (!this.#up) return this.hurry();
    const asked = this.#clock();
    this.#put({ type: 'ping' });
    this.#later(3_000, () => this.#heard < asked && this.#lost());
  }

  /** Sends to a device or a user; keeps it for a while when the line is down. */
  send(to, message) {
    const envelope = { v: 1, id: makeId(), to, ...message };
    if (this.#up) return this.#write(envelope);
    this.#queue.push({ envelope, until: this.#clock() + (WORTH_MS[message.type] ?? WORTH_ELSE_MS) });
    if (this.#queue.length > QUEUE) this.#queue.shift();
  }

  #dial() {
    let socket;
    try {
      socket = this.#connect(this.#url);
    } catch (error) {
      console.warn('callbox: no socket', error);
      return this.#again();
    }
    this.#socket = socket;
    socket.onopen = () => this.#put({ type: 'login', ...this.#credentials, agent: 'browser' });
    socket.onmessage = ({ data }) => socket === this.#socket && this.#read(data);
    socket.onclose = () => socket === this.#socket && this.#lost();
    this.#later(LOGIN_MS, () => socket === this.#socket && !this.#up && this.#lost());
  }

  #read(data) {
    this.#heard = this.#clock();
    let envelope;
    try {
      if (typeof data !== 'string' || data.length > MAX_BYTES) throw new TypeError('too large, or no text');
      envelope = JSON.parse(data);
      if (envelope === null || typeof envelope !== 'object') throw new TypeError('no object');
    } catch (error) {
      return console.warn('callbox: not an envelope', error.message);
    }
    const { v, id, from, to, ...message } = envelope;
    if (v !== 1) return this.#otherVersion(envelope);
    if (from && this.#isDuplicate(from, id)) return;
    if (from) return this.#tell({ type: 'heard', from, message });
    switch (message.type) {
      case 'welcome': return this.#welcome(message);
      case 'ping': return this.#put({ type: 'pong' });
      case 'bye': return this.#bye(message);
      case 'presence': case 'missed': case 'result': return this.#tell(message);
      case 'pong': return undefined;
      default: return console.info('callbox: unknown type', message.type);
    }
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
    this.#tries = 0;
    if (!again) {
      this.#put({ type: 'watch', users: ['*'] });
      const now = this.#clock();
      for (const { envelope, until } of this.#queue.splice(0)) if (until > now) this.#write(envelope);
      this.#beat(message.heartbeat_ms || 15_000);
    }
    this.#tell({ type: 'up', you: message.you, iceServers: message.ice_servers ?? [] });
  }

  /** A page cannot see WebSocket pings: it asks by itself, and silence for two beats means the hub is gone. */
  #beat(every) {
    this.#later(every, () => {
      if (this.#clock() - this.#heard > 2 * every + 1_000) return this.#lost();
      this.#put({ type: 'ping' });
      this.#beat(every);
    });
  }

  #bye({ reason, code, text }) {
    const final = ['replaced', 'not_logged_in', 'ticket_expired'].includes(reason);
    if (!final) return this.#lost();
    this.#over = true;
    this.#drop();
    this.#tell({ type: 'down' });
    this.#tell({ type: 'refused', reason, code, text: text ?? '' });
  }

  #lost() {
    const was = this.#up;
    this.#drop();
    if (was) this.#tell({ type: 'down' });
    this.#again();
  }

  #again() {
    if (this.#over) return;
    const longest = this.#tries < BACKOFF.hopeful ? BACKOFF.soon : BACKOFF.most;
    const most = Math.min(longest, BACKOFF.first * 2 ** Math.min(this.#tries, 10));
    this.#tries = Math.min(this.#tries + 1, BACKOFF.hopeful);
    this.#later(most * (0.5 + this.#random() / 2), () => this.#dial());
  }

  #drop() {
    this.#up = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState < 2) socket.close();
  }

  #put(message) {
    this.#write({ v: 1, id: makeId(), ...message });
  }

  #write(envelope) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(envelope));
  }

  #later(ms, then) {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}
