// Calls that are over: late messages of them change nothing and are told the outcome. A pure part of the station.

/** How many are remembered; far more than can ring within one deadline. */
const MOST = 128;
const SAID_NO = ['rejected', 'busy', 'no_answer', 'unsupported_version'];

/** The memory of decided calls, oldest first. */
export class Decided {
  #verdicts = new Map();

  /** Whether this call is one of ours and over. */
  has(call) {
    return this.#verdicts.has(call);
  }

  /** Remembers how a call ended. */
  insert(call, { reason, by }) {
    this.#verdicts.set(call, { reason, by });
    if (this.#verdicts.size > MOST) this.#verdicts.delete(this.#verdicts.keys().next().value);
  }

  /** What to answer a message of a call that is not the current one, so that nobody waits for us in vain; or null. */
  answer({ type, call, reason: said, by: named }) {
    const known = this.#verdicts.get(call);
    // A cancel may overtake its invite, which then must not ring.
    if (!known && type === 'cancel') this.insert(call, { reason: said, by: named });
    const { reason = 'network_lost', by } = known ?? {};
    if (type === 'ringing' || type === 'accept') return { type: 'cancel', call, reason, ...(by && { by }) };
    if (['confirm', 'offer', 'media', 'relink'].includes(type)) return { type: 'hangup', call, reason };
    return type === 'invite' && SAID_NO.includes(reason) ? { type: 'reject', call, reason } : null;
  }
}
