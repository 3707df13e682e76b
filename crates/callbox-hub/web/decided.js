// Calls that are over: late messages of them change nothing and are told the outcome. A pure part of the station, as `decided.rs` is.

import { same } from './call.js';
import { Shares } from './shares.js';

/** How many calls that rang here, or were made here, are remembered; far more than can ring within one deadline. */
const REMEMBERED = 256;
/** How many calls that never rang here are remembered: a share for each user who made them. */
const DECLINED = 64;
/** How many cancels may wait for an invite that they overtook: a share for each user. */
const OVERTAKEN = 32;
const SAID_NO = ['rejected', 'busy', 'no_answer'];

/** The memory of decided calls. */
export class Decided {
  #ended = new Map();
  #declined = new Shares(DECLINED);
  #cancelled = new Shares(OVERTAKEN);

  /** How this call ended, as `{call, reason, by}`, or null. */
  find(call) {
    return this.#ended.get(call) ?? this.#declined.find((ended) => ended.call === call);
  }

  /** Remembers how a call ended; the first outcome stands. */
  insert(call, reason, by = null) {
    if (this.find(call)) return;
    if (this.#ended.size === REMEMBERED) this.#ended.delete(this.#ended.keys().next().value);
    this.#ended.set(call, { call, reason, by });
  }

  /** Remembers how an invite of this device was answered that never rang here; the first outcome stands. */
  decline(inviter, call, reason, by = null) {
    if (!this.find(call)) this.#declined.push(inviter.user, { call, reason, by });
  }

  /** A cancel of a call that nobody here knows: its invite may come later, and then must not ring. */
  cancelEarly(call, inviter) {
    if (!this.find(call) && !this.wasCancelledEarly(call, inviter)) this.#cancelled.push(inviter.user, { call, inviter });
  }

  /** Whether this inviter cancelled this call before its invite came. */
  wasCancelledEarly(call, inviter) {
    return this.#cancelled.find((known) => known.call === call && same(known.inviter, inviter)) !== null;
  }

  /** What to answer a message of a call that is not the current one, so that nobody waits for us in vain; or null. */
  answer({ type, call }) {
    const known = this.find(call);
    // A call that nobody here remembers: we, or our predecessor, lost it.
    const { reason, by } = known ?? { reason: 'network_lost', by: null };
    if (['ringing', 'accept', 'join'].includes(type)) return { type: 'cancel', call, reason, ...(by && { by }) };
    if (['confirm', 'roster', 'offer', 'media', 'relink'].includes(type)) return { type: 'hangup', call, reason };
    return type === 'invite' && known && SAID_NO.includes(reason) ? { type: 'reject', call, reason } : null;
  }
}
