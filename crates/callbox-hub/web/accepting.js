// We picked up, or want to join, and wait for a word: of the inviter, in a group of any member. Nothing of ours is sent before it comes.
// A pure part of the station, as `accepting.rs` is.

import { at, mark, same, wished } from './call.js';
import { Devices } from './devices.js';
import { ofGuest } from './group_call.js';
import { talking } from './talking.js';

/** The accept is repeated this often until somebody decides, for so long. In milliseconds. */
const REPEAT = 1_000;
const GIVE_UP = 10_000;
/** A member that says this to us speaks for the whole call. */
const FOR_ALL = ['answered_elsewhere', 'too_many', 'media_failed'];
/** The call goes on without us when our part in it ended like this. */
const RUNS_ON = ['too_many', 'network_lost', 'hangup'];

export const accepting = {
  /** Says accept for the first time. */
  begin(s, c) {
    return ask({ ...s, next: null, invite: null }, c);
  },

  /** Asks to be let in to a group call that runs. */
  join({ facts, roster }, c) {
    const direction = same(facts.caller, c.me) ? 'outgoing' : 'incoming';
    c.out.push({ do: 'prepare', media: facts.media });
    return ask({ ...wished({ ...facts, direction, startedAt: c.now, timing: { accept_ms: 0 } }), links: null, roster }, c);
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
    if (s.roster) return heardInGroup(s, from, m, c);
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
    const news = s.links && same(input.link.peer, s.links.peer) && s.links.event(at(s.facts, c.now), c.out, input);
    return news === 'refused' ? leave(s, 'media_failed', c) : s;
  },

  deadline: ({ repeat, until }) => Math.min(repeat, until),
};

/** `links`: set up with the inviter while it rang; null: we join. `roster`: who takes part; null: a single call. `out`: members that
 *  cannot let us in, for they are out themselves. */
function ask(call, c) {
  const s = { ...call, name: 'accepting', out: new Devices(), repeat: c.now + REPEAT, until: c.now + GIVE_UP };
  tell(s, c);
  return s;
}

function pressed(s, { action, on }, c) {
  switch (action) {
    case 'hangup': case 'reject': case 'leave': return leave(s, 'hangup', c);
    case 'microphone': return { ...s, mic: on };
    case 'camera': return { ...s, camera: on && s.facts.media === 'video' };
    default: return s;
  }
}

/** Who can let us in: the inviter, in a group every member that we know of. */
function doorsOf({ facts, roster, out }, { me }) {
  const doors = new Devices([...(roster?.doors ?? []), facts.caller]);
  return doors.keys.filter((door) => !same(door, me) && !out.has(door));
}

function tell(s, c) {
  for (const door of doorsOf(s, c)) c.send(door, { type: s.links ? 'accept' : 'join', call: s.facts.call, agent: 'browser' });
}

function heardInGroup(s, from, m, c) {
  const { roster, links, facts, out } = s;
  switch (m.type) {
    case 'roster':
      roster.hear(c.now, from, m.entries);
      return s;
    // Its roster comes first; when that was lost, our next accept brings it again.
    case 'confirm': return roster.isIn(from) ? talkInGroup(s, c) : s;
    case 'cancel': case 'hangup':
      if (m.type === 'cancel' && m.reason === 'answered_elsewhere' && m.by && same(m.by, c.me)) return s;
      if (m.type === 'cancel' && FOR_ALL.includes(m.reason) && roster.admits(from.user)) return fallSilent(s, m.reason, m.by, c);
      roster.out(c.now, from, m.reason);
      out.add(from);
      return doorsOf(s, c).length ? s : fallSilent(s, m.reason, null, c);
    case 'invite':
      if (same(from, facts.caller)) tell(s, c);
      return s;
    case 'offer': case 'answer': case 'candidate':
      if (links && same(from, links.peer)) links.heard(c.now, c.out, m);
      return s;
    default: return s;
  }
}

function talk(s, c) {
  mark(s.facts, c.now, 'confirm_ms');
  return talking.begin(s, s.links, c);
}

function talkInGroup(s, c) {
  mark(s.facts, c.now, 'confirm_ms');
  return ofGuest(s, s.roster, s.links, c);
}

/** Ends it from our side, and says so: somebody may have let us in already. */
function leave(s, reason, c) {
  for (const door of doorsOf(s, c)) c.send(door, { type: 'hangup', call: s.facts.call, reason });
  return fallSilent(s, reason, null, c);
}

function fallSilent(s, reason, by, c) {
  if (s.roster && RUNS_ON.includes(reason)) c.joinable.keep(c.now, s.facts, s.roster, c.now);
  return c.end(s, reason, by ?? null);
}
