// We picked up and wait for the inviter's word. Nothing of ours is sent before it comes. A pure part of the station, as `accepting.rs` is.

import { mark, same } from './call.js';
import { talking } from './talking.js';

/** The accept is repeated this often until the inviter decides, for so long. In milliseconds. */
const REPEAT = 1_000;
const GIVE_UP = 10_000;

export const accepting = {
  /** Says accept for the first time. */
  begin(s, c) {
    tell(s, c);
    return { ...s, name: 'accepting', next: null, invite: null, repeat: c.now + REPEAT, until: c.now + GIVE_UP };
  },

  on(s, input, c) {
    if (input.type === 'signaling' && input.up) tell(s, c);
    if (input.type === 'pressed') return pressed(s, input, c);
    if (input.type !== 'tick') return s;
    if (c.now >= s.until) return leave(s, 'network_lost', c);
    if (c.now < s.repeat) return s;
    tell(s, c);
    return { ...s, repeat: c.now + REPEAT };
  },

  heard(s, from, m, c) {
    if (!same(from, s.facts.caller)) return s;
    switch (m.type) {
      case 'confirm': return talk(s, c);
      case 'cancel':
        if (m.reason === 'answered_elsewhere' && m.by && same(m.by, c.me)) return talk(s, c);
        return c.end(s, m.reason, m.by);
      case 'hangup': return c.end(s, m.reason);
      case 'invite':
        tell(s, c);
        return s;
      case 'offer': case 'answer': case 'candidate':
        s.links.heard(c.now, c.out, m);
        return s;
      default: return s;
    }
  },

  foreign(s, from, m, c) {
    c.foreign(from, m);
    return s;
  },

  linked(s, input, c) {
    const news = s.links.event(Math.round(c.now - s.facts.startedAt), c.out, input);
    return news === 'refused' ? leave(s, 'media_failed', c) : s;
  },
};

function pressed(s, { action, on }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return leave(s, 'hangup', c);
    case 'microphone': return { ...s, mic: on };
    case 'camera': return { ...s, camera: on && s.facts.media === 'video' };
    default: return s;
  }
}

function tell({ facts }, c) {
  c.send(facts.caller, { type: 'accept', call: facts.call, agent: 'browser' });
}

function talk(s, c) {
  mark(s.facts, c.now, 'confirm_ms');
  return talking.begin(s, s.links, c);
}

/** Ends it from our side, and says so: the inviter may have confirmed already. */
function leave(s, reason, c) {
  c.send(s.facts.caller, { type: 'hangup', call: s.facts.call, reason });
  return c.end(s, reason);
}
