// The door at the other end: a panel offers it, a press opens it in two steps (docs/protocol.md, `command`). Pure, as the station is.
//
// Inputs:  those of the station; of these {type:'heard'} and {type:'pressed', action:'unlock'} matter here, and {type:'result'} of the hub.
// Effects: {do:'send', to, message}

import { same, target } from './call.js';

/** A press that had no answer by then is over. */
const PATIENCE = 5_000;
/** How long its outcome is shown. */
const SHOWN = 4_000;
/** As many panels as may ring, or be rung, at once. */
const MOST = 16;

/** What is known of doors in the current call. */
export class Door {
  #ids;
  #call = null;
  #offers = [];
  #wish = null;
  #outcome = null;
  #opened = null;

  /** `ids` makes what nobody can guess. */
  constructor(ids) {
    this.#ids = ids;
  }

  /** One thing happened; `view` is the station's after it. Returns what is to be done about it. */
  handle(now, input, view) {
    const said = this.#listen(now, input, view);
    if (view.call !== this.#call) this.#forget(view.call);
    if (said) return said;
    if (input.type === 'pressed' && input.action === 'unlock') return this.#ask(now, view);
    if (this.#wish && now >= this.#wish.until) this.#settle(now, 'offline');
    if (this.#outcome && now >= this.#outcome.until) this.#outcome = null;
    return [];
  }

  /** When to hand in `{type:'tick'}`, or null. */
  deadline() {
    return this.#wish?.until ?? this.#outcome?.until ?? null;
  }

  /** When the press that waits for an answer is over, or null. */
  get wishUntil() {
    return this.#wish?.until ?? null;
  }

  /** For a person: `phase` is `shut`, `asking`, `open` or `failed`; null when there is no door to open. */
  view() {
    const offer = this.#offers[0];
    if (!offer) return null;
    const phase = this.#wish ? 'asking' : !this.#outcome ? 'shut' : this.#outcome.code === 'ok' ? 'open' : 'failed';
    return { phase, code: this.#outcome?.code ?? null, state: offer.state ?? null, tamper: offer.tamper === true };
  }

  /** Whether it was opened from here in this call, which may be over. */
  opened(call) {
    return this.#opened === call;
  }

  #listen(now, { type, from, message, call, code }, view) {
    // The hub's word: the panel is not there.
    if (type === 'result' && code === 'offline' && this.#wish?.call === call) this.#settle(now, code);
    if (type !== 'heard' || message.call !== (this.#wish?.call ?? view.call)) return null;
    switch (message.type) {
      case 'door': return view.parties.some((party) => same(party, from)) ? this.#offer(from, message) : null;
      case 'challenge': return this.#prove(now, from, message);
      case 'result':
        if (this.#wish && this.#wish.nonce === message.re && same(from, this.#wish.to)) this.#settle(now, message.code);
        return null;
      default: return null;
    }
  }

  #offer(from, { state, tamper }) {
    const offer = { from: target(from), state, tamper };
    this.#offers = [offer, ...this.#offers.filter((known) => !same(known.from, from))].slice(0, MOST);
    return null;
  }

  #ask(now, view) {
    const offer = this.#offers.find(({ from }) => view.peer && same(from, view.peer)) ?? this.#offers[0];
    if (!offer || this.#wish) return [];
    this.#outcome = null;
    this.#wish = { call: view.call, to: offer.from, nonce: this.#ids(), until: now + PATIENCE };
    return [this.#command()];
  }

  #prove(now, from, { nonce, challenge }) {
    const wish = this.#wish;
    return wish && wish.nonce === nonce && same(from, wish.to) && now < wish.until ? [this.#command({ challenge })] : null;
  }

  #command(more = {}) {
    const { to, call, nonce } = this.#wish;
    return { do: 'send', to, message: { type: 'command', call, name: 'unlock', nonce, ...more } };
  }

  #settle(now, code) {
    if (code === 'ok') this.#opened = this.#wish.call;
    this.#wish = null;
    this.#outcome = { code, until: now + SHOWN };
  }

  #forget(call) {
    this.#call = call;
    this.#offers = [];
    this.#wish = this.#outcome = null;
  }
}
