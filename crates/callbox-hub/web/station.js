// One device's call logic: inputs in, effects out. No DOM, no WebRTC, no clock: the same states as the Rust station, one file a state.
// `web-tests/replay.test.mjs` replays what the Rust station did.
//
// Inputs:  {type:'heard', from, message} {type:'pressed', action, …} {type:'link', link, event, …} {type:'capture', audio, video}
//          {type:'presence', user, device, online} {type:'signaling', up} {type:'network'}
//          {type:'result', call, user, code}, how the invite to this user fared; {type:'tick'}
// Effects: {do:'send', to, message} {do:'open'|'offer'|'answer'|'candidate'|'gate'|'picture'|'close'|'use', link, …}
//          {do:'prepare', media} {do:'release'} {do:'tone', tone} {do:'record', record} {do:'show'}

import { accepting } from './accepting.js';
import { same } from './call.js';
import { Context } from './context.js';
import { flowOf, linksOf, partiesOf, toneOf, usedOf, viewOf } from './derived.js';
import { idle } from './idle.js';
import { inviting } from './inviting.js';
import { ringing } from './ringing.js';
import { readEntries } from './roster_entry.js';
import { talking } from './talking.js';

const STATES = { idle, inviting, ringing, accepting, talking };

/** Whether nobody talks yet. */
const rings = ({ name }) => name !== 'idle' && name !== 'talking';

/** The pure state machine of this browser: everything it knows about calls. */
export class Station {
  #state = { name: 'idle' };
  #context;
  #used = null;

  /** `ids` makes call ids, `early(user)` is the wish for early media with this user, `ring` how long an invite lasts (ms). */
  constructor(options) {
    this.#context = new Context(options);
  }

  /** One thing happened. Returns what is to be done about it. */
  handle(now, input) {
    Object.assign(this.#context, { now, out: [] });
    this.#state = this.#next(this.#state, input);
    this.#follow(this.#state);
    return this.#context.out;
  }

  /** When to hand in `{type:'tick'}`, or null. */
  deadline() {
    return STATES[this.#state.name].deadline?.(this.#state) ?? null;
  }

  /** What a person, or a test, may see of it. */
  view() { return viewOf(this.#state, this.#context); }

  #next(s, input) {
    const state = STATES[s.name];
    switch (input.type) {
      case 'heard': return this.#heard(s, input.from, input.message);
      case 'link': return input.link.call === s.facts?.call ? state.linked(s, input, this.#context) : s;
      // Devices come and go in every call.
      case 'capture': if (rings(s)) return { ...s, captured: { audio: input.audio, video: input.video } }; break;
      // A link that was set up while it rang may stand on an address that is gone …
      case 'network': if (rings(s)) s = { ...s, moved: true }; break;
      // … and what was said of it while signalling was away may be lost.
      case 'signaling': if (rings(s) && input.up) s = { ...s, interrupted: true }; break;
    }
    return state.on(s, input, this.#context);
  }

  #heard(s, from, m) {
    if (m.type === 'command') this.#context.refuseCommand(from, m, this.#standing(s, from, m));
    if (m.type === 'roster') {
      const entries = readEntries(m.entries);
      if (!entries) return s;
      m = { ...m, entries };
    }
    if (!m.call || ['command', 'door', 'challenge', 'result'].includes(m.type)) return s;
    const state = STATES[s.name];
    return s.facts?.call === m.call ? state.heard(s, from, m, this.#context) : state.foreign(s, from, m, this.#context);
  }

  /** What the sender of a command has to do with the call. */
  #standing(s, from, { call }) {
    if (s.facts?.call !== call) return 'over';
    return partiesOf(s).some((party) => same(party, from)) ? 'party' : 'stranger';
  }

  /** What follows from the state alone: gates, the picture, the tone. */
  #follow(s) {
    const { out } = this.#context;
    for (const links of linksOf(s)) links.gate(out, flowOf(s, links.peer));
    const used = usedOf(s);
    if (JSON.stringify(used) !== JSON.stringify(this.#used)) out.push({ do: 'use', link: used });
    this.#used = used;
    this.#context.play(toneOf(s));
    out.push({ do: 'show' });
  }
}
