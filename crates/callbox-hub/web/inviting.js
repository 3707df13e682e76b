// We ring somebody; nobody there has picked up yet. We are the arbiter: an accept counts when we confirm it. A pure part of the station,
// as `inviting.rs` is.

import { mark, reasonForCallee, target, weOffer } from './call.js';
import { ofInviter } from './group_call.js';
import { incoming } from './idle.js';
import { Invitations } from './invitations.js';
import { PeerLinks } from './peer_links.js';
import { ringing } from './ringing.js';
import { talking } from './talking.js';

export const inviting = {
  /** Sends the invite. */
  begin(call, c) {
    const { facts } = call;
    c.out.push({ do: 'prepare', media: facts.media });
    return { name: 'inviting', ...call, invitations: new Invitations(facts, facts.callees.slice(), c) };
  },

  on(s, input, c) {
    switch (input.type) {
      case 'pressed': return pressed(s, input, c);
      // What was said while the line broke may be lost; to say it again changes nothing.
      case 'signaling':
        if (input.up) s.invitations.sayAgain(s.facts, c);
        return s;
      case 'presence':
        if (input.online && input.device) s.invitations.came(s.facts, target(input), c);
        return s;
      case 'result': return input.call === s.facts.call && s.invitations.fared(input.user, input.code) ? settle(s, c) : s;
      case 'tick': {
        if (!s.invitations.isOver(c.now)) return settle(s, c);
        return giveUp(s, s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer', c);
      }
      default: return s;
    }
  },

  heard(s, from, m, c) {
    const { facts, invitations } = s;
    if (!invitations.has(from.user)) return s;
    if (m.type !== 'accept') return invitations.heard(facts, from, m, c) ? settle(s, c) : s;
    if (!invitations.isOut(from)) return confirm(s, from, m.agent, c);
    invitations.tellOut(facts, from, c);
    return s;
  },

  /** Glare: they ring us while we ring them. The smaller call id wins on both sides; any other invite is busy. */
  foreign(s, from, m, c) {
    const glare = m.type === 'invite' && s.invitations.isOpen(from.user) && c.isForUs(from, m) && !c.decided.find(m.call);
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
    s.invitations.cancel(s.facts, 'answered_elsewhere', by, c);
    c.decided.insert(s.facts.call, 'answered_elsewhere', by);
    const { mic, camera, captured } = s;
    return ringing.pickUp({ ...theirs, mic, camera: camera && theirs.facts.media === 'video', captured }, m.media, c);
  },

  linked(s, input, c) {
    return s.invitations.linked(s.facts, input, c) ? settle(s, c) : s;
  },

  deadline: ({ invitations }) => invitations.deadline,
};

function pressed(s, { action, on }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return giveUp(s, 'cancelled', c);
    case 'microphone': return { ...s, mic: on };
    case 'camera': return { ...s, camera: on && s.facts.media === 'video' };
    default: return s;
  }
}

/** The first accept wins, and everybody else is told who won. In a group the others ring on. */
function confirm(s, from, agent, c) {
  const { facts, invitations } = s;
  mark(facts, c.now, 'accept_ms');
  mark(facts, c.now, 'confirm_ms');
  if (facts.kind === 'group') return ofInviter(s, invitations, from, agent, c);
  const by = target(from);
  const links = invitations.take(from) ?? new PeerLinks(facts, from, weOffer(facts, c.me, from, agent));
  c.send(by, { type: 'confirm', call: facts.call });
  invitations.cancel(facts, 'answered_elsewhere', by, c);
  return talking.begin(s, links, c);
}

/** The call ends when nobody is left who may answer. */
function settle(s, c) {
  const reason = s.invitations.settle(c.now);
  return reason ? giveUp(s, reason, c) : s;
}

function giveUp(s, reason, c) {
  s.invitations.cancel(s.facts, reasonForCallee(reason), null, c);
  return c.end(s, reason);
}
