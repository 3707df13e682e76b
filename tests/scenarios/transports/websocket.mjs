// How the parties reach each other over WebSocket: one hub that serves the page and the socket.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, freePort, run, Settled, until } from '../process.mjs';
import { WebSocketWire } from './websocket_wire.mjs';

const APP = 1400000001;
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
  #hub = null;
  #wires = [];

  /** `turn`: a TURN server that the hub tells its clients of, or nothing. `host`: the address at which it is reached. */
  constructor({ bin, folder, turn = null, host = '127.0.0.1' }) {
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
    await writeFile(this.config, this.#settings());
    await this.restart();
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

  /** The address a browser opens to be this user. `query` holds the page's switches. */
  async page(user, device, query) {
    const ticket = await run(join(this.#bin, 'callbox-hub'), [
      'ticket', 'make', '--app', String(APP), '--key-file', this.keyFile, '--user', user, '--expire', String(TICKET_SECONDS),
    ]);
    const fragment = new URLSearchParams({ app: APP, user, ticket: ticket.trim(), device });
    return `http://127.0.0.1:${this.port}/?${new URLSearchParams(query)}#${fragment}`;
  }

  /** The part of a panel's configuration that speaks of signalling. */
  panel(user, device, wire) {
    return `[user]
app = ${APP}
user = "${user}"
device = "${device}"
key_file = "${this.keyFile}"

[signaling.websocket]
url = "ws://${this.#host}:${wire?.port ?? this.port}/ws"
`;
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

  #settings() {
    const turn = this.#turn ? `[ice]\nturn = ["${this.#turn.url}"]\nturn_secret_file = "${this.#turn.secretFile}"\n` : '';
    return `[server]
listen = "${this.#host}:${this.port}"

[store]
path = "${join(this.#folder, `hub-${this.port}.db`)}"

${turn}
[[app]]
id = ${APP}
key_file = "${this.keyFile}"
`;
  }

  async #answers() {
    if (!this.#hub.alive) throw new Settled(`the hub has ended: ${this.#hub.output}`);
    const answer = await fetch(`http://${this.#host}:${this.port}/`);
    return answer.ok;
  }
}
