// One device's call logic: inputs in, effects out. No DOM, no WebRTC, no clock: the same states as the Rust station.
//
// Inputs:  {type:'heard', from, message} {type:'pressed', action, …} {type:'link', link, event, …} {type:'capture', audio, video}
//          {type:'presence', user, device, online} {type:'signaling', up} {type:'network'}
//          {type:'result', call, code} {type:'tick'}
// Effects: {do:'send', to, message} {do:'open'|'offer'|'answer'|'candidate'|'gate'|'close'|'use', link, …}
//          {do:'prepare', media} {do:'release'} {do:'tone', tone} {do:'record', record} {do:'show'}

import { Callees } from './callees.js';
import { Decided } from './decided.js';
import { factsOf, least, mark, recordOf, same, target, told } from './facts.js';
import { LIMITS, closingTone, deadlineOf, flowOf, sentOf, stillOf, toneOf, viewOf } from './follow.js';
import { Lines } from './lines.js';
import { Path } from './path.js';

/** The pure state machine of this browser: everything it knows about calls. */
export class Station {
  #me; #ids; #early; #ring;
  #state = { name: 'idle' };
  #decided = new Decided();
  #now = 0;
  #out = [];
  #tone = 'silence';
  #used = null;

  /** `ids` makes call ids, `early(user)` is the wish for early media with this user, `ring` how long an invite lasts (ms). */
  constructor({ me, ids, early = () => 'preview', ring = 30_000 }) {
    this.#me = me;
    this.#ids = ids;
    this.#early = early;
    this.#ring = ring;
  }

  /** One thing happened. Returns what is to be done about it. */
  handle(now, input) {
    this.#now = now;
    this.#out = [];
    this.#state = this.#next(this.#state, input);
    this.#follow(this.#state);
    return this.#out;
  }

  /** When to hand in `{type:'tick'}`, or null. */
  deadline() { return deadlineOf(this.#state); }

  /** What a person, or a test, may see of it. */
  view() { return viewOf(this.#state); }

  #next(s, input) {
    if (input.type === 'heard') return this.#heard(s, input.from, input.message);
    if (input.type === 'pressed' && input.action === 'call' && s.name === 'idle') return this.#invite(s, input);
    if (s.name === 'idle') return s;
    if (input.type === 'link') return this.#linked(s, input);
    // A link that was set up while it rang may stand on an address that is gone.
    if (input.type === 'network' && s.name !== 'talking') return { ...s, moved: true };
    // … and what was said of it while signalling was away may be lost.
    if (input.type === 'signaling' && input.up && s.name !== 'talking') s = { ...s, interrupted: true };
    switch (s.name) {
      case 'inviting': return this.#inviting(s, input);
      case 'ringing': return this.#ringing(s, input);
      case 'accepting': return this.#accepting(s, input);
      default: return this.#talking(s, input);
    }
  }

  // ---- what is heard ----

  #heard(s, from, m) {
    if (!m.call) return s;
    if (m.type === 'invite') return this.#invited(s, from, m);
    if (s.facts?.call !== m.call) return this.#stray(s, from, m);
    if (m.type === 'offer' || m.type === 'answer' || m.type === 'candidate') {
      const party = s.name === 'inviting' ? s.callees.has(from.user) : same(from, s.peer ?? s.facts.caller);
      if (party && s.path) s.path.heard(this.#now, this.#out, m);
      else if (party) s.lines.heard(this.#out, from, m);
      return s;
    }
    switch (s.name) {
      case 'inviting': return s.callees.has(from.user) ? this.#invitingHeard(s, from, m) : s;
      case 'ringing': return same(from, s.facts.caller) ? this.#ringingHeard(s, m) : s;
      case 'accepting': return same(from, s.facts.caller) ? this.#acceptingHeard(s, m) : s;
      default: return same(from, s.peer) ? this.#talkingHeard(s, m) : this.#late(s, from, m);
    }
  }

  #invited(s, from, m) {
    if (from.user === this.#me.user) return s;
    if (this.#decided.has(m.call)) return this.#stray(s, from, m);
    if (s.facts?.call === m.call) return this.#invitedAgain(s, from, m);
    if (m.kind !== 'single') return this.#refuse(s, from, m, 'unsupported_version');
    if (s.name === 'idle') return this.#ringFor(from, m);
    if (s.name === 'inviting' && s.callees.has(from.user)) return this.#glare(s, from, m);
    if (s.name === 'ringing' && same(from, s.facts.caller)) return this.#waits(s, from, m);
    return this.#refuse(s, from, m, 'busy');
  }

  #invitedAgain(s, from, m) {
    if (s.name !== 'ringing' || !same(from, s.facts.caller)) return s;
    this.#rings(s);
    return { ...s, until: Math.min(s.until, this.#now + m.remaining_ms) };
  }

  /** Two invites of one device: one of them is over, and our `ringing` asks its inviter which. */
  #waits(s, from, m) {
    this.#rings(s);
    return { ...s, next: { from, m, until: this.#now + m.remaining_ms } };
  }

  #refuse(s, from, m, reason) {
    this.#decided.insert(m.call, { reason });
    this.#send(from, { type: 'reject', call: m.call, reason });
    this.#out.push(recordOf(this.#now, factsOf(this.#now, 'incoming', m.call, m.media, target(from), m.callees), { reason }));
    return s;
  }

  /** Both ring each other: the smaller call id stays, and the loser of its own call accepts the other at once. */
  #glare(s, from, m) {
    if (s.facts.call < m.call) {
      this.#decided.insert(m.call, { reason: 'answered_elsewhere', by: this.#me });
      return s;
    }
    const [reason, by] = ['answered_elsewhere', target(from)];
    for (const user of s.facts.callees) this.#send({ user }, { type: 'cancel', call: s.facts.call, reason, by });
    s.lines.close(this.#out);
    this.#decided.insert(s.facts.call, { reason, by });
    return this.#pickUp({ ...this.#ringFor(from, m), mic: s.mic, camera: s.camera, captured: s.captured }, m.media);
  }

  /** A message of a call that is not (or no longer) ours changes nothing here, but its sender may wait for us in vain. */
  #stray(s, from, m) {
    const answer = this.#decided.answer(m);
    if (answer) this.#send(from, answer);
    return s;
  }

  // ---- inviting: it rings, or soon will, at the other end ----

  #invite(s, { users, media }) {
    const callees = [...new Set(users)].filter((user) => user !== this.#me.user);
    if (!callees.length) return s;
    const facts = factsOf(this.#now, 'outgoing', this.#ids(), media, this.#me, callees);
    this.#out.push({ do: 'prepare', media });
    const until = this.#now + this.#ring + LIMITS.backstop;
    const lines = new Lines(facts.call, media);
    return this.#ask({ name: 'inviting', facts, lines, callees: new Callees(callees), until, mic: true, camera: media === 'video' });
  }

  #ask(s) {
    const { call, media, callees } = s.facts;
    const left = s.until - LIMITS.backstop - this.#now;
    const invite = { type: 'invite', call, kind: 'single', media, callees, remaining_ms: Math.round(left), agent: 'browser' };
    if (left > 0) for (const user of s.callees.open) this.#send({ user }, { ...invite, early: this.#early(user) });
    return s;
  }

  #invitingHeard(s, from, m) {
    if (m.type === 'accept') return this.#award(s, target(from));
    if (m.type === 'ringing') {
      const early = least(m.early, this.#early(from.user));
      if (!s.callees.rang(from, early)) return s;
      mark(s.facts, this.#now, 'ringing_ms');
      // It was restarted while it rang, and counts from 1 again.
      if (!m.link) s.lines.close(this.#out, (link) => same(link.peer, from));
      if (early !== 'off' && !s.lines.has(from)) s.lines.open(this.#out, from, 1, false);
    }
    if (m.type !== 'reject') return s;
    s.lines.close(this.#out, (link) => same(link.peer, from));
    if (s.callees.declined(this.#now, from, m.reason)) this.#send({ user: from.user }, { type: 'cancel', call: m.call, reason: 'rejected_elsewhere' });
    return this.#settle(s);
  }

  #settle(s) {
    const reason = s.callees.settle(this.#now);
    return reason ? this.#giveUp(s, told(reason), reason) : s;
  }

  /** This accept wins: confirm it, and tell everybody else who answered. */
  #award(s, by) {
    mark(s.facts, this.#now, 'accept_ms');
    mark(s.facts, this.#now, 'confirm_ms');
    this.#send(by, { type: 'confirm', call: s.facts.call });
    for (const user of s.facts.callees) this.#send({ user }, { type: 'cancel', call: s.facts.call, reason: 'answered_elsewhere', by });
    s.lines.close(this.#out, (link) => !same(link.peer, by));
    return this.#talk(s, by, { inviter: true, offerer: false });
  }

  #inviting(s, input) {
    // What was said while the line broke may be lost; to say it again changes nothing.
    if (input.type === 'signaling' && input.up) return this.#ask(s);
    if (input.type === 'pressed' && (input.action === 'hangup' || input.action === 'leave')) return this.#giveUp(s, 'cancelled', 'cancelled');
    if (input.type === 'result' && input.call === s.facts.call) {
      s.callees.told(input.code);
      return this.#settle(s);
    }
    if (input.type === 'tick' && this.#now >= s.until) return this.#giveUp(s, 'no_answer', s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer');
    return input.type === 'tick' ? this.#settle(s) : this.#switches(s, input);
  }

  #giveUp(s, said, reason) {
    for (const user of s.facts.callees) this.#send({ user }, { type: 'cancel', call: s.facts.call, reason: said });
    return this.#end(s, reason);
  }

  // ---- ringing: somebody rings us ----

  #ringFor(from, m) {
    const early = least(m.early, this.#early(from.user));
    const facts = factsOf(this.#now, 'incoming', m.call, m.media, target(from), m.callees);
    const lines = new Lines(m.call, m.media);
    const until = this.#now + m.remaining_ms;
    const s = { name: 'ringing', facts, lines, agent: m.agent, early, until, mic: true, camera: m.media === 'video' };
    mark(facts, this.#now, 'ringing_ms');
    this.#rings(s);
    if (early !== 'off') lines.open(this.#out, from, 1, m.agent === 'browser');
    return s;
  }

  #rings(s) {
    this.#send(s.facts.caller, { type: 'ringing', call: s.facts.call, agent: 'browser', early: s.early, link: s.lines.newest?.number ?? 0 });
  }

  #ringingHeard(s, m) {
    if (m.type === 'picture') return { ...s, still: stillOf(m) };
    return m.type === 'cancel' || m.type === 'hangup' ? this.#end(s, m.reason, m.by) : s;
  }

  #ringing(s, input) {
    if (input.type === 'signaling' && input.up) this.#rings(s);
    if (input.type === 'pressed') {
      if (input.action === 'accept') return this.#pickUp(s, input.media ?? s.facts.media);
      if (input.action === 'reject' || input.action === 'hangup') return this.#reject(s, 'rejected');
      if (input.action === 'leave') return this.#end(s, 'cancelled');
    }
    return input.type === 'tick' && this.#now >= s.until ? this.#reject(s, 'no_answer') : s;
  }

  #reject(s, reason) {
    this.#send(s.facts.caller, { type: 'reject', call: s.facts.call, reason });
    return this.#end(s, reason);
  }

  #pickUp(s, media) {
    const camera = s.camera && media === 'video' && s.facts.media === 'video';
    mark(s.facts, this.#now, 'accept_ms');
    this.#out.push({ do: 'prepare', media: camera ? 'video' : 'audio' });
    this.#accept(s);
    return { ...s, name: 'accepting', camera, until: this.#now + LIMITS.accept, resend: this.#now + LIMITS.resendAccept };
  }

  #accept(s) { this.#send(s.facts.caller, { type: 'accept', call: s.facts.call, agent: 'browser' }); }

  // ---- accepting: picked up here, not confirmed yet ----

  #acceptingHeard(s, m) {
    if (m.type === 'confirm' || (m.type === 'cancel' && m.reason === 'answered_elsewhere' && m.by && same(m.by, this.#me))) {
      mark(s.facts, this.#now, 'confirm_ms');
      return this.#talk(s, s.facts.caller, { inviter: false, offerer: s.agent === 'browser' });
    }
    return m.type === 'cancel' || m.type === 'hangup' ? this.#end(s, m.reason, m.by) : s;
  }

  #accepting(s, input) {
    if (input.type === 'pressed' && ['hangup', 'reject', 'leave'].includes(input.action)) {
      // The inviter may or may not have confirmed by now: one of the two messages fits.
      this.#send(s.facts.caller, { type: 'reject', call: s.facts.call, reason: 'rejected' });
      this.#send(s.facts.caller, { type: 'hangup', call: s.facts.call, reason: 'hangup' });
      return this.#end(s, 'hangup');
    }
    if (input.type === 'tick' && this.#now >= s.until) {
      this.#send(s.facts.caller, { type: 'hangup', call: s.facts.call, reason: 'network_lost' });
      return this.#end(s, 'network_lost');
    }
    if ((input.type === 'tick' && this.#now >= s.resend) || (input.type === 'signaling' && input.up)) {
      this.#accept(s);
      return { ...s, resend: this.#now + LIMITS.resendAccept };
    }
    return this.#switches(s, input);
  }

  // ---- talking ----

  #talk({ facts, lines, mic, camera, captured, moved, interrupted }, peer, { inviter, offerer }) {
    moved ||= interrupted && !lines.connected;
    return this.#tell({
      name: 'talking', facts, lines, peer, inviter, since: this.#now, mic, camera, captured, said: null,
      remote: { audio: true, video: facts.media === 'video' }, path: new Path(this.#now, this.#out, { lines, peer, offerer, facts, moved }),
    });
  }

  #talkingHeard(s, m) {
    switch (m.type) {
      case 'accept': this.#send(s.peer, { type: 'confirm', call: m.call }); return s;
      case 'media': case 'relink': s.path.heard(this.#now, this.#out, m);
        return m.type === 'media' ? { ...s, remote: { audio: m.audio, video: m.video } } : s;
      case 'hangup': return this.#end(s, m.reason);
      case 'reject': return this.#end(s, 'hangup');
      case 'cancel': return s.inviter || (m.by && same(m.by, this.#me)) ? s : this.#end(s, m.reason, m.by);
      default: return s;
    }
  }

  /** Somebody else picks up, or begins to ring, when we talk already. */
  #late(s, from, m) {
    const asked = s.inviter && s.facts.callees.includes(from.user) && (m.type === 'accept' || m.type === 'ringing');
    if (asked) this.#send(from, { type: 'cancel', call: m.call, reason: 'answered_elsewhere', by: s.peer });
    return s;
  }

  #talking(s, input) {
    if (input.type === 'pressed' && (input.action === 'hangup' || input.action === 'leave')) return this.#hangUp(s, 'hangup');
    if (input.type === 'presence' && input.user === s.peer.user && (!input.device || input.device === s.peer.device)) {
      s.path.presence(this.#now, this.#out, input.online);
      // A device that was restarted knows nothing of this call, and says so.
      return input.online ? this.#tell({ ...s, said: null }) : s;
    }
    if (input.type === 'signaling') {
      const told = input.up ? this.#tell({ ...s, said: null }) : s;
      s.path.signaling(this.#now, this.#out, input.up);
      return told;
    }
    if (input.type === 'network') s.path.networkChanged(this.#now, this.#out);
    if (input.type !== 'tick') return this.#switches(s, input);
    const reason = s.path.tick(this.#now, this.#out);
    return reason ? this.#hangUp(s, reason) : s;
  }

  #hangUp(s, reason) {
    this.#send(s.peer, { type: 'hangup', call: s.facts.call, reason });
    return this.#end(s, reason);
  }

  /** Microphone and camera: what the person wants, and what there is. */
  #switches(s, input) {
    if (input.type === 'capture') return this.#tell({ ...s, captured: { audio: input.audio, video: input.video } });
    if (input.type !== 'pressed') return s;
    if (input.action === 'microphone') return this.#tell({ ...s, mic: input.on });
    if (input.action === 'camera' && s.facts.media === 'video') return this.#tell({ ...s, camera: input.on });
    return s;
  }

  /** Tells the peer what is sent from here, once at the start and on every change. */
  #tell(s) {
    if (s.name !== 'talking') return s;
    const said = sentOf(s);
    if (s.said?.audio === said.audio && s.said?.video === said.video) return s;
    this.#send(s.peer, { type: 'media', call: s.facts.call, ...said });
    return { ...s, said };
  }

  // ---- what happens on the links ----

  #linked(s, input) {
    const [news, link] = s.lines.event(this.#out, input, (step) => mark(s.facts, this.#now, step));
    s.path?.linked(this.#now, this.#out, news, link);
    return s;
  }

  // ---- what follows from the state alone: gates, the picture, the tone ----

  #follow(s) {
    s.lines?.gate(this.#out, (link) => flowOf(s, link));
    const used = s.name === 'idle' || s.name === 'inviting' ? null : s.lines.best;
    if (used !== this.#used) this.#out.push({ do: 'use', link: used && s.lines.id(used) });
    this.#used = used;
    this.#play(toneOf(s) ?? this.#tone);
    this.#out.push({ do: 'show' });
  }

  #play(tone) {
    if (tone === this.#tone) return;
    this.#tone = tone;
    this.#out.push({ do: 'tone', tone });
  }

  // ---- the end ----

  #end(s, reason, by) {
    s.lines.close(this.#out);
    this.#decided.insert(s.facts.call, { reason, by });
    this.#out.push({ do: 'release' });
    this.#out.push(recordOf(this.#now, s.facts, { reason, answeredBy: by, peer: s.peer, talked: s.since == null ? 0 : this.#now - s.since }));
    this.#play(closingTone(s.facts, reason));
    const { next } = s;
    if (!next || this.#now >= next.until || this.#decided.has(next.m.call)) return { name: 'idle' };
    return this.#ringFor(next.from, { ...next.m, remaining_ms: next.until - this.#now });
  }

  #send(to, message) {
    this.#out.push({ do: 'send', to: to.device ? target(to) : { user: to.user }, message });
  }
}
