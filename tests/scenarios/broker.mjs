// A real Mosquitto with the files of config/mosquitto.

import { mkdir, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';

import { Child, freePort, Settled, until } from './process.mjs';

const SCRIPT = resolve(import.meta.dirname, '../../.ci/broker');

/** One broker. It starts again at the same address, with what it has kept. */
export class Broker {
  #folder;
  #host;
  #child = null;

  /** Prepares one in `folder`; `users` are the passwords by name. */
  static async make(folder, users, host = '127.0.0.1') {
    const broker = new Broker(folder, await freePort(), host);
    await mkdir(folder);
    const lines = Object.entries(users).map(([name, password]) => `${name}:${password}\n`);
    await writeFile(join(folder, 'passwords'), lines.join(''), { mode: 0o600 });
    return broker;
  }

  constructor(folder, port, host) {
    this.#folder = folder;
    this.#host = host;
    this.port = port;
  }

  /** Starts and waits until it listens. */
  async start() {
    this.#child = new Child(SCRIPT, [this.#folder, String(this.port), this.#host]);
    await until('the broker listens', () => {
      if (!this.#child.alive) throw new Settled(`the broker has ended: ${this.#child.output}`);
      return listens(this.port, this.#host);
    }, { ms: 8_000 });
  }

  /** Ends as systemd makes it end. */
  async stop() {
    await this.#child?.stop();
  }

  /** Ends as in a power cut. */
  async kill() {
    await this.#child.kill();
  }

  /** What it has logged since it was started last. */
  get output() {
    return this.#child?.output ?? '';
  }

  /** The last lines of its log. */
  tail(count) {
    return this.#child?.tail(count) ?? [];
  }
}

function listens(port, host) {
  return new Promise((told) => {
    const socket = connect(port, host);
    socket.once('connect', () => socket.end(() => told(true)));
    socket.once('error', () => told(false));
  });
}
