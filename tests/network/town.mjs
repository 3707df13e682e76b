// Who takes part in a row: a hub or a broker in the middle, Anna and the door in their houses.

import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { CONTENT } from '../scenarios/content.mjs';
import { Panel } from '../scenarios/panel.mjs';
import { House, MIDDLE } from './street.mjs';

/** Houses are built once. */
const houses = {};

/** One row's parties. */
export class Town {
  #world;
  #parties = [];

  /** `world`: {Transport, bin, folder}. */
  constructor(world) {
    this.#world = world;
  }

  /** Everybody moves in. */
  async open() {
    const { Transport, bin, folder } = this.#world;
    houses.anna ??= await House.build('anna', 11);
    houses.door ??= await House.build('door', 12);
    this.transport = new Transport({ bin, folder: await mkdtemp(join(folder, 'row-')), host: MIDDLE });
    this.#parties.push(['transport', this.transport]);
    await this.transport.start();
    this.anna = await this.#move('anna');
    this.door = await this.#move('door');
  }

  /** The house of a party. */
  house(who) {
    return houses[who];
  }

  /** Everybody moves out. */
  async close() {
    for (const [, party] of this.#parties.splice(0).reverse()) await party.stop();
    for (const house of Object.values(houses)) {
      await house.plug();
      await house.up();
      await house.mend();
    }
  }

  /** The last lines of every party's log. */
  tails(count) {
    return this.#parties.map(([name, party]) => ({ name, lines: party.tail(count) }));
  }

  async #move(user) {
    const { bin, folder } = this.#world;
    const panel = await Panel.make({
      bin, folder, transport: this.transport, user, content: CONTENT[user], ring: 120, wrapper: houses[user].wrapper,
      config: { callers: { longest_ring_s: 120 } },
    });
    this.#parties.push([user, panel]);
    await panel.start();
    return panel;
  }
}
