// We ring somebody; nobody there has picked up yet. We are the arbiter: an accept counts when we confirm it. A pure part of the station,
// as `inviting.rs` is.

import { Callees } from './callees.js';
import { at, keyOf, least, mark, reasonForCallee, target } from './call.js';
import { earliest } from './derived.js';
import { incoming } from './idle.js';
import { PeerLinks } from './peer_links.js';
import { ringing } from './ringing.js';
import { talking } from './talking.js';

/** The callee's own timer is authoritative; ours is a backstop this much later. In milliseconds. */
const BACKSTOP = 5_000;
/** The invite is not said again to a device that came online sooner than this after the last time: it has that one. */
const SAY_AGAIN = 3_000;
/** The most devices that ring for one invite. */
const MOST_DEVICES = 32;
/** Of what the hub says of an invite; everything else is `ended_by_server`. */
const REASONS = { offline: 'offline', unknown_user: 'offline', unsupported_version: 'unsupported_version' };

export const inviting = {
  /** Sends the invite. */
  begin(call, c) {
    const { facts } = call;
    c.out.push({ do: 'prepare', media: facts.media });
    const s = { name: 'inviting', ...call, callees: new Callees(facts.callees), devices: new Map(), left: new Set(), said: c.now, until: c.now + c.ring + BACKSTOP };
    return invite(s, c);
  },

  on(s, input, c) {
    switch (input.type) {
      case 'pressed': return pressed(s, input, c);
      // What was said while the line broke may be lost; to say it again changes nothing.
      case 'signaling': return input.up ? invite({ ...s, said: c.now }, c) : s;
      case 'presence': return input.online && input.device ? came(s, target(input), c) : s;
      case 'result': return input.call === s.facts.call ? fared(s, input, c) : s;
      case 'tick': {
        if (c.now < s.until) return settle(s, c);
        return giveUp(s, s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer', c);
      }
      default: return s;
    }
  },

  heard(s, from, m, c) {
    if (!s.callees.has(from.user)) return s;
    switch (m.type) {
      case 'ringing': case 'accept':
        if (s.left.has(keyOf(from)) || !s.callees.isOpen(from.user)) tellOut(s, from, c);
        else if (m.type === 'accept') return confirm(s, from, c);
        else rings(s, from, m, c);
        return s;
      case 'reject': case 'hangup': return refused(s, from, m.reason, c);
      case 'offer': case 'answer': case 'candidate':
        s.devices.get(keyOf(from))?.links.heard(c.now, c.out, m);
        return s;
      default: return s;
    }
  },

  /** Glare: they ring us while we ring them. The smaller call id wins on both sides; any other invite is busy. */
  foreign(s, from, m, c) {
    const glare = m.type === 'invite' && s.callees.isOpen(from.user) && c.isForUs(from, m) && !c.decided.find(m.call);
    if (!glare) {
      c.foreign(from, m);
      return s;
    }
    if (s.facts.call < m.call) {
      c.decided.decline(from, m.call, 'answered_elsewhere', c.me);
      return s;
    }
    const theirs = incoming(from, m, c, { wanted: true });
    if (!theirs) return s;
    const by = target(from);
    cancelAll(s, 'answered_elsewhere', by, c);
    c.decided.insert(s.facts.call, 'answered_elsewhere', by);
    const { mic, camera, captured } = s;
    return ringing.pickUp({ ...theirs, mic, camera: camera && theirs.facts.media === 'video', captured }, m.media, c);
  },

  linked(s, input, c) {
    const { peer } = input.link;
    const news = s.devices.get(keyOf(peer))?.links.event(at(s.facts, c.now), c.out, input);
    // An early link that breaks costs only its head start: the next one is made after accept.
    if (news !== 'refused') return s;
    // This device is out, and learns it at once; the others ring on.
    c.send(target(peer), { type: 'cancel', call: s.facts.call, reason: 'media_failed' });
    return refused(s, peer, 'media_failed', c);
  },

  deadline: ({ until, callees }) => earliest(until, callees.deadline),
};

function pressed(s, { action, on }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return giveUp(s, 'cancelled', c);
    case 'microphone': return { ...s, mic: on };
    case 'camera': return { ...s, camera: on && s.facts.media === 'video' };
    default: return s;
  }
}

/** Rings everybody who may still answer, with the time that is left. Repeated when signalling comes back. */
function invite(s, c) {
  for (const user of s.callees.open) inviteUser(s, user, c);
  return s;
}

function inviteUser(s, user, c) {
  const { call, media, callees } = s.facts;
  const left = Math.floor(s.until - BACKSTOP - c.now);
  const message = { type: 'invite', call, kind: 'single', media, callees, remaining_ms: left, agent: 'browser', early: c.early(user) };
  if (left > 0) c.send({ user }, message);
}

/** A device of a callee came online and has said nothing yet: what was said while it was away may be nowhere any more. */
function came(s, device, c) {
  const key = keyOf(device);
  const rings = s.devices.has(key) || s.left.has(key);
  if (rings || !s.callees.isOpen(device.user) || c.now < s.said + SAY_AGAIN) return s;
  inviteUser(s, device.user, c);
  return { ...s, said: c.now };
}

/** One more device rings, or one of them rings again after a restart. */
function rings(s, from, m, c) {
  const known = s.devices.get(keyOf(from));
  if (known) {
    if (!m.link) known.links.startOver(c.now, c.out);
    return;
  }
  if (s.devices.size >= MOST_DEVICES) return;
  s.callees.rings(from.user);
  s.facts.timing.ringing_ms ??= at(s.facts, c.now);
  const early = least(m.early, c.early(from.user));
  const links = new PeerLinks(s.facts, from, false);
  if (early !== 'off') links.offerNext(c.out);
  s.devices.set(keyOf(from), { links, early });
}

/** The hub says how our invite to this user fared. That it was passed on, or waits, is nobody's answer. */
function fared(s, { user, code }, c) {
  if (!s.callees.has(user)) return s;
  if (code === 'queued') s.callees.waits(user);
  const ringsThere = [...s.devices.values()].some(({ links }) => links.peer.user === user);
  if (code === 'ok' || code === 'queued' || ringsThere || !s.callees.isOpen(user)) return s;
  s.callees.giveUp(user, REASONS[code] ?? 'ended_by_server');
  return settle(s, c);
}

function tellOut(s, from, c) {
  const refusal = s.callees.refusal(from.user);
  c.send(from, { type: 'cancel', call: s.facts.call, reason: refusal === null ? 'cancelled' : reasonForCallee(refusal) });
}

/** The first accept wins; everybody else is told who won. */
function confirm(s, from, c) {
  const by = target(from);
  const links = s.devices.get(keyOf(from))?.links ?? new PeerLinks(s.facts, from, false);
  s.devices.delete(keyOf(from));
  c.send(by, { type: 'confirm', call: s.facts.call });
  cancelAll(s, 'answered_elsewhere', by, c);
  mark(s.facts, c.now, 'accept_ms');
  mark(s.facts, c.now, 'confirm_ms');
  return talking.begin(s, links, c);
}

function refused(s, from, reason, c) {
  s.devices.get(keyOf(from))?.links.close(c.out);
  s.devices.delete(keyOf(from));
  s.left.add(keyOf(from));
  const others = [...s.devices].filter(([, { links }]) => links.peer.user === from.user);
  if (s.callees.declined(c.now, from.user, reason, others.length > 0)) {
    for (const [key, { links }] of others) {
      links.close(c.out);
      s.devices.delete(key);
    }
    c.send({ user: from.user }, { type: 'cancel', call: s.facts.call, reason: 'rejected_elsewhere' });
  }
  return settle(s, c);
}

/** The call ends when nobody is left who may answer. */
function settle(s, c) {
  const reason = s.callees.settle(c.now);
  return reason ? giveUp(s, reason, c) : s;
}

function giveUp(s, reason, c) {
  cancelAll(s, reasonForCallee(reason), null, c);
  s.devices.clear();
  return c.end(s, reason);
}

/** Tells every callee that it need not ring, and closes the links that were not chosen. */
function cancelAll(s, reason, by, c) {
  for (const { links } of s.devices.values()) links.close(c.out);
  for (const user of s.callees.all) c.send({ user }, { type: 'cancel', call: s.facts.call, reason, ...(by && { by }) });
}
