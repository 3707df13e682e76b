// A street in memory: stations of browsers and stand-ins for panels, a wire with delay, loss and duplicates, and one clock.

import { Station } from '../web/station.js';

/** Chance that repeats for a seed. */
export function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Stations by address, messages under way, and time. */
export class Street {
  #homes = new Map();
  #wire = [];
  #order = 0;
  now = 1_000;
  delay = () => 10;
  lose = () => false;
  twice = () => false;
  /** What was said: {from, to, message}. */
  said = [];

  /** Somebody moves in: `anna/phone`. */
  move(name, options = {}) {
    const [user, device] = name.split('/');
    let made = 0;
    const me = { user, device };
    const station = new Station({ me, ids: () => `${options.prefix ?? 'call'}-${name.replace('/', '-')}-${++made}`, ...options });
    const home = { me, station, effects: [], records: [], tone: 'silence', links: new Map(), sent: [] };
    this.#homes.set(name, home);
    return home;
  }

  /** A home by name. */
  at(name) {
    return this.#homes.get(name);
  }

  /** Something happens at a home. */
  feed(name, input) {
    const home = this.#homes.get(name);
    const effects = home.station.handle(this.now, input);
    home.effects.push(...effects);
    for (const effect of effects) this.#carryOut(home, effect);
    this.#describe(name, effects);
    return effects;
  }

  /** A person presses something. */
  press(name, action, more = {}) {
    return this.feed(name, { type: 'pressed', action, ...more });
  }

  /** Time passes; messages arrive and deadlines come. */
  pass(ms) {
    const until = this.now + ms;
    for (let steps = 0; steps < 20_000; steps += 1) {
      const next = Math.min(until, ...this.#wire.map((mail) => mail.at), ...[...this.#homes.values()].map(({ station }) => station.deadline() ?? Infinity));
      if (next >= until && !this.#due(until)) break;
      this.now = Math.max(this.now, next);
      this.#deliver();
      for (const [name, { station }] of this.#homes) {
        const deadline = station.deadline();
        if (deadline != null && deadline <= this.now) this.feed(name, { type: 'tick' });
      }
    }
    this.now = until;
  }

  /** Hands a message over as the hub would: to one device, or to every device of a user but the sender's. */
  post(from, to, message) {
    this.said.push({ from, to, message });
    for (const home of this.#homes.values()) {
      const { user, device } = home.me;
      const meant = user === to.user && (!to.device || device === to.device) && !(user === from.user && device === from.device);
      if (!meant) continue;
      for (let copies = this.twice() ? 2 : 1; copies > 0; copies -= 1) {
        if (!this.lose(message, `${from.user}/${from.device}`, `${user}/${device}`)) this.#wire.push({ at: this.now + this.delay(), order: this.#order++, home, from, message });
      }
    }
  }

  /** The names of all states. */
  states() {
    return Object.fromEntries([...this.#homes].map(([name, { station }]) => [name, station.view().state]));
  }

  /** The media edge makes its descriptions at once. */
  #describe(name, effects) {
    for (const { do: what, link, offerer } of effects) {
      if (what === 'open' && offerer) this.feed(name, { type: 'link', link, event: 'offer', sdp: 'sdp' });
      if (what === 'offer') this.feed(name, { type: 'link', link, event: 'answer', sdp: 'sdp' });
    }
  }

  #due(until) {
    return this.#wire.some((mail) => mail.at <= until) || [...this.#homes.values()].some(({ station }) => (station.deadline() ?? Infinity) <= until);
  }

  #deliver() {
    const due = this.#wire.filter((mail) => mail.at <= this.now).sort((a, b) => a.at - b.at || a.order - b.order);
    this.#wire = this.#wire.filter((mail) => mail.at > this.now);
    for (const { home, from, message } of due) this.feed(`${home.me.user}/${home.me.device}`, { type: 'heard', from, message });
  }

  #carryOut(home, effect) {
    if (effect.do === 'send') {
      home.sent.push(effect.message);
      this.post(home.me, effect.to, effect.message);
    }
    if (effect.do === 'record') home.records.push(effect.record);
    if (effect.do === 'tone') home.tone = effect.tone;
    const key = effect.link && `${effect.link.call}/${effect.link.peer.user}/${effect.link.peer.device}/${effect.link.number}`;
    if (effect.do === 'open') home.links.set(key, { ...effect, flow: null });
    if (effect.do === 'gate') home.links.get(key).flow = effect.flow;
    if (effect.do === 'close') home.links.delete(key);
  }
}
