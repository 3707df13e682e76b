// What one device of a group call says of itself, as it is on the wire and as the station keeps it. As `protocol/roster.rs` is.

import { target } from './call.js';

/** The most devices in a group call at once. */
export const MAX_MEMBERS = 6;
/** The most entries of a roster: devices that are, or were, in one call. */
export const MAX_ROSTER = 32;
/** The largest number of an entry. */
export const MAX_ENTRY_NUMBER = 2 ** 30;
/** The most users whom one device invites at once. */
export const MAX_CALLEES = 16;
/** Why a call, or one device's part in it, ended; in this order one of several reasons is shown. */
export const REASONS = [
  'hangup', 'rejected', 'no_answer', 'offline', 'busy', 'cancelled', 'answered_elsewhere', 'rejected_elsewhere', 'unsupported_version',
  'media_failed', 'network_lost', 'ended_by_server', 'too_many',
];

const isName = (name) => typeof name === 'string' && name !== '';
const isCount = (number, most) => Number.isInteger(number) && number >= 0 && number <= most;
const isReason = (reason) => reason == null || REASONS.includes(reason);

/** Returns the entries of a `roster` that came in, or null when they break a rule of the protocol. */
export function readEntries(entries) {
  if (!Array.isArray(entries) || !entries.length || entries.length > MAX_ROSTER) return null;
  return entries.every(isEntry) ? entries.map(entryOf) : null;
}

/** Returns an entry as it is on the wire: what is absent there is null, or empty, here. */
export function writeEntry({ left, invited, ...entry }) {
  const users = invited.map(({ ended, ...more }) => ({ ...more, ...(ended && { ended }) }));
  return { ...entry, ...(left && { left }), ...(users.length && { invited: users }) };
}

/** Whether two entries say the same. */
export const isSame = (a, b) => JSON.stringify(entryOf(a)) === JSON.stringify(entryOf(b));

function entryOf({ device, number, agent, place, left, invited }) {
  const users = (invited ?? []).map(({ user, ring_s: ring, ended }) => ({ user, ring_s: ring, ended: ended ?? null }));
  return { device: target(device), number, agent, place, left: left ?? null, invited: users };
}

function isEntry(entry) {
  const { device, number, agent, place, left, invited = [] } = entry ?? {};
  return isName(device?.user) && isName(device?.device) && isCount(number, MAX_ENTRY_NUMBER) && number > 0 && ['panel', 'browser'].includes(agent)
    && isCount(place, 65_535) && isReason(left) && Array.isArray(invited) && invited.length <= MAX_CALLEES && invited.every(isInvited);
}

const isInvited = (invited) => isName(invited?.user) && isCount(invited.ring_s, 65_535) && isReason(invited.ended);
