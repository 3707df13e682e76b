// Users whom this device rings, and the devices of theirs that ring. A pure part of the station, as `invitations.rs` is.

import { at, least, reasonForCallee, target, weOffer } from './call.js';
import { Callees } from './callees.js';
import { earliest } from './derived.js';
import { Devices } from './devices.js';
import { PeerLinks } from './peer_links.js';

/** The callee's own timer is authoritative; ours is a backstop this much later. In milliseconds. */
const BACKSTOP = 5_000;
/** The invite is not said again to a device that came online sooner than this after the last time: it has that one. */
const SAY_AGAIN = 3_000;
/** The most devices that ring for one invite. */
const MOST_DEVICES = 32;
/** Of what the hub says of an invite; everything else is `ended_by_server`. */
const REASONS = { offline: 'offline', unknown_user: 'offline', unsupported_version: 'unsupported_version' };

/** One invite to some users. */
export class Invitations {
  #users; #callees;
  /** When the callees' own timers end. */
  #until;
  /** The devices that ring, with their links. */
  #devices = new Devices();
  /** Those of them that see our picture before they accept. */
  #previews = new Devices();
  /** Devices that refused: what they said before that, and arrives after it, counts no more. */
  #left = new Devices();
  /** When the invite was said last. */
  #said;

  /** Sends the invite. */
  constructor(facts, users, c) {
    this.#users = users;
    this.#callees = new Callees(users);
    this.#until = c.now + c.ring;
    this.sayAgain(facts, c);
  }

  /** Rings everybody anew who may still answer, with the time that is left: what was said before may be lost. */
  sayAgain(facts, c) {
    this.#said = c.now;
    for (const user of this.#callees.open) this.#sayTo(facts, user, c);
  }

  #sayTo({ call, kind, media }, user, c) {
    const left = Math.floor(this.#until - c.now);
    const message = { type: 'invite', call, kind, media, callees: this.#users, remaining_ms: left, agent: 'browser', early: c.early(user) };
    if (left > 0) c.send({ user }, message);
  }

  /** A device of a callee came online and has said nothing yet: what was said while it was away may be nowhere any more. */
  came(facts, device, c) {
    const rings = this.#devices.has(device) || this.#left.has(device);
    if (rings || !this.isOpen(device.user) || c.now < this.#said + SAY_AGAIN) return;
    this.#said = c.now;
    this.#sayTo(facts, device.user, c);
  }

  /** When `settle` or `isOver` may have news. */
  get deadline() { return earliest(this.#until + BACKSTOP, this.#callees.deadline); }

  /** Whether the callees' time is over, and they have not said so. */
  isOver(now) { return now >= this.#until + BACKSTOP; }

  /** The reason when nobody is left who may answer, or null. */
  settle(now) { return this.#callees.settle(now); }

  /** A device that rings, or whose user is rung, says something that is not about taking part. Says whether it refused. */
  heard(facts, from, m, c) {
    switch (m.type) {
      case 'ringing':
        if (this.isOut(from)) this.tellOut(facts, from, c);
        else this.#rings(facts, from, m, c);
        return false;
      case 'reject': case 'hangup':
        this.refused(facts, from, m.reason, c);
        return true;
      case 'offer': case 'answer': case 'candidate':
        this.#devices.get(from)?.heard(c.now, c.out, m);
        return false;
      default: return false;
    }
  }

  /** Whether this device, or its user, has refused already. */
  isOut(device) { return this.#left.has(device) || !this.isOpen(device.user); }

  /** Tells a device that its user has refused already. */
  tellOut({ call }, device, c) {
    const refusal = this.#callees.refusal(device.user);
    c.send(device, { type: 'cancel', call, reason: refusal === null ? 'cancelled' : reasonForCallee(refusal) });
  }

  /** The hub says how the invite to this user fared. That it was passed on, or waits, is nobody's answer. Says whether the user is out. */
  fared(user, code) {
    if (!this.has(user)) return false;
    if (code === 'queued') this.#callees.waits(user);
    const ringsThere = this.devices.some((device) => device.user === user);
    if (code === 'ok' || code === 'queued' || ringsThere || !this.isOpen(user)) return false;
    this.#callees.giveUp(user, REASONS[code] ?? 'ended_by_server');
    return true;
  }

  /** A device refused: its links go. */
  refused(facts, from, reason, c) {
    this.#devices.take(from)?.close(c.out);
    this.#left.add(from);
    const othersRing = this.devices.some(({ user }) => user === from.user);
    if (this.#callees.declined(c.now, from.user, reason, othersRing)) this.#silence(facts, from.user, 'rejected_elsewhere', null, c);
  }

  /** Stops every device of a user: it has answered, for all of them. */
  #silence({ call }, user, reason, by, c) {
    for (const device of this.devices.filter((one) => one.user === user)) this.#devices.take(device).close(c.out);
    c.send({ user }, { type: 'cancel', call, reason, ...(by && { by: target(by) }) });
  }

  /** This device comes in: its links, or null. It is no callee any more. */
  take(device) { return this.#devices.take(device); }

  /** A device of this user is in: its others need not ring. In a group the remaining callees ring on. */
  answered(facts, by, c) {
    this.#silence(facts, by.user, 'answered_elsewhere', by, c);
    this.#callees.giveUp(by.user, 'answered_elsewhere');
  }

  /** Tells every callee that it need not ring, and closes the links that were not chosen. */
  cancel({ call }, reason, by, c) {
    this.close(c);
    for (const user of this.#callees.all) {
      if (this.#callees.refusal(user) !== 'answered_elsewhere') c.send({ user }, { type: 'cancel', call, reason, ...(by && { by: target(by) }) });
    }
  }

  /** Lets go of every link without a word: others let the devices in. */
  close(c) {
    for (const links of this.#devices.values) links.close(c.out);
  }

  /** Something happened on a link to a device that rings. Says whether the device is out. An early link that breaks costs only its head
   *  start: the next one is made after accept. */
  linked(facts, input, c) {
    const { peer } = input.link;
    if (this.#devices.get(peer)?.event(at(facts, c.now), c.out, input) !== 'refused') return false;
    // This device is out, and learns it at once; the others ring on.
    c.send(peer, { type: 'cancel', call: facts.call, reason: 'media_failed' });
    this.refused(facts, peer, 'media_failed', c);
    return true;
  }

  /** One more device rings, or one of them rings again after a restart. */
  #rings(facts, from, m, c) {
    const known = this.#devices.get(from);
    if (known) {
      if (!m.link) known.startOver(c.now, c.out);
      return;
    }
    if (this.#devices.size >= MOST_DEVICES) return;
    this.#callees.rings(from.user);
    facts.timing.ringing_ms ??= at(facts, c.now);
    const early = least(m.early, c.early(from.user));
    const links = new PeerLinks(facts, from, weOffer(facts, c.me, from, m.agent));
    if (early === 'preview') this.#previews.add(from);
    if (early !== 'off') links.offerNext(c.out);
    this.#devices.set(from, links);
  }

  // ---- what can be seen ----

  /** The devices that ring, in order. */
  get devices() { return this.#devices.keys; }

  /** Their links. */
  get links() { return this.#devices.values; }

  /** Whether this device sees our picture before it accepts. */
  previews(device) { return this.#previews.has(device); }

  /** Whether this user is, or was, asked. */
  has(user) { return this.#callees.has(user); }

  /** Whether this user may still answer. */
  isOpen(user) { return this.#callees.isOpen(user); }

  /** Users who may still answer. */
  get open() { return this.#callees.open; }

  /** Users whom the invite waits for: they are not connected. */
  get waiting() { return this.#callees.waiting(this.devices); }

  /** Users who will not come, and why: `[{user, reason}]`. */
  get refusals() {
    const all = this.#callees.all.map((user) => ({ user, reason: this.#callees.refusal(user) }));
    return all.filter(({ reason }) => reason !== null && reason !== 'answered_elsewhere');
  }

  /** When nobody answers, for a person. */
  get until() { return this.#until + BACKSTOP; }
}
