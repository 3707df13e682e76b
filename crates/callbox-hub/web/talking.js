// We talk. The media path may break and be mended; the call goes on until somebody hangs up or the peer is gone too long. A pure part
// of the station, as `talking.rs` is.

import { same } from './call.js';
import { sentOf } from './derived.js';
import { MediaRecovery } from './media_recovery.js';

export const talking = {
  /** Opens the gates. */
  begin({ facts, mic, camera, captured, moved, interrupted }, links, c) {
    if (facts.direction === 'incoming') c.rings.giveBack(facts.caller.user);
    const recovery = new MediaRecovery(c.now, links);
    if (moved || (interrupted && recovery.connecting)) recovery.networkChanged(c.now, c.out);
    recovery.ensureFirst(c.now, c.out);
    return tell({
      name: 'talking', facts, peer: links.peer, recovery, since: c.now, mic, camera, captured, said: null,
      remote: { audio: true, video: facts.media === 'video' },
    }, c);
  },

  on(s, input, c) {
    switch (input.type) {
      case 'pressed': return pressed(s, input, c);
      case 'capture': return tell({ ...s, captured: { audio: input.audio, video: input.video } }, c);
      case 'presence': return presence(s, input, c);
      case 'signaling': return signaling(s, input, c);
      case 'network': s.recovery.networkChanged(c.now, c.out); return s;
      case 'tick': {
        const reason = s.recovery.tick(c.now, c.out);
        return reason ? leave(s, reason, c) : s;
      }
      default: return s;
    }
  },

  heard(s, from, m, c) {
    if (!same(from, s.peer)) return late(s, from, m, c);
    const outgoing = s.facts.direction === 'outgoing';
    // Our confirm was lost, or theirs is slow to arrive.
    if (m.type === 'accept' && outgoing) c.send(s.peer, { type: 'confirm', call: m.call });
    if (m.type === 'accept' && outgoing) return s;
    if (m.type === 'hangup' || m.type === 'reject') return c.end(s, m.reason);
    // Only the inviter cancels.
    if (m.type === 'cancel' && !outgoing && !(m.by && same(m.by, c.me))) return c.end(s, m.reason);
    s.recovery.heard(c.now, c.out, m);
    return m.type === 'media' ? { ...s, remote: { audio: m.audio, video: m.video } } : s;
  },

  foreign(s, from, m, c) {
    c.foreign(from, m);
    return s;
  },

  linked(s, input, c) {
    const reason = s.recovery.event(c.now, Math.round(c.now - s.facts.startedAt), c.out, input);
    return reason ? leave(s, reason, c) : s;
  },
};

function pressed(s, { action, on }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return leave(s, 'hangup', c);
    case 'microphone': return tell({ ...s, mic: on }, c);
    case 'camera': return tell({ ...s, camera: on && s.facts.media === 'video' }, c);
    default: return s;
  }
}

function presence(s, { user, device, online }, c) {
  if (user !== s.peer.user || (device && device !== s.peer.device)) return s;
  s.recovery.presence(c.now, c.out, online);
  // A device that was restarted knows nothing of this call, and says so.
  return online ? tell({ ...s, said: null }, c) : s;
}

function signaling(s, { up }, c) {
  const told = up ? tell({ ...s, said: null }, c) : s;
  s.recovery.signaling(c.now, c.out, up);
  return told;
}

/** Another device that rings or accepts late is told who was faster. */
function late(s, from, m, c) {
  const asked = s.facts.direction === 'outgoing' && s.facts.callees.includes(from.user) && (m.type === 'accept' || m.type === 'ringing');
  if (asked) c.send(from, { type: 'cancel', call: m.call, reason: 'answered_elsewhere', by: s.peer });
  return s;
}

/** Tells the peer what is sent from here, once at the start and on every change. */
function tell(s, c) {
  const said = sentOf(s);
  if (s.said?.audio === said.audio && s.said?.video === said.video) return s;
  c.send(s.peer, { type: 'media', call: s.facts.call, ...said });
  return { ...s, said };
}

function leave(s, reason, c) {
  c.send(s.peer, { type: 'hangup', call: s.facts.call, reason });
  return c.end(s, reason);
}
