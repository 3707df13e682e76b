// Devices in the order of their addresses, each with what is known of it. A pure part of the station, as `BTreeMap<Address, _>` is.

import { keyOf, target } from './call.js';

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
/** Compares two addresses: by user, then by device. */
export const byAddress = (a, b) => order(a.user, b.user) || order(a.device, b.device);

/** A map from device to anything. */
export class Devices {
  #entries = new Map();

  /** `devices`: those that are in it from the beginning, each with `true`. */
  constructor(devices = []) {
    for (const device of devices) this.add(device);
  }

  get size() { return this.#entries.size; }

  /** The devices, in order. */
  get keys() { return this.entries.map(([device]) => device); }

  /** What is known of them, in the same order. */
  get values() { return this.entries.map(([, value]) => value); }

  /** Both, as `[device, value]`. */
  get entries() { return [...this.#entries.values()].sort(([a], [b]) => byAddress(a, b)); }

  has(device) { return this.#entries.has(keyOf(device)); }

  get(device) { return this.#entries.get(keyOf(device))?.[1] ?? null; }

  set(device, value) { this.#entries.set(keyOf(device), [target(device), value]); }

  add(device) { this.set(device, true); }

  addAll(devices) { for (const device of devices) this.add(device); }

  /** Takes one out. Returns what was known of it, or null. */
  take(device) {
    const value = this.get(device);
    this.#entries.delete(keyOf(device));
    return value;
  }
}
