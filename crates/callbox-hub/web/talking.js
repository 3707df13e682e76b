// We talk, with one device or with several. A media path may break and be mended (`media_recovery.js`); the call goes on until somebody
// hangs up or nobody is left to talk with. What is true of one peer is true of each; who may come and go in a group is decided in
// `group_call.js`. A pure part of the station, as `talking.rs` is. Unlike the other states, this one is changed in place.

import { at, same } from './call.js';
import { earliest, timingOf } from './derived.js';
import { Devices } from './devices.js';
import { add, leaveGroup } from './group_call.js';
import { heardInGroup, lose, rosterHeard, settle } from './group_members.js';
import { came, fared, linkedWhileRinging, sayAgain, tickGroup } from './group_ringing.js';
import { Peer } from './peer.js';

/** Up to this many peers are shown in full size. */
const SHOWN_FULL = 2;

export const talking = {
  /** A single call: talks with the one peer. */
  begin(call, links, c) {
    const s = talking.withNobody(call, null, c);
    addPeer(s, links, c);
    return s;
  },

  /** A talk that has no peer yet. `group`: who takes part; null: a single call. `first`: the first device that we talked with. */
  withNobody({ facts, mic, camera, want, captured, moved, interrupted }, group, c) {
    if (facts.direction === 'incoming') c.rings.giveBack(facts.caller.user);
    return { name: 'talking', facts, mic, camera, want, captured, moved, interrupted, peers: new Devices(), group, first: null, since: c.now };
  },

  on(s, input, c) {
    switch (input.type) {
      case 'pressed': return pressed(s, input, c);
      case 'capture':
        s.captured = { audio: input.audio, video: input.video };
        return tellMute(s, c);
      case 'presence': return presence(s, input, c);
      case 'signaling': return signaling(s, input, c);
      case 'network':
        for (const { path } of s.peers.values) path.networkChanged(c.now, c.out);
        return s;
      case 'result': return input.call === s.facts.call ? fared(s, input, c) : s;
      case 'tick': return tick(s, c);
      default: return s;
    }
  },

  heard(s, from, m, c) {
    if (m.type === 'roster') return rosterHeard(s, from, m.entries, c);
    if (s.group) return heardInGroup(s, from, m, c);
    const peer = s.peers.get(from);
    if (!peer) return late(s, from, m, c);
    const outgoing = s.facts.direction === 'outgoing';
    if (m.type === 'hangup' || m.type === 'reject') return end(s, m.reason, c);
    // Only the inviter cancels.
    if (m.type === 'cancel' && !outgoing && !(m.by && same(m.by, c.me))) return end(s, m.reason, c);
    // Our confirm was lost, or theirs is slow to arrive.
    if (m.type === 'accept' && outgoing) c.send(from, { type: 'confirm', call: m.call });
    else peer.heard(m, c);
    return s;
  },

  foreign(s, from, m, c) {
    c.foreign(from, m);
    return s;
  },

  linked(s, input, c) {
    const peer = s.peers.get(input.link.peer);
    if (!peer) return linkedWhileRinging(s, input, c);
    return look(s, input.link.peer, peer.path.event(c.now, at(s.facts, c.now), c.out, input), c);
  },

  deadline: ({ peers, group }) => earliest(...peers.values.map(({ path }) => path.deadline), group?.deadline),
};

function pressed(s, { action, on, users }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return leave(s, 'hangup', c);
    case 'microphone': s.mic = on; return tellMute(s, c);
    case 'camera': s.camera = on && s.facts.media === 'video'; return tellMute(s, c);
    case 'add': return add(s, users, c);
    default: return s;
  }
}

function presence(s, { user, device, online }, c) {
  const peers = s.peers.values.filter((peer) => peer.device.user === user && (!device || peer.device.device === device));
  for (const peer of peers) {
    peer.path.presence(c.now, c.out, online);
    // A device that was restarted knows nothing of this call, and says so.
    if (online) peer.tellMute(s, c, { again: true });
  }
  if (!peers.length && online && device) came(s, { user, device }, c);
  return s;
}

function signaling(s, { up }, c) {
  for (const peer of s.peers.values) {
    if (up) peer.tellMute(s, c, { again: true });
    peer.path.signaling(c.now, c.out, up);
  }
  if (up) sayAgain(s, c);
  return s;
}

function tick(s, c) {
  for (const device of s.peers.keys) {
    const after = look(s, device, s.peers.get(device)?.path.tick(c.now, c.out), c);
    if (after !== s) return after;
  }
  return tickGroup(s, c);
}

/** What became of the media path to a peer. `reason`: why it is over, or nothing. */
function look(s, device, reason, c) {
  if (!reason) return s;
  if (!s.group) return leave(s, reason, c);
  lose(s, device, reason, c);
  return settle(s, reason, c);
}

/** Another device that rings or accepts late is told who was faster. */
function late(s, from, m, c) {
  const asked = s.facts.direction === 'outgoing' && s.facts.callees.includes(from.user) && (m.type === 'accept' || m.type === 'ringing');
  if (asked) c.send(from, { type: 'cancel', call: m.call, reason: 'answered_elsewhere', by: s.peers.keys[0] });
  return s;
}

/** The talk with one more device begins. */
export function addPeer(s, links, c) {
  s.first ??= links.peer;
  s.peers.set(links.peer, new Peer(s, links, c));
  wantPictures(s, c);
}

/** Several pictures are shown small, and asked for in that size. */
export function wantPictures(s, c) {
  s.want = s.peers.size > SHOWN_FULL ? 'small' : 'full';
  tellMute(s, c);
}

function tellMute(s, c) {
  for (const peer of s.peers.values) peer.tellMute(s, c);
  return s;
}

/** Keeps the set-up times of a peer that goes, for the record. */
export function keepTiming(s) {
  s.facts.timing = timingOf(s);
}

/** Ends it from our side, and says so. */
export function leave(s, reason, c) {
  if (s.group) leaveGroup(s, reason, c);
  else for (const device of s.peers.keys) c.send(device, { type: 'hangup', call: s.facts.call, reason });
  return end(s, reason, c);
}

function end(s, reason, c) {
  return c.end(s, reason, null, { peer: s.first, parties: s.group?.partiesAt(c.now) });
}
