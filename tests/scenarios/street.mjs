// Who takes part in a scenario: made when first asked for, shared while that is safe, swept away at its end.

import { CONTENT } from './content.mjs';
import { Page } from './page.mjs';
import { Panel } from './panel.mjs';

/**
 * One transport, its parties, and a broom. The panel `door` is always a panel; everybody else is what the transport's `others`
 * are, a `browser` or a `panel`, and looks the same to a scenario: see `Page` and `Panel`.
 */
export class Street {
  #world;
  /** Shared by the scenarios, until one of them fails. */
  #transport = null;
  #opened = null;
  #door = null;
  /** Of one scenario. */
  #others = [];
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

  /** Whether a panel hears of calls that came and went while it was away. */
  get tellsMissed() {
    return this.#world.Transport.tellsMissed;
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
  async door() {
    if (this.#door) this.#calling = this.#door;
    else await this.#startDoor({}, (panel) => (this.#door = panel));
    return this.#door;
  }

  /** A door of this scenario's own, with these settings, in the place of the shared one. */
  async ownDoor(settings = {}) {
    await this.#door?.stop();
    this.#door = null;
    return this.#startDoor(settings, (panel) => this.adopt('door', panel));
  }

  /** Somebody who calls the door or is called from there, new and with nothing remembered. */
  async other(user = 'anna', { device = 'phone', transport, ...settings } = {}) {
    const at = transport ?? (await this.transport());
    return this.#world.Transport.others === 'browser' ? this.#signIn(at, user, device, settings) : this.#install(at, user, device, settings);
  }

  /** A second panel, whatever the others of the transport are. */
  async panel(user, { device = 'phone', transport, ...settings } = {}) {
    return this.#install(transport ?? (await this.transport()), user, device, settings);
  }

  /** Anna, and the door that everybody shares. */
  async both(settings) {
    return Promise.all([this.other('anna', settings), this.door()]);
  }

  /** A page that nobody is signed in to. */
  async emptyPage(name) {
    const page = await Page.open(this.#world.chromium, name);
    this.#others.push(page);
    return page;
  }

  /** A wire to the shared transport, to be given to a door of one's own. */
  async wire() {
    return (await this.transport()).wire();
  }

  /** Takes in a party of this scenario alone: it is stopped at the end, and its log is shown after a failure. */
  adopt(name, party) {
    this.#guests.push([name, party]);
  }

  /** When each step of the last call was reached, as the first of the others and the door saw it. */
  async timings() {
    const anna = this.#others.find(({ alive }) => alive);
    const door = this.#calling?.alive ? this.#calling : null;
    return { anna: (await anna?.timing()) ?? {}, door: (await door?.timing()) ?? {} };
  }

  /** The last lines of every party's log. */
  tails(count) {
    const shared = [['transport', this.#transport], ['door', this.#door]].filter(([, party]) => party);
    const others = this.#others.map((other) => [other.name, other]);
    return [...shared, ...this.#guests, ...others].map(([name, party]) => ({ name, lines: party.tail(count) }));
  }

  /** Ends what belongs to one scenario; after a failure, everything, so that the next one starts clean. */
  async sweep({ everything }) {
    this.#calling = null;
    await Promise.all(this.#others.splice(0).map((other) => other.stop()));
    for (const [, guest] of this.#guests.splice(0).reverse()) await guest.stop();
    if (!everything) return this.#door?.phase('idle');
    await this.#door?.stop();
    await this.#transport?.stop();
    this.#door = this.#transport = this.#opened = null;
  }

  /** A browser's page. Its camera is the browser's, and early connect is for its callees to say. */
  async #signIn(transport, user, device, { ring, codec, relay, hub }) {
    const page = await this.emptyPage(`${user}/${device}`);
    const query = { ...(ring && { ring }), ...(codec && { codec }), ...(relay && { relay: 1 }), ...(hub !== undefined && { hub }) };
    await page.enter(await transport.page(user, device, query));
    return page;
  }

  async #install(transport, user, device, settings) {
    const { bin, folder } = this.#world;
    const panel = await Panel.make({ bin, folder, transport, user, device, content: CONTENT.anna, ...settings });
    this.#others.push(panel);
    await panel.start();
    return panel;
  }

  /** `keep` takes it in before it starts, so that it is ended even when it does not. */
  async #startDoor({ transport, ...settings }, keep) {
    const { bin, folder } = this.#world;
    const at = transport ?? (await this.transport());
    const panel = await Panel.make({ bin, folder, transport: at, user: 'door', content: CONTENT.door, ...settings });
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
