// No call. An invite rings; a press rings somebody. A pure part of the station, as `idle.rs` is.

import { accepting } from './accepting.js';
import { callOf, target } from './call.js';
import { inviting } from './inviting.js';
import { ringing } from './ringing.js';

const MOST_CALLEES = 16;
const KINDS = ['single', 'group'];

export const idle = {
  on(s, input, c) {
    if (input.type !== 'pressed') return s;
    switch (input.action) {
      case 'call': return ring(s, input, c);
      case 'join': return join(s, input, c);
      default: return s;
    }
  },

  foreign(s, from, m, c) {
    const news = m.type === 'invite' && !c.decided.find(m.call);
    const rings = incoming(from, m, c);
    if (!rings && !news) c.answer(from, m);
    return rings ?? s;
  },
};

/** Asks to be let in to a group call that this device missed or left. */
function join(s, { call }, c) {
  const joinable = c.joinable.take(c.now, call ?? null);
  return joinable ? accepting.join(joinable, c) : s;
}

/** Rings those who are somebody else than we, each of them once. */
export function ring(s, { users, media, kind = 'single' }, c) {
  const callees = [...new Set(users)].filter((user) => user !== c.me.user).slice(0, MOST_CALLEES);
  return callees.length ? inviting.begin(callOf(c.now, 'outgoing', { call: c.ids(), kind, media, caller: c.me, callees }), c) : s;
}

/** Takes up an invite that is new, meant for us and still has time: it rings from now on. Null when it does not. `wanted`: of somebody
 *  whom we ring ourselves. */
export function incoming(from, m, c, { wanted = false } = {}) {
  if (m.type !== 'invite' || !c.isForUs(from, m) || !(m.remaining_ms > 0)) return null;
  const anew = m.kind === 'group' && c.joinable.isInvitedAnew(m.call, c.now + m.remaining_ms);
  if ((c.decided.find(m.call) && !anew) || c.decided.wasCancelledEarly(m.call, from)) return null;
  if (!KINDS.includes(m.kind)) {
    c.decline(from, m, 'unsupported_version');
    return null;
  }
  if (!wanted && !c.rings.take(c.now, from.user)) {
    c.tooOften(from, m);
    return null;
  }
  return ringing.begin(callOf(c.now, 'incoming', { ...m, caller: target(from) }), m, c);
}
