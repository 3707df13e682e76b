// Who takes part in a scenario: made when first asked for, shared while that is safe, swept away at its end.

import { Page } from './page.mjs';
import { Panel } from './panel.mjs';

/** One transport, its parties, and a broom. */
export class Street {
  #world;
  #transport = null;
  #panel = null;
  #own = [];
  #pages = [];
  #panels = [];
  #transports = [];

  /** `world`: {Transport, bin, folder, chromium}. */
  constructor(world) {
    this.#world = world;
  }

  /** Where files of this run go. */
  get folder() {
    return this.#world.folder;
  }

  /** The transport everybody shares. */
  async transport() {
    this.#transport ??= await this.#open({});
    return this.#transport;
  }

  /** A transport of this scenario's own. */
  async ownTransport(settings) {
    const transport = await this.#open(settings);
    this.#own.push(() => transport.stop());
    return transport;
  }

  /** The panel everybody shares, as user `door`. */
  async panel() {
    if (!this.#panel) {
      this.#panel = await this.#make(await this.transport(), {});
      this.#panels = [this.#panel];
      await this.#panel.start();
    }
    this.#panels = [this.#panel];
    return this.#panel;
  }

  /** A panel of this scenario's own, with these settings, in the place of the shared one. */
  async ownPanel({ transport, ...settings }) {
    await this.#panel?.stop();
    this.#panel = null;
    const panel = await this.#make(transport ?? (await this.transport()), settings);
    this.#panels = [panel];
    this.#own.push(() => panel.stop());
    await panel.start();
    return panel;
  }

  /** A wire to the shared transport, to be given to a panel of one's own. */
  async wire() {
    return (await this.transport()).wire();
  }

  /** A page of this user, new and empty. */
  async page(user = 'anna', { transport, device = 'phone', query = {} } = {}) {
    const page = await Page.open(this.#world.chromium, `${user}/${device}`);
    this.#pages.push(page);
    await page.enter(await (transport ?? (await this.transport())).page(user, device, query));
    return page;
  }

  /** Ends somebody at the end of this scenario who is not part of the street. */
  atEnd(work) {
    this.#own.push(work);
  }

  /** When each step of the last call was reached, as the first page and the panel saw it. */
  async timings() {
    const page = this.#pages.find(({ alive }) => alive);
    const panel = this.#panels.find(({ alive }) => alive);
    return { browser: (await page?.timing()) ?? {}, panel: (await panel?.timing()) ?? {} };
  }

  /** The last lines of every party's log. */
  tails(count) {
    const parties = [...this.#transports.map((t) => ['transport', t]), ...this.#panels.map((p) => ['panel', p]), ...this.#pages.map((p) => [p.name, p])];
    return parties.map(([name, party]) => ({ name, lines: party.tail(count) }));
  }

  /** Ends what belongs to one scenario; after a failure, everything, so that the next one starts clean. */
  async sweep({ everything }) {
    const pages = this.#pages.splice(0);
    await Promise.all(pages.map((page) => page.close()));
    for (const work of this.#own.splice(0).reverse()) await work();
    this.#panels = [];
    if (everything) {
      await this.#panel?.stop();
      await this.#transport?.stop();
      this.#panel = this.#transport = null;
    } else await this.#panel?.phase('idle');
    this.#transports = this.#transport ? [this.#transport] : [];
  }

  #make(transport, settings) {
    const { bin, folder } = this.#world;
    return Panel.make({ bin, folder, transport, user: 'door', ...settings });
  }

  async #open(settings) {
    const { Transport, bin, folder } = this.#world;
    const transport = new Transport({ bin, folder, ...settings });
    this.#transports.push(transport);
    await transport.start();
    return transport;
  }
}
