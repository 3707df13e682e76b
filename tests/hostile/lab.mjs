// Everything one row gets, with one owner: whatever it opened is ended when the row ends.

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { House, MIDDLE } from '../network/street.mjs';
import { CONTENT, makeContent } from '../scenarios/content.mjs';
import { launch, Page } from '../scenarios/page.mjs';
import { Panel } from '../scenarios/panel.mjs';
import { Child } from '../scenarios/process.mjs';
import { Client, Tcp } from '../scenarios/raw.mjs';
import { Transport as Gateway } from '../scenarios/transports/gateway.mjs';
import { Transport as Mqtt } from '../scenarios/transports/mqtt.mjs';
import { Transport as WebSocketHub } from '../scenarios/transports/websocket.mjs';
import { Proxy } from './proxy.mjs';

/** What every row shares: the programs, a folder, and one browser, started when the first row asks for it. */
export class World {
  #browser = null;

  constructor({ bin, folder }) {
    this.bin = bin;
    this.folder = folder;
    /** Namespaces are built once. */
    this.houses = new Map();
  }

  /** The browser. Its camera and microphone carry Anna's picture and tone. */
  browser() {
    this.#browser ??= makeContent(this.folder, CONTENT.anna).then(launch);
    return this.#browser;
  }

  /** Ends the browser. */
  async close() {
    await (await this.#browser)?.close();
  }
}

/** One row's parties. */
export class Lab {
  #world;
  #parties = [];

  /** Makes one with a folder of its own. */
  static async open(world) {
    return new Lab(world, await mkdtemp(join(world.folder, 'row-')));
  }

  constructor(world, folder) {
    this.#world = world;
    this.bin = world.bin;
    this.folder = folder;
    /** Where hubs and brokers listen: at the bridge once a namespace has been asked for. */
    this.host = '127.0.0.1';
  }

  /** A hub with these sections of configuration. */
  hub(config = {}) {
    return this.#transport('hub', WebSocketHub, { config });
  }

  /** A Mosquitto with the example configuration. */
  mqtt() {
    return this.#transport('broker', Mqtt, {});
  }

  /** Such a broker and two hubs before it, with these sections of configuration. */
  gateway(config = {}) {
    return this.#transport('gateway', Gateway, { config });
  }

  /** A daemon of this user, connected to `at`; with `start: false`, one that is only configured. */
  async panel(at, user, { start = true, ...settings } = {}) {
    const content = CONTENT[user] ?? { ...CONTENT.door, name: user };
    const panel = this.own(user, await Panel.make({ bin: this.bin, folder: this.folder, transport: at, user, content, ...settings }));
    if (start) await panel.start();
    return panel;
  }

  /** A page that is signed in as this user. `origin` replaces the hub's own address. */
  async page(at, user, { device = 'phone', ...query } = {}) {
    const page = await this.emptyPage(`${user}/${device}`);
    await page.enter(await at.page(user, device, query));
    return page;
  }

  /** A page in a browser context of its own, signed in to nothing. */
  async emptyPage(name) {
    return this.own(name, await Page.open(await this.browser(), name, { ignoreHTTPSErrors: true }));
  }

  /** Playwright's browser, shared by all rows. */
  browser() {
    return this.#world.browser();
  }

  /** A raw WebSocket client that is logged in as this user. */
  async client(at, user, { ticket, app, agent = 'browser', device = 'raw', ...settings } = {}) {
    const client = await this.socket(at.url, { name: `${user}/${device}`, ...settings });
    await client.login({ app, user, device, agent, ticket: ticket ?? (await ticketOf(at, user)) });
    return client;
  }

  /** A raw WebSocket connection that has said nothing yet. */
  async socket(url, { name = 'socket', ...settings } = {}) {
    return this.own(name, await Client.open(url, settings));
  }

  /** A raw TCP connection. */
  async tcp(port, host = this.host) {
    return this.own('tcp', await Tcp.open(port, host));
  }

  /** A reverse proxy (`nginx` or `caddy`) with the documented configuration before this hub. */
  async proxy(kind, hub) {
    const proxy = this.own(kind, await Proxy.make(kind, hub, this.folder));
    await proxy.start();
    return proxy;
  }

  /** Any other program. */
  child(name, command, args, settings) {
    return this.own(name, new Child(command, args, settings));
  }

  /** A network namespace at the end of a cable, with an address of its own; hubs that are made afterwards listen on its bridge. */
  async house(name) {
    const { houses } = this.#world;
    this.host = MIDDLE;
    if (!houses.has(name)) houses.set(name, await House.build(name, 11 + houses.size));
    const house = houses.get(name);
    this.own(name, {
      tail: () => [],
      stop: async () => {
        await house.plug();
        await house.up();
        await house.mend();
      },
    });
    return house;
  }

  /** Takes in something that has `stop()` and `tail(count)`: it is stopped with the row, its log is shown when the row fails. */
  own(name, party) {
    this.#parties.push([name, party]);
    return party;
  }

  /** The last lines of every party's log. */
  tails(count) {
    return this.#parties.map(([name, party]) => ({ name, lines: party.tail(count) })).filter(({ lines }) => lines.length);
  }

  /** Ends everybody, the newest first, and tells what could not be ended. */
  async close() {
    const failures = [];
    for (const [name, party] of this.#parties.splice(0).reverse()) {
      try {
        await party.stop();
      } catch (error) {
        failures.push(`${name}: ${error.message}`);
      }
    }
    if (failures.length) throw new Error(`not ended: ${failures.join('; ')}`);
  }

  async #transport(name, Transport, settings) {
    const transport = this.own(name, new Transport({ bin: this.bin, folder: this.folder, host: this.host, ...settings }));
    await transport.start();
    return transport;
  }
}

/** A hub makes tickets; a broker of the tests knows those that were made for it. */
function ticketOf(at, user) {
  return at.tickets ? at.tickets[user] : at.ticket(user);
}
