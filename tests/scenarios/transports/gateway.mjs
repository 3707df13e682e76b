// How the parties reach each other where hubs are gateways: panels at a broker, browsers at either of two hubs before it.

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, freePort, Settled, until } from '../process.mjs';
import { merge, toml } from '../toml.mjs';
import outage from '../scenarios/outage.mjs';
import gateways from '../scenarios/gateways.mjs';
import { Balancer } from './balancer.mjs';
import { APP, Transport as Mqtt } from './mqtt.mjs';

/** What only this transport has. */
export const rows = [...outage, ...gateways];

/** One hub: a gateway that keeps nothing. */
class Hub {
  #bin;
  #config;
  #child = null;

  constructor(bin, config, port) {
    this.#bin = bin;
    this.#config = config;
    this.port = port;
  }

  /** Starts it, unless it runs. */
  async start() {
    if (this.#child?.alive) return;
    this.#child = new Child(join(this.#bin, 'callbox-hub'), ['run', '--config', this.#config]);
    await until('the hub answers', async () => {
      if (!this.#child.alive) throw new Settled(`the hub has ended: ${this.#child.output}`);
      return (await fetch(`http://127.0.0.1:${this.port}/`)).ok;
    }, { ms: 8_000 });
  }

  /** Ends it as a power cut would. */
  kill() {
    return this.#child?.kill();
  }

  /** Asks it to end. */
  stop() {
    return this.#child?.stop();
  }

  /** The last lines of its log. */
  tail(count) {
    return this.#child?.tail(count) ?? [];
  }
}

/** A broker, two gateways, and an address at which the first of them that lives answers. */
export class Transport extends Mqtt {
  /** What everybody is that is not the door. */
  static others = 'browser';

  #settings;
  #hubs = [];
  #balancer = null;
  #password = null;

  /** `config`: more of both hubs' configuration, an object of sections; `app` is that of their one app. */
  constructor({ config = {}, ...settings }) {
    super(settings);
    this.#settings = config;
  }

  /** Picks its addresses and starts. */
  async start() {
    await super.start();
    this.#hubs = [await this.#hub('first'), await this.#hub('second')];
    this.#balancer = await Balancer.open(this.#hubs.map(({ port }) => port));
    await Promise.all(this.#hubs.map((hub) => hub.start()));
  }

  /** Whatever is gone starts again. */
  async restart() {
    await super.restart();
    await Promise.all(this.#hubs.map((hub) => hub.start()));
  }

  /** The broker and both hubs end as in a power cut. */
  async crash() {
    await Promise.all([super.crash(), ...this.#hubs.map((hub) => hub.kill())]);
  }

  /** One of the two ends as in a power cut: who was there finds the other. */
  async crashOneHub() {
    await this.#hubs[0].kill();
  }

  /** Ends, and everything in between with it. */
  async stop() {
    await this.#balancer?.close();
    await Promise.all(this.#hubs.map((hub) => hub.stop()));
    await super.stop();
  }

  /** Where the sockets of whichever hub answers are. */
  get url() {
    return `ws://127.0.0.1:${this.#balancer.port}/ws`;
  }

  /** The address a browser opens to be this user. `query` holds the page's switches, `hub` the number of a hub to be at. */
  async page(user, device, { hub, ...query }) {
    const port = hub === undefined ? this.#balancer.port : this.#hubs[hub].port;
    const fragment = new URLSearchParams({ app: APP, user, ticket: this.tickets[user], device, panels: 'door' });
    return `http://127.0.0.1:${port}/?${new URLSearchParams(query)}#${fragment}`;
  }

  /** The last lines of each one's log. */
  tail(count) {
    return [...super.tail(count), ...this.#hubs.flatMap((hub) => hub.tail(count))];
  }

  /** The hubs log in as the gateway, whom the broker lets speak for everybody. */
  moreAccounts() {
    this.#password ??= randomBytes(16).toString('hex');
    return { ...super.moreAccounts(), gateway: this.#password };
  }

  async #passwordFile() {
    const file = join(this.folder, 'gateway-password');
    await writeFile(file, this.#password, { mode: 0o600 });
    return file;
  }

  #atBroker(file) {
    return { urls: [`mqtt://127.0.0.1:${this.broker.port}`], keep_alive_s: 5, login: 'gateway', password_file: file };
  }

  async #hub(name) {
    const [port, config] = [await freePort(), join(this.folder, `${name}.toml`)];
    const turn = this.turn && { ice: { turn: [this.turn.url], turn_secret_file: this.turn.secretFile } };
    const { app = {}, ...settings } = this.#settings;
    await writeFile(config, toml(merge(
      { server: { listen: `127.0.0.1:${port}` }, broker: this.#atBroker(await this.#passwordFile()) },
      turn, settings, { app: [merge({ id: APP, key_file: this.keyFile, users: Object.keys(this.tickets) }, app)] },
    )));
    return new Hub(this.bin, config, port);
  }
}
