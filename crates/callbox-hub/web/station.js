// One device's call logic: inputs in, effects out. No DOM, no WebRTC, no clock: the same states as the Rust station.
//
// Inputs:  {type:'heard', from, message} {type:'pressed', action, …} {type:'link', link, event, …} {type:'capture', audio, video}
//          {type:'presence', user, device, online} {type:'signaling', up} {type:'result', call, code} {type:'tick'}
// Effects: {do:'send', to, message} {do:'open'|'offer'|'answer'|'candidate'|'gate'|'close'|'use', link, …}
//          {do:'prepare', media} {do:'release'} {do:'tone', tone} {do:'record', record} {do:'show'}

/** Every wait, in milliseconds, and every bound. */
export const LIMITS = {
  resendAccept: 1_000, accept: 10_000, backstop: 5_000, busyGrace: 1_000,
  gone: 5_000, lost: 5_000, setup: 15_000, swap: 2_000, decided: 128,
};

const EARLY = ['off', 'connect', 'preview'];
const least = (a, b) => EARLY[Math.max(0, Math.min(EARLY.indexOf(a), EARLY.indexOf(b)))];
const same = (a, b) => a.user === b.user && a.device === b.device;
const target = ({ user, device }) => ({ user, device });
const at = (...times) => times.reduce((a, b) => (b == null ? a : a == null ? b : Math.min(a, b)), null);
const after = (time, wait) => (time == null ? null : time + wait);
/** Of several callees' reasons the one that tells the inviter most. */
const WEIGHT = ['rejected', 'busy', 'media_failed', 'unsupported_version', 'ended_by_server', 'no_answer', 'offline'];
const SAID_NO = ['rejected', 'busy', 'no_answer', 'unsupported_version'];
const heaviest = (reasons) => WEIGHT.find((reason) => reasons.includes(reason)) ?? 'no_answer';

/** The pure state machine of this browser: everything it knows about calls. */
export class Station {
  #me; #ids; #early; #ring;
  #state = { name: 'idle' };
  #decided = new Map();
  #now = 0;
  #out = [];
  #tone = 'silence';
  #used = null;

  /** `ids` makes call ids, `early` is the wish for early media, `ring` how long an invite lasts (ms). */
  constructor({ me, ids, early = 'preview', ring = 30_000 }) {
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
    this.#follow();
    return this.#out;
  }

  /** When to hand in `{type:'tick'}`, or null. */
  deadline() {
    const s = this.#state;
    switch (s.name) {
      case 'inviting': return at(s.until, ...[...s.users.values()].map((user) => (user.done ? null : user.grace)));
      case 'ringing': return s.until;
      case 'accepting': return at(s.until, s.resend);
      case 'talking': return at(s.setup, s.swap, after(s.lost, LIMITS.lost), connected(s) ? null : after(s.gone, LIMITS.gone));
      default: return null;
    }
  }

  /** What a person, or a test, may see of it. */
  view() {
    const { name, facts, until, early, peer, mic, camera, remote, lost, since, users } = this.#state;
    if (name === 'idle') return { state: 'idle', call: null, links: [], timing: {} };
    return {
      state: name, ...facts, until, early, mic, camera, remote, since, lost: lost != null, peer: peer ?? null,
      links: facts.links.map(({ peer, number, offerer, connected }) => ({ peer: `${peer.user}/${peer.device}`, number, offerer, connected })),
      waiting: users ? [...users].filter(([, user]) => !user.done && user.queued && !user.devices.size).map(([user]) => user) : [],
      rings: users ? [...users.values()].some((user) => user.devices.size > 0) : true,
    };
  }

  #next(s, input) {
    if (input.type === 'heard') return this.#heard(s, input.from, input.message);
    if (input.type === 'link') return this.#linked(s, input);
    if (input.type === 'pressed' && input.action === 'call' && s.name === 'idle') return this.#invite(input);
    if (s.name === 'idle') return s;
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
    if (m.type === 'offer' || m.type === 'answer' || m.type === 'candidate') return this.#described(s, from, m);
    switch (s.name) {
      case 'inviting': return this.#invitingHeard(s, from, m);
      case 'ringing': return this.#ringingHeard(s, from, m);
      case 'accepting': return this.#acceptingHeard(s, from, m);
      default: return this.#talkingHeard(s, from, m);
    }
  }

  #invited(s, from, m) {
    if (from.user === this.#me.user) return s;
    const decided = this.#decided.get(m.call);
    if (decided) {
      if (SAID_NO.includes(decided.reason)) this.#send(from, { type: 'reject', call: m.call, reason: decided.reason });
      return s;
    }
    if (s.facts?.call === m.call) return this.#invitedAgain(s, from, m);
    if (m.kind !== 'single') return this.#refuse(s, from, m, 'unsupported_version');
    if (s.name === 'idle') return this.#ringFor(from, m);
    if (s.name === 'inviting' && s.facts.callees.includes(from.user)) return this.#glare(s, from, m);
    return this.#refuse(s, from, m, 'busy');
  }

  #invitedAgain(s, from, m) {
    if (s.name !== 'ringing' || !same(from, s.facts.caller)) return s;
    this.#send(from, { type: 'ringing', call: m.call, agent: 'browser', early: s.early });
    return { ...s, until: Math.min(s.until, this.#now + m.remaining_ms) };
  }

  #refuse(s, from, m, reason) {
    this.#decide(m.call, { reason });
    this.#send(from, { type: 'reject', call: m.call, reason });
    this.#record(this.#facts('incoming', m.call, m.media, from, m.callees), { reason });
    return s;
  }

  /** Both ring each other: the smaller call id stays, and the loser of its own call accepts the other at once. */
  #glare(s, from, m) {
    if (s.facts.call < m.call) {
      this.#decide(m.call, { reason: 'answered_elsewhere', by: this.#me });
      return s;
    }
    for (const user of s.facts.callees) {
      this.#send({ user }, { type: 'cancel', call: s.facts.call, reason: 'answered_elsewhere', by: from });
    }
    this.#closeAll(s);
    this.#decide(s.facts.call, { reason: 'answered_elsewhere', by: from });
    return this.#pickUp({ ...this.#ringFor(from, m), mic: s.mic, camera: s.camera }, m.media);
  }

  /** A message of a call that is not (or no longer) ours changes nothing here, but its sender may wait for us in vain. */
  #stray(s, from, m) {
    const known = this.#decided.get(m.call);
    // A cancel may overtake its invite, which then must not ring.
    if (!known && m.type === 'cancel') this.#decide(m.call, { reason: m.reason, by: m.by });
    const { reason = 'network_lost', by } = known ?? {};
    if (m.type === 'ringing' || m.type === 'accept') this.#send(from, { type: 'cancel', call: m.call, reason, ...(by && { by }) });
    else if (['confirm', 'offer', 'media'].includes(m.type)) this.#send(from, { type: 'hangup', call: m.call, reason });
    return s;
  }

  /** A session description or a candidate of a link. An offer with a new number opens that link. */
  #described(s, from, m) {
    const party = s.name === 'inviting' ? s.facts.callees.includes(from.user) : same(from, s.peer ?? s.facts.caller);
    if (!party) return s;
    let link = s.facts.links.find((l) => same(l.peer, from) && l.number === m.link);
    if (!link && m.type === 'offer' && !s.facts.links.some((l) => same(l.peer, from) && l.number > m.link)) {
      link = this.#open(s.facts, from, m.link, false);
    }
    if (!link || (m.type === 'offer' && link.offerer) || (m.type === 'answer' && !link.offerer)) return s;
    const id = this.#id(s.facts, link);
    if (m.type === 'candidate') this.#out.push({ do: 'candidate', link: id, candidate: m.candidate, mline: m.mline });
    else this.#out.push({ do: m.type, link: id, sdp: m.sdp });
    return s;
  }

  // ---- inviting: it rings, or soon will, at the other end ----

  #invite({ users, media, camera = true }) {
    const callees = [...new Set(users)].filter((user) => user !== this.#me.user);
    if (!callees.length) return this.#state;
    const facts = this.#facts('outgoing', this.#ids(), media, this.#me, callees);
    const invite = { type: 'invite', call: facts.call, kind: 'single', media, callees, remaining_ms: this.#ring, agent: 'browser', early: this.#early };
    this.#out.push({ do: 'prepare', media: camera ? media : 'audio' });
    for (const user of callees) this.#send({ user }, invite);
    return {
      name: 'inviting', facts, mic: true, camera: camera && media === 'video', until: this.#now + this.#ring + LIMITS.backstop,
      users: new Map(callees.map((user) => [user, { devices: new Map(), out: [], grace: null, done: null, queued: false }])),
    };
  }

  #invitingHeard(s, from, m) {
    const user = s.users.get(from.user);
    if (!user) return s;
    if (m.type === 'accept') return this.#award(s, from, m);
    if (m.type === 'ringing' && !user.done) {
      this.#mark(s.facts, 'ringing_ms');
      const early = least(m.early, this.#early);
      user.devices.set(from.device, early);
      if (early !== 'off' && !s.facts.links.some((l) => same(l.peer, from))) this.#open(s.facts, from, 1, false);
    }
    if (m.type === 'reject') return this.#declined(s, from, user, m.reason);
    return s;
  }

  #declined(s, from, user, reason) {
    if (user.done) return s;
    this.#closeAll(s, (link) => same(link.peer, from));
    user.devices.delete(from.device);
    user.out.push(reason);
    if (reason === 'rejected') {
      user.done = reason;
      this.#send({ user: from.user }, { type: 'cancel', call: s.facts.call, reason: 'rejected_elsewhere' });
    } else if (!user.devices.size) {
      // Another device of the same user may be about to ring.
      user.grace = this.#now + (reason === 'no_answer' ? 0 : LIMITS.busyGrace);
    }
    return this.#settle(s);
  }

  /** Ends the call when no callee is left who could answer. */
  #settle(s) {
    for (const user of s.users.values()) {
      if (!user.done && user.grace != null && this.#now >= user.grace && !user.devices.size) user.done = heaviest(user.out);
      if (user.done || user.devices.size) user.grace = null;
    }
    const all = [...s.users.values()];
    return all.every((user) => user.done) ? this.#end(s, heaviest(all.map((user) => user.done))) : s;
  }

  /** This accept wins: confirm it, and tell everybody else who answered. */
  #award(s, winner, m) {
    const by = target(winner);
    this.#mark(s.facts, 'accept_ms');
    this.#mark(s.facts, 'confirm_ms');
    this.#send(winner, { type: 'confirm', call: s.facts.call });
    for (const user of s.facts.callees) this.#send({ user }, { type: 'cancel', call: s.facts.call, reason: 'answered_elsewhere', by });
    this.#closeAll(s, (link) => !same(link.peer, winner));
    return this.#talk(s, by, { inviter: true, offerer: false, agent: m.agent });
  }

  #inviting(s, input) {
    if (input.type === 'pressed' && (input.action === 'hangup' || input.action === 'leave')) return this.#giveUp(s, 'cancelled');
    if (input.type === 'result') {
      for (const user of s.users.values()) {
        if (input.call !== s.facts.call) continue;
        if (input.code === 'queued') user.queued = true;
        if (s.users.size === 1 && input.code === 'unknown_user') user.done = 'offline';
        if (input.code === 'forbidden' || input.code === 'bad_message') user.done = 'ended_by_server';
      }
      return this.#settle(s);
    }
    if (input.type === 'tick' && this.#now >= s.until) {
      return this.#giveUp(s, s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer');
    }
    if (input.type === 'tick') return this.#settle(s);
    return this.#switches(s, input);
  }

  #giveUp(s, reason) {
    const said = reason === 'offline' ? 'no_answer' : reason;
    for (const [user, { done }] of s.users) if (!done) this.#send({ user }, { type: 'cancel', call: s.facts.call, reason: said });
    return this.#end(s, reason);
  }

  // ---- ringing: somebody rings us ----

  #ringFor(from, m) {
    const early = least(m.early, this.#early);
    const facts = this.#facts('incoming', m.call, m.media, target(from), m.callees);
    this.#mark(facts, 'ringing_ms');
    this.#send(from, { type: 'ringing', call: m.call, agent: 'browser', early });
    const s = { name: 'ringing', facts, agent: m.agent, early, until: this.#now + m.remaining_ms, mic: true, camera: m.media === 'video' };
    if (early !== 'off') this.#open(facts, facts.caller, 1, m.agent === 'browser');
    return s;
  }

  #ringingHeard(s, from, m) {
    if (!same(from, s.facts.caller) || (m.type !== 'cancel' && m.type !== 'hangup')) return s;
    return this.#end(s, m.reason, m.by);
  }

  #ringing(s, input) {
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
    this.#mark(s.facts, 'accept_ms');
    this.#out.push({ do: 'prepare', media: camera ? 'video' : 'audio' });
    this.#accept(s);
    return { ...s, name: 'accepting', camera, until: this.#now + LIMITS.accept, resend: this.#now + LIMITS.resendAccept };
  }

  #accept(s) {
    this.#send(s.facts.caller, { type: 'accept', call: s.facts.call, agent: 'browser' });
  }

  // ---- accepting: picked up here, not confirmed yet ----

  #acceptingHeard(s, from, m) {
    if (!same(from, s.facts.caller)) return s;
    const won = m.type === 'confirm' || (m.type === 'cancel' && m.reason === 'answered_elsewhere' && m.by && same(m.by, this.#me));
    if (won) {
      this.#mark(s.facts, 'confirm_ms');
      return this.#talk(s, s.facts.caller, { inviter: false, offerer: s.agent === 'browser', agent: s.agent });
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
    if (input.type === 'tick' && this.#now >= s.resend) {
      this.#accept(s);
      return { ...s, resend: this.#now + LIMITS.resendAccept };
    }
    return this.#switches(s, input);
  }

  // ---- talking ----

  #talk(s, peer, { inviter, offerer, agent }) {
    const t = {
      name: 'talking', facts: s.facts, peer, inviter, offerer, agent, since: this.#now, mic: s.mic, camera: s.camera, captured: s.captured,
      remote: { audio: true, video: s.facts.media === 'video' }, setup: this.#now + LIMITS.setup, swap: null, lost: null, gone: null, said: null,
    };
    const newest = s.facts.links.at(-1);
    if (!newest) this.#open(s.facts, peer, 1, offerer);
    else if (newest.failed && offerer) this.#open(s.facts, peer, newest.number + 1, true);
    if (connected(t)) t.setup = null;
    return this.#tell(t);
  }

  #talkingHeard(s, from, m) {
    if (!same(from, s.peer)) {
      if (s.inviter && s.facts.callees.includes(from.user) && (m.type === 'accept' || m.type === 'ringing')) {
        this.#send(from, { type: 'cancel', call: m.call, reason: 'answered_elsewhere', by: s.peer });
      }
      return s;
    }
    switch (m.type) {
      case 'accept': this.#send(from, { type: 'confirm', call: m.call }); return s;
      case 'media': return { ...s, remote: { audio: m.audio, video: m.video } };
      case 'hangup': return this.#end(s, m.reason);
      case 'reject': return this.#end(s, 'hangup');
      case 'cancel': return s.inviter || (m.by && same(m.by, this.#me)) ? s : this.#end(s, m.reason, m.by);
      default: return s;
    }
  }

  #talking(s, input) {
    if (input.type === 'pressed' && (input.action === 'hangup' || input.action === 'leave')) return this.#hangUp(s, 'hangup');
    if (input.type === 'presence' && input.user === s.peer.user && (!input.device || input.device === s.peer.device)) {
      return { ...s, gone: input.online ? null : s.gone ?? this.#now };
    }
    // What the hub said of presence counts only while it is there to take it back.
    if (input.type === 'signaling' && !input.up) return { ...s, gone: null };
    if (input.type === 'tick') return this.#watch(s);
    return this.#switches(s, input);
  }

  #watch(s) {
    const past = (time) => time != null && this.#now >= time;
    if (past(s.setup)) return this.#hangUp(s, 'media_failed');
    if (past(after(s.lost, LIMITS.lost))) return this.#hangUp(s, 'network_lost');
    if (!connected(s) && past(after(s.gone, LIMITS.gone))) return this.#hangUp(s, 'network_lost');
    return past(s.swap) ? this.#dropOld(s) : s;
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
    const audio = s.mic && s.captured?.audio !== false;
    const video = s.camera && s.captured?.video !== false;
    if (s.said?.audio === audio && s.said?.video === video) return s;
    this.#send(s.peer, { type: 'media', call: s.facts.call, audio, video });
    return { ...s, said: { audio, video } };
  }

  // ---- links ----

  #linked(s, { link: id, event, ...more }) {
    const link = s.facts?.call === id.call && s.facts.links.find((l) => same(l.peer, id.peer) && l.number === id.number);
    if (!link) return s;
    switch (event) {
      case 'offer': case 'answer':
        this.#send(link.peer, { type: event, call: id.call, link: link.number, sdp: more.sdp });
        return s;
      case 'candidate':
        this.#send(link.peer, { type: 'candidate', call: id.call, link: link.number, candidate: more.candidate, mline: more.mline });
        return s;
      case 'ice': case 'first_audio': case 'first_frame_sent': case 'first_frame_shown':
        link.seen ||= event === 'first_frame_shown';
        this.#mark(s.facts, `${event}_ms`);
        return s.name === 'talking' && link.seen ? this.#dropOld(s) : s;
      case 'connected':
        link.connected = true;
        this.#mark(s.facts, 'dtls_ms');
        return s.name === 'talking' ? this.#recovered(s, link) : s;
      case 'disconnected': case 'failed':
        link.connected = false;
        link.failed ||= event === 'failed';
        return s.name === 'talking' ? this.#troubled(s, link) : s;
      default: return s;
    }
  }

  #recovered(s, link) {
    const older = s.facts.links.some((l) => l.number < link.number);
    const next = { ...s, lost: null, setup: null, swap: older ? this.#now + LIMITS.swap : s.swap };
    return older && s.facts.media === 'audio' ? this.#dropOld(next) : next;
  }

  /** Make before break: who offers in this pair opens the next link; the old one stays until the new one stands. */
  #troubled(s, link) {
    if (connected(s)) return s;
    const newest = s.facts.links.at(-1);
    if (s.offerer && newest === link) this.#open(s.facts, s.peer, link.number + 1, true);
    return { ...s, lost: s.lost ?? (s.setup ? null : this.#now) };
  }

  #dropOld(s) {
    const best = s.facts.links.findLast((link) => link.connected);
    if (best) this.#closeAll(s, (link) => link.number < best.number);
    return { ...s, swap: null };
  }

  #open(facts, peer, number, offerer) {
    const link = { peer: target(peer), number, offerer, connected: false, seen: false, failed: false, flow: null };
    facts.links.push(link);
    this.#out.push({ do: 'open', link: this.#id(facts, link), media: facts.media, offerer });
    return link;
  }

  #closeAll({ facts }, which = () => true) {
    for (const link of facts.links.filter(which)) this.#out.push({ do: 'close', link: this.#id(facts, link) });
    facts.links = facts.links.filter((link) => !which(link));
  }

  #id(facts, link) {
    return { call: facts.call, peer: link.peer, number: link.number };
  }

  // ---- what follows from the state alone: gates, the picture, the tone ----

  #follow() {
    const s = this.#state;
    for (const link of s.facts?.links ?? []) {
      const flow = this.#flow(s, link);
      if (JSON.stringify(flow) === JSON.stringify(link.flow)) continue;
      link.flow = flow;
      this.#out.push({ do: 'gate', link: this.#id(s.facts, link), flow });
    }
    const links = s.name === 'idle' || s.name === 'inviting' ? [] : s.facts.links;
    const used = links.findLast((link) => link.connected) ?? links[0] ?? null;
    if (used !== this.#used) this.#out.push({ do: 'use', link: used && this.#id(s.facts, used) });
    this.#used = used;
    if (s.name === 'ringing') this.#play('ring');
    else if (s.name === 'inviting') this.#play([...s.users.values()].some((user) => user.devices.size) ? 'ring_back' : 'silence');
    else if (s.name !== 'idle') this.#play('silence');
    this.#out.push({ do: 'show' });
  }

  #flow(s, link) {
    if (s.name === 'talking') return { sendAudio: s.mic, sendVideo: s.camera, playAudio: true, playVideo: true };
    const preview = s.name === 'inviting' ? s.users.get(link.peer.user)?.devices.get(link.peer.device) === 'preview' : s.early === 'preview';
    return { sendAudio: false, sendVideo: s.name === 'inviting' && preview && s.camera, playAudio: false, playVideo: s.name !== 'inviting' && preview };
  }

  #play(tone) {
    if (tone === this.#tone) return;
    this.#tone = tone;
    this.#out.push({ do: 'tone', tone });
  }

  // ---- the end ----

  #end(s, reason, by) {
    this.#closeAll(s);
    this.#decide(s.facts.call, { reason, by });
    this.#out.push({ do: 'release' });
    this.#record(s.facts, { reason, answeredBy: by, peer: s.peer, talked: s.since == null ? 0 : this.#now - s.since });
    this.#play(s.facts.direction === 'outgoing' && !['hangup', 'cancelled'].includes(reason) ? 'busy' : 'silence');
    return { name: 'idle' };
  }

  #record(facts, more) {
    const { links, startedAt, ...rest } = facts;
    this.#out.push({ do: 'record', record: { ...rest, lasted: this.#now - startedAt, talked: 0, ...more } });
  }

  #facts(direction, call, media, caller, callees) {
    return { call, direction, media, caller, callees, startedAt: this.#now, timing: {}, links: [] };
  }

  #mark(facts, step) {
    facts.timing[step] ??= Math.round(this.#now - facts.startedAt);
  }

  #decide(call, verdict) {
    this.#decided.set(call, verdict);
    if (this.#decided.size > LIMITS.decided) this.#decided.delete(this.#decided.keys().next().value);
  }

  #send(to, message) {
    this.#out.push({ do: 'send', to: to.device ? target(to) : { user: to.user }, message });
  }
}

const connected = (s) => s.facts.links.some((link) => link.connected);
