// What every state of a call knows of it, and what is written down at its end. A pure part of the station.

import { byAddress } from './devices.js';

const EARLY = ['off', 'connect', 'preview'];

/** The smaller of two wishes for early media. */
export const least = (a, b) => EARLY[Math.max(0, Math.min(EARLY.indexOf(a), EARLY.indexOf(b)))];
/** Whether two addresses are the same device. */
export const same = (a, b) => a.user === b.user && a.device === b.device;
/** The bare address in anything that has one. */
export const target = ({ user, device }) => ({ user, device });
/** A device as a key of a map. */
export const keyOf = ({ user, device }) => `${user}/${device}`;
/** What a callee is told when the call ends for this reason. */
export const reasonForCallee = (reason) => ({ rejected: 'rejected_elsewhere', offline: 'no_answer' })[reason] ?? reason;

/** A call that starts now. `of`: {call, kind, media, caller, callees}. A single call becomes a group call when somebody is added. */
export function callOf(now, direction, { call, kind, media, caller, callees }) {
  return wished({ call, kind, direction, media, caller, callees: [...callees], startedAt: now, timing: {} });
}

/** A call with these facts, and what a person wants of it who has not chosen yet. `want`: the size in which pictures of others are wanted. */
export function wished(facts) {
  return { facts, mic: true, camera: facts.media === 'video', want: 'full', captured: null, moved: false, interrupted: false };
}

/** Whether we make the offer of each link to a device of the call, so that offers never cross. */
export function weOffer({ kind, direction }, me, peer, agent) {
  if (kind === 'group') return agent !== 'panel' && byAddress(me, peer) < 0;
  return direction === 'incoming' && agent === 'browser';
}

/** Milliseconds since the call started. */
export const at = (facts, now) => Math.round(now - facts.startedAt);

/** A step of the set-up is reached. */
export function mark(facts, now, step) {
  facts.timing[step] = at(facts, now);
}

/** The effect that writes a call down. */
export function recordOf(now, { startedAt, ...facts }, more) {
  return { do: 'record', record: { ...facts, lasted: now - startedAt, talked: 0, ...more } };
}
