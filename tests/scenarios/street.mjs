// Who takes part in a scenario: made when first asked for, shared while that is safe, swept away at its end.

import { Page } from './page.mjs';
import { Panel } from './panel.mjs';

/** One transport, its parties, and a broom. */
export class Street {
  #world;
  /** Shared by the scenarios, until one of them fails. */
  #transport = null;
  #opened = null;
  #panel = null;
  /** Of one scenario. */
  #pages = [];
  #guests = [];
  #calling = null;

  /** `world`: {Transport, bin, folder, chromium}. */
  constructor(world) {
    this.#world = world;
  }

  /** Where the programs are. */
  get bin() {
    return this.#world.bin;
  }

  /** Where files of this run go. */
  get folder() {
    return this.#world.folder;
  }

  /** The transport everybody shares. */
  transport() {
    this.#opened ??= this.#open({}, (transport) => (this.#transport = transport));
    return this.#opened;
  }

  /** A transport of this scenario's own. */
  ownTransport(settings) {
    return this.#open(settings, (transport) => this.adopt('transport', transport));
  }

  /** The panel everybody shares, as user `door`. */
  async panel() {
    if (this.#panel) this.#calling = this.#panel;
    else await this.#start(await this.transport(), {}, (panel) => (this.#panel = panel));
    return this.#panel;
  }

  /** A panel of this scenario's own, with these settings, in the place of the shared one. */
  async ownPanel({ transport, ...settings }) {
    await this.#panel?.stop();
    this.#panel = null;
    return this.#start(transport ?? (await this.transport()), settings, (panel) => this.adopt('panel', panel));
  }

  /** A page that nobody is signed in to. */
  async emptyPage(name) {
    const page = await Page.open(this.#world.chromium, name);
    this.#pages.push(page);
    return page;
  }

  /** A wire to the shared transport, to be given to a panel of one's own. */
  async wire() {
    return (await this.transport()).wire();
  }

  /** A page of this user, new and empty. */
  async page(user = 'anna', { transport, device = 'phone', query = {} } = {}) {
    const page = await this.emptyPage(`${user}/${device}`);
    await page.enter(await (transport ?? (await this.transport())).page(user, device, query));
    return page;
  }

  /** Takes in a party of this scenario alone: it is stopped at the end, and its log is shown after a failure. */
  adopt(name, party) {
    this.#guests.push([name, party]);
  }

  /** When each step of the last call was reached, as the first page and the panel saw it. */
  async timings() {
    const page = this.#pages.find(({ alive }) => alive);
    const panel = this.#calling?.alive ? this.#calling : null;
    return { browser: (await page?.timing()) ?? {}, panel: (await panel?.timing()) ?? {} };
  }

  /** The last lines of every party's log. */
  tails(count) {
    const shared = [['transport', this.#transport], ['panel', this.#panel]].filter(([, party]) => party);
    const pages = this.#pages.map((page) => [page.name, page]);
    return [...shared, ...this.#guests, ...pages].map(([name, party]) => ({ name, lines: party.tail(count) }));
  }

  /** Ends what belongs to one scenario; after a failure, everything, so that the next one starts clean. */
  async sweep({ everything }) {
    this.#calling = null;
    await Promise.all(this.#pages.splice(0).map((page) => page.close()));
    for (const [, guest] of this.#guests.splice(0).reverse()) await guest.stop();
    if (!everything) return this.#panel?.phase('idle');
    await this.#panel?.stop();
    await this.#transport?.stop();
    this.#panel = this.#transport = this.#opened = null;
  }

  /** `keep` takes it in before it starts, so that it is ended even when it does not. */
  async #start(transport, settings, keep) {
    const { bin, folder } = this.#world;
    const panel = await Panel.make({ bin, folder, transport, user: 'door', ...settings });
    keep(panel);
    this.#calling = panel;
    await panel.start();
    return panel;
  }

  async #open(settings, keep) {
    const { Transport, bin, folder } = this.#world;
    const transport = new Transport({ bin, folder, ...settings });
    keep(transport);
    await transport.start();
    return transport;
  }
}
