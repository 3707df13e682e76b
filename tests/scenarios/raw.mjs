// Clients that say whatever a row wants: a WebSocket that speaks JSON, and a bare TCP connection.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';

import { WebSocket } from 'ws';

import { until } from './process.mjs';
import { APP } from './transports/websocket.mjs';

const OPEN_MS = 8_000;
const KEPT = 5_000;
/** A ticket is never shown. */
const SECRETS = new Set(['ticket', 'ice_servers']);

/** One WebSocket connection. */
export class Client {
  #socket;
  #read = 0;

  /** Opens one; `headers` go into the handshake, which is an error when it is refused (`error.status` says how). */
  static async open(url, { headers = {}, ...settings } = {}) {
    const socket = new WebSocket(url, { headers, handshakeTimeout: OPEN_MS, ...settings });
    const client = new Client(socket);
    await new Promise((opened, failed) => {
      socket.once('open', opened);
      socket.once('error', failed);
      socket.once('unexpected-response', (_, response) => {
        response.resume();
        socket.terminate();
        failed(Object.assign(new Error(`the handshake was answered by ${response.statusCode}`), { status: response.statusCode }));
      });
    });
    return client;
  }

  constructor(socket) {
    this.#socket = socket;
    /** Every envelope that came, the newest last. */
    this.heard = [];
    /** How the connection ended, `{code, reason}`, or null while it has not. */
    this.closed = null;
    socket.on('message', (data) => this.#keep(JSON.parse(data.toString())));
    socket.on('error', (error) => this.#keep({ type: 'error', text: error.message }));
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
  }

  /** Logs in and returns the `welcome`; a `bye` is an error with it as `error.bye`. */
  async login({ app = APP, user, device, ticket, agent = 'browser' }) {
    this.user = user;
    this.device = device;
    this.send({ type: 'login', app, user, device, ticket, agent });
    const answer = await this.next(['welcome', 'bye']);
    if (answer.type === 'bye') throw Object.assign(new Error(`refused: ${JSON.stringify(answer)}`), { bye: answer });
    return answer;
  }

  /** Sends an envelope; version and id are added when they are missing. Returns its id. */
  send(message) {
    const envelope = { v: 1, id: randomBytes(16).toString('hex'), ...message };
    this.raw(JSON.stringify(envelope));
    return envelope.id;
  }

  /** Sends these bytes or this text as one message. */
  raw(data, settings = {}) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(data, settings);
  }

  /** The next envelope of this type (or one of these types) that was not returned yet; those before it are passed over. */
  async next(types, ms = 5_000) {
    const wanted = [types].flat();
    return until(`${this.user ?? 'the socket'} hears ${wanted.join(' or ')}`, () => {
      const found = this.heard.findIndex(({ type }, index) => index >= this.#read && wanted.includes(type));
      if (found < 0) return null;
      this.#read = found + 1;
      return this.heard[found];
    }, { ms, every: 10 });
  }

  /** Forgets what came so far: `next` returns only what comes from now on. */
  skip() {
    this.#read = this.heard.length;
  }

  /** Waits until the other side has closed it and returns `{code, reason}`. */
  end(ms = 5_000) {
    return until('the connection is closed', () => this.closed, { ms, every: 20 });
  }

  /** `ws` itself, for pings, pauses and frames. */
  get socket() {
    return this.#socket;
  }

  /** Closes it at once. */
  async stop() {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.#socket, 'close');
    this.#socket.terminate();
    await closed;
  }

  /** The last envelopes that came. */
  tail(count) {
    return this.heard.slice(-count).map((envelope) => JSON.stringify(envelope, (key, value) => (SECRETS.has(key) ? '…' : value)));
  }

  #keep(envelope) {
    this.heard.push(envelope);
    if (this.heard.length <= KEPT) return;
    this.heard.shift();
    this.#read = Math.max(0, this.#read - 1);
  }
}

/** One TCP connection. */
export class Tcp {
  #socket;

  /** Opens one. */
  static async open(port, host) {
    const socket = connect({ port, host, noDelay: true });
    const tcp = new Tcp(socket);
    await once(socket, 'connect', { signal: AbortSignal.timeout(OPEN_MS) });
    return tcp;
  }

  constructor(socket) {
    this.#socket = socket;
    /** All that came, as text. */
    this.received = '';
    this.closed = false;
    socket.setEncoding('latin1');
    socket.on('data', (text) => (this.received += text));
    socket.on('error', () => {});
    socket.on('close', () => (this.closed = true));
  }

  /** Writes text or bytes. */
  write(data) {
    this.#socket.write(data);
  }

  /** Waits until the other side has closed it. */
  end(ms = 5_000) {
    return until('the connection is closed', () => this.closed, { ms, every: 20 });
  }

  /** Closes it at once. */
  destroy() {
    this.#socket.destroy();
  }

  /** Closes it at once. */
  async stop() {
    this.destroy();
  }

  /** What came. */
  tail() {
    return this.received ? this.received.slice(-2_000).split('\r\n') : [];
  }
}
