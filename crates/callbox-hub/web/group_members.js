// What members of a group say, and who is let in. A pure part of the station, as `group/members.rs` is.

import { same, weOffer } from './call.js';
import { grow } from './group_call.js';
import { heardOfRinging, settleInvitations } from './group_ringing.js';
import { PeerLinks } from './peer_links.js';
import { MAX_MEMBERS } from './roster_entry.js';
import { addPeer, keepTiming, leave, wantPictures } from './talking.js';

/** A `roster`: the call is, or becomes, one of several. */
export function rosterHeard(s, from, entries, c) {
  if (!s.group && s.peers.has(from)) grow(s, c);
  if (!s.group) return s;
  const { changed, tell } = s.group.roster.hear(c.now, from, entries);
  s.group.tell(tell, s.facts, c);
  if (!changed) return s;
  matchPeers(s, null, c);
  return settle(s, 'hangup', c);
}

/** Anything else that is said in a group. */
export function heardInGroup(s, from, m, c) {
  switch (m.type) {
    case 'accept': case 'join':
      admit(s, from, m.agent, m.type === 'join', c);
      return s;
    case 'hangup':
      out(s, from, m.reason, c);
      return settle(s, m.reason, c);
  }
  const peer = s.peers.get(from);
  if (!peer) return heardOfRinging(s, from, m, c);
  peer.heard(m, c);
  return s;
}

/** A device wants to come in: it was rung, or it `joins` a call that it missed or left. */
export function admit(s, from, agent, joins, c) {
  const { group, facts } = s;
  if (!group.roster.admits(from.user) || from.user === c.me.user) return turnAway(s, from, 'rejected', null, c);
  // Too often: it asks again.
  if ((joins || !s.peers.has(from)) && !group.mayArrive(c.now, from)) return;
  if (joins) {
    // It knows nothing of the links that we have: it was restarted, or has given them up.
    closePeer(s, from, c);
    for (const batch of group.invitations) batch.take(from)?.close(c.out);
  }
  const isIn = s.peers.has(from);
  const asked = group.invitations.filter((batch) => batch.has(from.user));
  if (!isIn) {
    const sameUser = s.peers.keys.find(({ user }) => user === from.user);
    if (sameUser) return turnAway(s, from, 'answered_elsewhere', sameUser, c);
    if (s.peers.size + 1 >= MAX_MEMBERS) {
      for (const batch of asked) batch.refused(facts, from, 'too_many', c);
      return turnAway(s, from, 'too_many', null, c);
    }
    group.roster.letIn(c.now, from, agent);
  }
  group.say([from], facts, c);
  c.send(from, { type: 'confirm', call: facts.call });
  return isIn ? undefined : comeIn(s, { device: from, agent }, null, c);
}

/** Makes a peer of a device. `early`: links that were set up before, or null. */
function comeIn(s, { device, agent }, early, c) {
  const { group, facts } = s;
  group.cameIn(c.now, device);
  let rang = null;
  for (const batch of group.invitations) rang ??= batch.take(device);
  for (const batch of group.invitations) if (batch.has(device.user)) batch.answered(facts, device, c);
  addPeer(s, early ?? rang ?? new PeerLinks(facts, device, weOffer(facts, c.me, device, agent)), c);
}

function turnAway(s, from, reason, by, c) {
  c.send(from, { type: 'cancel', call: s.facts.call, reason, ...(by && { by }) });
}

/** Whoever is in by its own word is a peer, and nobody else is but those whom we let in just now. `links`: as in `ofGuest`. */
export function matchPeers(s, links, c) {
  if (!s.group) return;
  let early = links;
  const { members } = s.group.roster;
  const placeOf = (device) => members.find((entry) => same(entry.device, device))?.place;
  for (const { device } of s.peers.values.filter(({ place, device: one }) => place !== null && placeOf(one) !== place)) {
    closePeer(s, device, c);
    s.group.wentOut(c.now, device, 'hangup');
  }
  for (const entry of members) {
    if (!s.peers.has(entry.device) && s.peers.size + 1 < MAX_MEMBERS && s.group.mayArrive(c.now, entry.device)) {
      const own = early && same(early.peer, entry.device);
      comeIn(s, entry, own ? early : null, c);
      if (own) early = null;
    }
    const peer = s.peers.get(entry.device);
    if (peer) Object.assign(peer, { place: entry.place, groups: true });
  }
  early?.close(c.out);
}

/** A device says that it is out. */
function out(s, device, reason, c) {
  partWith(s, device, reason, c);
  s.group.tell(s.group.roster.out(c.now, device, reason), s.facts, c);
}

/** Nothing comes from a device any more. */
export function lose(s, device, reason, c) {
  partWith(s, device, reason, c);
  s.group.roster.lose(device);
}

/** The talk with a device ends: its times are kept for the record. */
function partWith(s, device, reason, c) {
  keepTiming(s);
  closePeer(s, device, c);
  s.group.wentOut(c.now, device, reason);
}

function closePeer(s, device, c) {
  const peer = s.peers.take(device);
  if (!peer) return;
  peer.path.links.close(c.out);
  wantPictures(s, c);
}

/** The call ends here when it is over full, or nobody is left and nobody rings. */
export function settle(s, reason, c) {
  settleInvitations(s, c);
  if (!s.group) return s;
  const { roster, invitations, lookAgain } = s.group;
  if (roster.surplus) return leave(s, roster.surplus, c);
  const waits = invitations.length > 0 || lookAgain !== null || roster.aloneUntil !== null;
  return s.peers.size || waits ? s : leave(s, reason, c);
}
