// How the parties reach each other over WebSocket: one hub that serves the page and the socket.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, freePort, run, Settled, until } from '../process.mjs';
import { merge, toml } from '../toml.mjs';
import { WebSocketWire } from './websocket_wire.mjs';

export const APP = 1400000001;
const TICKET_SECONDS = 3600;

/** The hub, and everything a party has to know of it. */
export class Transport {
  /** What everybody is that is not the door. */
  static others = 'browser';
  /** The hub tells a panel what it missed. */
  static tellsMissed = true;
  /** Programs it cannot do without. */
  static needs = [];

  #bin;
  #folder;
  #host;
  #turn;
  #settings;
  #hub = null;
  #wires = [];

  /**
   * `turn`: a TURN server that the hub tells its clients of, or nothing. `host`: the address at which it is reached. `config`: more
   * of the hub's configuration, an object of sections; `app` is that of its one app.
   */
  constructor({ bin, folder, turn = null, host = '127.0.0.1', config = {} }) {
    this.#settings = config;
    this.#host = host;
    this.#bin = bin;
    this.#folder = folder;
    this.#turn = turn;
  }

  /** Picks its address and starts. */
  async start() {
    this.port = await freePort();
    this.keyFile = join(this.#folder, `hub-${this.port}.key`);
    await writeFile(this.keyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
    this.config = join(this.#folder, `hub-${this.port}.toml`);
    await this.configure(this.#settings);
    await this.restart();
  }

  /** Writes the hub's configuration anew, for a start or a reload. */
  async configure({ app = {}, ...settings }) {
    const turn = this.#turn && { turn: [this.#turn.url], turn_secret_file: this.#turn.secretFile };
    await writeFile(this.config, toml(merge(
      { server: { listen: `${this.#host}:${this.port}` }, store: { path: join(this.#folder, `hub-${this.port}.db`) } },
      turn && { ice: turn }, settings, { app: [merge({ id: APP, key_file: this.keyFile }, app)] },
    )));
  }

  /** Where its sockets are. */
  get url() {
    return `ws://${this.#host}:${this.port}/ws`;
  }

  /** Whether the hub runs. */
  get alive() {
    return Boolean(this.#hub?.alive);
  }

  /** The process id of the hub. */
  get pid() {
    return this.#hub.pid;
  }

  /** Sends the hub a signal, such as `SIGHUP`. */
  signal(name) {
    return this.#hub.signal(name);
  }

  /** Starts again at the same address, with what it has kept. */
  async restart() {
    this.#hub = new Child(join(this.#bin, 'callbox-hub'), ['run', '--config', this.config]);
    await until('the hub answers', () => this.#answers(), { ms: 8_000 });
  }

  /** Ends as in a power cut. */
  async crash() {
    await this.#hub.kill();
  }

  /** Ends, and everything in between with it. */
  async stop() {
    await Promise.all(this.#wires.map((wire) => wire.close()));
    await this.#hub?.stop();
  }

  /** A ticket of this user, made now and good for so many seconds. */
  async ticket(user, seconds = TICKET_SECONDS) {
    const made = await run(join(this.#bin, 'callbox-hub'), [
      'ticket', 'make', '--app', String(APP), '--key-file', this.keyFile, '--user', user, '--expire', String(seconds),
    ]);
    return made.trim();
  }

  /** The address a browser opens to be this user. `query` holds the page's switches; `origin` is not the hub's own behind a proxy. */
  async page(user, device, { origin = `http://${this.#host}:${this.port}`, ...query } = {}) {
    const fragment = new URLSearchParams({ app: APP, user, ticket: await this.ticket(user), device, panels: 'door' });
    return `${origin}/?${new URLSearchParams(query)}#${fragment}`;
  }

  /** The part of a panel's configuration that speaks of signalling. */
  panel(user, device, wire) {
    return {
      user: { app: APP, user, device, key_file: this.keyFile },
      signaling: { websocket: { url: wire ? `ws://${this.#host}:${wire.port}/ws` : this.url } },
    };
  }

  /** ICE servers that a panel has to be told of: the hub does that. */
  iceServers() {
    return [];
  }

  /** A wire between one panel and the hub on which a scenario can delay or alter what is said. */
  async wire() {
    const wire = await WebSocketWire.open(`ws://127.0.0.1:${this.port}/ws`);
    this.#wires.push(wire);
    return wire;
  }

  /** The last lines of its log. */
  tail(count) {
    return this.#hub?.tail(count) ?? [];
  }

  async #answers() {
    if (!this.#hub.alive) throw new Settled(`the hub has ended: ${this.#hub.output}`);
    const answer = await fetch(`http://${this.#host}:${this.port}/`);
    return answer.ok;
  }
}
