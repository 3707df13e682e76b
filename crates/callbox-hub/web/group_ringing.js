// Users whom this device rings while it talks. A pure part of the station, as `group/ringing.rs` is.

import { matchPeers, settle } from './group_members.js';

/** A device that rings for one of our invites, or for that of another member. */
export function heardOfRinging(s, from, m, c) {
  const { group, facts } = s;
  const batch = group.invitations.findLast((one) => one.has(from.user));
  if (batch) {
    batch.heard(facts, from, m, c);
    if (m.type === 'ringing' && !batch.isOut(from)) group.say([from], facts, c);
  } else if (m.type === 'reject') group.roster.refused(from.user);
  return settle(s, 'hangup', c);
}

/** Writes down who will not come, and drops invites that have come to their end. */
export function settleInvitations(s, c) {
  const { group, facts } = s;
  if (!group) return;
  const tell = [];
  group.invitations = group.invitations.filter((batch) => {
    const done = batch.settle(c.now) !== null || batch.isOver(c.now);
    for (const { user, reason } of batch.refusals) tell.push(...group.roster.ended(c.now, user, reason));
    if (!done) return true;
    for (const user of batch.open) tell.push(...group.roster.ended(c.now, user, 'no_answer'));
    batch.cancel(facts, 'no_answer', null, c);
    return false;
  });
  group.tell(tell, facts, c);
}

/** Time passed. */
export function tickGroup(s, c) {
  if (!s.group) return s;
  if (s.group.lookAgain !== null && s.group.lookAgain <= c.now) s.group.lookAgain = null;
  s.group.tell(s.group.roster.tick(c.now), s.facts, c);
  matchPeers(s, null, c);
  return settle(s, 'no_answer', c);
}

/** Something happened on a link to a device that rings. */
export function linkedWhileRinging(s, input, c) {
  if (!s.group) return s;
  for (const batch of s.group.invitations) batch.linked(s.facts, input, c);
  return settle(s, 'media_failed', c);
}

/** The hub says how our invite to this user fared. */
export function fared(s, { user, code }, c) {
  if (!s.group) return s;
  for (const batch of s.group.invitations) batch.fared(user, code);
  return settle(s, 'offline', c);
}

/** A device came online. */
export function came(s, device, c) {
  for (const batch of s.group?.invitations ?? []) batch.came(s.facts, device, c);
}

/** Signalling is back: what was said before may be lost. */
export function sayAgain(s, c) {
  if (!s.group) return;
  for (const batch of s.group.invitations) batch.sayAgain(s.facts, c);
  s.group.tell(s.group.roster.sayAgain(c.now), s.facts, c);
}
