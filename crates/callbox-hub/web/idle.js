// No call. An invite rings; a press rings somebody. A pure part of the station, as `idle.rs` is.

import { callOf, target } from './call.js';
import { inviting } from './inviting.js';
import { ringing } from './ringing.js';

const MOST_CALLEES = 16;

export const idle = {
  on(s, input, c) {
    return input.type === 'pressed' && input.action === 'call' ? ring(s, input, c) : s;
  },

  foreign(s, from, m, c) {
    const news = m.type === 'invite' && !c.decided.find(m.call);
    const rings = incoming(from, m, c);
    if (!rings && !news) c.answer(from, m);
    return rings ?? s;
  },
};

/** Rings those who are somebody else than we, each of them once. */
export function ring(s, { users, media }, c) {
  const callees = [...new Set(users)].filter((user) => user !== c.me.user).slice(0, MOST_CALLEES);
  return callees.length ? inviting.begin(callOf(c.now, 'outgoing', c.ids(), media, c.me, callees), c) : s;
}

/** Takes up an invite that is new, meant for us and still has time: it rings from now on. Null when it does not. `wanted`: of somebody
 *  whom we ring ourselves. */
export function incoming(from, m, c, { wanted = false } = {}) {
  if (m.type !== 'invite' || !c.isForUs(from, m) || !(m.remaining_ms > 0)) return null;
  if (c.decided.find(m.call) || c.decided.wasCancelledEarly(m.call, from)) return null;
  if (m.kind !== 'single') {
    c.decline(from, m, 'unsupported_version');
    return null;
  }
  if (!wanted && !c.rings.take(c.now, from.user)) {
    c.tooOften(from, m);
    return null;
  }
  return ringing.begin(callOf(c.now, 'incoming', m.call, m.media, target(from), m.callees), m, c);
}
