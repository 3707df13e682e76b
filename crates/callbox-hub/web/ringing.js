// Somebody rings us; nobody here has picked up yet. A pure part of the station, as `ringing.rs` is.

import { accepting } from './accepting.js';
import { at, least, mark, same, weOffer } from './call.js';
import { stillOf } from './derived.js';
import { incoming, ring } from './idle.js';
import { PeerLinks } from './peer_links.js';
import { Roster } from './roster.js';

/** A device that cancels for one of these has left the call, which may go on. */
const LEFT = ['hangup', 'network_lost'];

export const ringing = {
  /** Starts to ring and, if both sides want it, to connect. */
  begin(call, m, c) {
    const { facts } = call;
    const early = least(m.early, c.early(facts.caller.user));
    const links = new PeerLinks(facts, facts.caller, weOffer(facts, c.me, facts.caller, m.agent));
    // Who takes part, as far as members told us; null: a single call.
    const roster = facts.kind === 'group' ? Roster.guest(c.me, [facts.caller.user]) : null;
    mark(facts, c.now, 'ringing_ms');
    const s = { name: 'ringing', ...call, links, roster, early, until: c.now + m.remaining_ms, next: null, invite: m };
    tell(s, c);
    if (early !== 'off') links.offerNext(c.out);
    return s;
  },

  on(s, input, c) {
    if (input.type === 'signaling' && input.up) tell(s, c);
    if (input.type === 'pressed') return pressed(s, input, c);
    return input.type === 'tick' && c.now >= s.until ? refuse(s, 'no_answer', c) : s;
  },

  heard(s, from, m, c) {
    if (s.roster && ['roster', 'cancel', 'hangup'].includes(m.type)) {
      if (m.type === 'roster') s.roster.hear(c.now, from, m.entries);
      else s.roster.out(c.now, from, m.reason);
      if (m.type === 'roster' || !same(from, s.facts.caller)) return somebodyIsIn(s, c);
      // The inviter left, and others are in: whoever picks up is let in by them. A device that left answers our `ringing` by a cancel
      // with the reason for which it left.
      if ((m.type === 'hangup' || LEFT.includes(m.reason)) && doorsOf(s).length) return s;
    }
    if (!same(from, s.facts.caller)) return s;
    switch (m.type) {
      case 'cancel': case 'hangup': return fallSilent(s, m.reason, m.type === 'cancel' ? m.by : null, c);
      case 'picture': return { ...s, still: stillOf(m) };
      case 'offer': case 'answer': case 'candidate':
        if (s.early !== 'off') s.links.heard(c.now, c.out, m);
        return s;
      case 'invite':
        tell(s, c);
        // The time that is left can only be less: what said more was on its way for long.
        return { ...s, until: Math.min(s.until, c.now + m.remaining_ms) };
      default: return s;
    }
  },

  /** Another invite of the very device that rings us: one of the two must be over, and only the inviter knows which.
   *  Our `ringing` asks it: the outcome of a call that is over comes back as `cancel`. Anybody else's invite is busy. */
  foreign(s, from, m, c) {
    const asks = m.type === 'invite' && same(from, s.facts.caller) && !c.decided.find(m.call) && !c.decided.wasCancelledEarly(m.call, from);
    if (!asks) {
      c.foreign(from, m);
      return s;
    }
    tell(s, c);
    return { ...s, next: { m, until: c.now + m.remaining_ms } };
  },

  linked(s, input, c) {
    const news = same(input.link.peer, s.links.peer) && s.links.event(at(s.facts, c.now), c.out, input);
    return news === 'refused' ? refuse(s, 'media_failed', c) : s;
  },

  deadline: ({ until }) => until,

  /** Picks up: our accept counts when the inviter confirms it. */
  pickUp(s, media, c) {
    const camera = s.camera && media === 'video';
    mark(s.facts, c.now, 'accept_ms');
    c.out.push({ do: 'prepare', media: camera ? 'video' : 'audio' });
    return accepting.begin({ ...s, camera }, c);
  },
};

function pressed(s, { action, users, media, kind, on }, c) {
  switch (action) {
    case 'accept': return ringing.pickUp(s, media ?? s.facts.media, c);
    case 'reject': case 'hangup': return refuse(s, 'rejected', c);
    case 'leave': return c.end(s, 'cancelled');
    case 'call': return outrun(s, { users, media, kind }, c);
    case 'microphone': return { ...s, mic: on };
    case 'camera': return { ...s, camera: on && s.facts.media === 'video' };
    default: return s;
  }
}

/** Somebody here rings others: that wins over what merely rings. Who rings those who ring us picks up. */
function outrun(s, { users, ...more }, c) {
  if (!users.some((user) => user !== c.me.user)) return s;
  if (users.includes(s.facts.caller.user)) return ringing.pickUp(s, s.facts.media, c);
  return ring(refuse({ ...s, next: null }, 'busy', c), { users, ...more }, c);
}

function tell({ facts, early, links }, c) {
  c.send(facts.caller, { type: 'ringing', call: facts.call, agent: 'browser', early, link: links.newest });
}

function refuse(s, reason, c) {
  for (const device of [s.facts.caller, ...doorsOf(s)]) c.send(device, { type: 'reject', call: s.facts.call, reason });
  return fallSilent(s, reason, null, c);
}

/** Members of a group, beside the inviter, as far as is known. */
function doorsOf({ roster, facts }) {
  return (roster?.doors ?? []).filter((member) => !same(member, facts.caller));
}

/** It rings as long as somebody is in who could be talked with. */
function somebodyIsIn(s, c) {
  return s.roster.entries.length && !s.roster.doors.length ? fallSilent(s, 'cancelled', null, c) : s;
}

function fallSilent(s, reason, by, c) {
  if (s.roster && reason !== 'cancelled') c.joinable.keep(c.now, s.facts, s.roster, s.until);
  const idle = c.end(s, reason, by ?? null);
  const left = s.next && s.next.until - c.now;
  return (left > 0 && incoming(s.facts.caller, { ...s.next.m, remaining_ms: left }, c)) || idle;
}
