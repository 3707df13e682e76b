// What stays when calls come and go: who we are, what is to be done, and the memory of decided calls. As `desk.rs` is.

import { Bucket } from './bucket.js';
import { Budgets } from './budgets.js';
import { recordOf, target } from './call.js';
import { Decided } from './decided.js';
import { closingTone, linksOf, timingOf } from './derived.js';
import { Joinables } from './joinable.js';

/** So many commands of strangers are answered at once, and one more in each … */
const REFUSALS = [10, 6_000];

/** Each user may ring us this often at once without being answered, and once more in each …: a ring costs links, messages and a place. */
const RINGS = [10, 3_000];
/** Each user gets so many answers to messages that are not of the current call; more than one user has devices. */
const ANSWERS = [40, 1_000];
/** So many invites of each user that did not ring here are kept in the list of calls. */
const REFUSED_RECORDS = [5, 600_000];

/** Everything a state needs beside itself. */
export class Context {
  #refusals = new Bucket(...REFUSALS);
  #answers = new Budgets(...ANSWERS);
  #refusedRecords = new Budgets(...REFUSED_RECORDS);
  #tone = 'silence';
  decided = new Decided();
  rings = new Budgets(...RINGS);
  joinable = new Joinables();
  now = 0;
  out = [];

  constructor({ me, ids, early = () => 'preview', ring = 30_000 }) {
    Object.assign(this, { me, ids, early, ring });
  }

  send(to, message) {
    this.out.push({ do: 'send', to: to.device ? target(to) : { user: to.user }, message });
  }

  play(tone) {
    if (tone === null || tone === this.#tone) return;
    this.#tone = tone;
    this.out.push({ do: 'tone', tone });
  }

  /** The call is over: silence, record, memory. The peers have been told. `peer`: the first whom we talked with, if anybody; `parties`:
   *  everybody who was in a group call. */
  end(s, reason, by = null, { peer = null, parties = [] } = {}) {
    const facts = { ...s.facts, timing: timingOf(s) };
    for (const links of linksOf(s)) links.close(this.out);
    this.decided.insert(facts.call, reason, by);
    this.out.push({ do: 'release' });
    const talked = peer ? this.now - s.since : 0;
    this.out.push(recordOf(this.now, facts, { reason, answeredBy: by, peer, talked, parties }));
    this.play(closingTone(facts, reason));
    return { name: 'idle' };
  }

  /** Declines an invite that does not ring here. The record shows who tried. Who has used up their answers hears nothing and leaves no
   *  trace: the invite is judged anew if it comes again. */
  decline(from, m, reason) {
    if (!this.#answers.take(this.now, from.user)) return;
    if (!this.decided.find(m.call)) {
      this.decided.decline(from, m.call, reason);
      this.#writeDown(from, m, reason);
    }
    this.send(from, { type: 'reject', call: m.call, reason });
  }

  /** The record of a call that never rang here. Nobody makes so many that they push those of others out. */
  #writeDown(from, m, reason) {
    if (!this.#refusedRecords.take(this.now, from.user)) return;
    const facts = { call: m.call, kind: m.kind, direction: 'incoming', media: m.media, caller: target(from), callees: m.callees, startedAt: this.now, timing: {} };
    this.out.push(recordOf(this.now, facts, { reason, answeredBy: null, peer: null, parties: [] }));
  }

  /** Declines an invite of somebody who rings too often. No record: there would be one for each. */
  tooOften(from, { call }) {
    if (!this.#answers.take(this.now, from.user)) return;
    this.decided.decline(from, call, 'busy');
    this.send(from, { type: 'reject', call, reason: 'busy' });
  }

  /** Whether an invite is meant for this user. */
  isForUs(from, m) {
    return Array.isArray(m.callees) && m.callees.includes(this.me.user) && from.user !== this.me.user;
  }

  /** A message that is not of the current call: an invite is answered busy, the rest by the outcome of its call. */
  foreign(from, m) {
    if (m.type !== 'invite' || this.decided.find(m.call)) return this.answer(from, m);
    if (this.isForUs(from, m) && !this.decided.wasCancelledEarly(m.call, from)) this.decline(from, m, 'busy');
    return undefined;
  }

  /** Answers a message of a call that is not the current one. A cancel that overtook its invite is remembered. */
  answer(from, m) {
    if (m.type === 'cancel' && m.reason === 'cancelled') this.joinable.over(m.call, from);
    if (m.type === 'cancel') this.decided.cancelEarly(m.call, target(from));
    const answer = this.decided.answer(m);
    if (answer && this.#answers.take(this.now, from.user)) this.send(from, answer);
  }

  /** A page has no door: `standing` is what the sender has to do with the call, `party`, `stranger` or `over`. */
  refuseCommand(from, { call, nonce }, standing) {
    if (!this.#refusals.take(this.now) && standing !== 'party') return;
    const [code, text] = standing === 'over' ? ['expired', 'this call is over here'] : ['forbidden', 'there is no door here'];
    this.send(from, { type: 'result', re: nonce, code, call, text });
  }
}
