// The media path of a talk: its links, how the path stands, and what mends it. A pure part of the station, as `media_recovery.rs` is.

import { earliest } from './derived.js';

/** Every wait, in milliseconds. */
export const PATIENCE = {
  /** Media must flow this long after accept. */
  connect: 15_000,
  /** A new link must flow within this, or another one is tried; after `often` links that did not live, within `later`. */
  next: 4_000, later: 12_000, often: 3,
  /** A link that was begun no longer ago is not given up for what is heard meanwhile; it is looked at again then. */
  young: 1_000,
  /** A link that flowed for less than this has failed, whatever ended it. */
  lived: 5_000,
  /** The first wait after more than `often` links that did not live; it doubles up to `later`. */
  backOff: 1_000,
  /** The old link closes this long after the new one is connected, heard or not. */
  swap: 2_000,
  /** A peer whose media is gone is waited for this long: a minute without network, and then time to come back. */
  lost: 75_000,
  /** The same for a peer whose device went offline when its media ended: its process is gone. Chromium takes 4 to 8 s to notice
   *  that media is gone. */
  died: 3_000,
  /** How long before and after the silence was noticed here such a device is told to be offline. */
  wentBefore: 12_000, wentAfter: 4_000,
};

/** The media path to the peer of a talk. */
export class MediaRecovery {
  /** `{name: 'connecting', until, nextTry}`, `{name: 'up'}` or `{name: 'broken', since, nextTry}`. */
  #state;
  /** When the newest link was begun, or asked for, and whether nothing flows on it yet. */
  #tried; #awaited = false;
  /** Since when media flows on the newest link. */
  #flowsSince;
  /** Links in a row that flowed for less than `lived`. */
  #failures = 0;
  /** There was reason for the next link before its time: it is begun then, unless the newest one is connected by then. */
  #postponed = null;
  /** When the link that was replaced closes. */
  #swap = null;
  /** A link was needed and there are no more numbers. */
  #spent = null;
  /** Our own signalling is down. */
  #cutOff = false;
  /** The peer's device went offline then, and did not come back. */
  #went = null;

  /** The path over the links that were set up while it rang. */
  constructor(now, links) {
    this.links = links;
    this.#state = links.up ? { name: 'up' } : { name: 'connecting', until: now + PATIENCE.connect, nextTry: now };
    this.#tried = now;
    this.#flowsSince = links.up ? now : null;
  }

  /** Whether nothing has flowed yet. */
  get connecting() { return this.#state.name === 'connecting'; }

  /** Whether media is gone. */
  get broken() { return this.#state.name === 'broken'; }

  /** Since when media is gone, or null. */
  get brokenSince() { return this.broken ? this.#state.since : null; }

  /** When the next tick is due, or null. */
  get deadline() {
    return earliest(this.#deadlineOfState, this.#postponed, this.#swap, this.#spent);
  }

  get #deadlineOfState() {
    const { name, until, nextTry } = this.#state;
    if (name === 'connecting') return this.#wantsFirst ? Math.min(nextTry, until) : until;
    if (name === 'up') return null;
    return this.#mayWork ? Math.min(nextTry, this.#overAt) : this.#overAt;
  }

  /** Time has passed. Says why the talk must end, or null. */
  tick(now, out) {
    if (this.#spent !== null) return 'media_failed';
    if (this.#swap !== null && now >= this.#swap) {
      this.#swap = null;
      this.links.swap(out);
    }
    const { name, until, nextTry } = this.#state;
    if (name === 'connecting' && now >= until) return 'media_failed';
    if (name === 'connecting') this.ensureFirst(now, out);
    if (name === 'broken' && now >= this.#overAt) return 'network_lost';
    if (name === 'broken' && now >= nextTry && this.#mayWork) this.#renew(now, out);
    if (this.#postponed !== null && now >= this.#postponed) {
      this.#postponed = null;
      if (this.#mayWork) this.#renew(now, out);
    }
    return this.#spent === null ? null : 'media_failed';
  }

  /** While nothing has flowed yet: there must be a link that may come up. */
  ensureFirst(now, out) {
    if (!this.connecting || !this.#wantsFirst || now < this.#state.nextTry) return;
    this.links.offerNext(out);
    this.#state.nextTry = now + PATIENCE.next;
  }

  /** This device got another address, or its network back: the link may stand on what is gone. Make before break. */
  networkChanged(now, out) {
    this.#tryAgain(now, out);
  }

  /** What was offered, or asked for, while signalling went down or came up may be lost. */
  signaling(now, out, up) {
    this.#cutOff = !up;
    if (up && (this.#awaited || this.broken)) this.#tryAgain(now, out);
  }

  /** The peer's device came or went. */
  presence(now, out, online) {
    this.#went = online ? null : this.#went ?? now;
    if (online && this.broken) this.#tryAgain(now, out);
  }

  /** The peer said something. Who speaks is there, whatever presence says. */
  heard(now, out, m) {
    this.#went = null;
    if (m.type === 'media') return this.broken ? this.#tryAgain(now, out) : undefined;
    if (m.type === 'relink') return this.links.weOffer && !this.links.upSince(m.link) ? this.#tryAgain(now, out) : undefined;
    const { newest } = this.links;
    this.links.heard(now, out, m);
    if (m.type !== 'offer' || this.links.newest === newest) return undefined;
    // One that we asked for was counted when we asked.
    if (!this.#awaited) this.#count(now);
    return this.#begun(now);
  }

  /** Something happened on one of the links; `at` is the age of the call. Says why the talk must end, or null. */
  event(now, at, out, input) {
    const newest = input.link.number === this.links.newest;
    const news = this.links.event(at, out, input);
    if (news === 'refused') return 'media_failed';
    if (news === 'path') this.#pathChanged(now, out, newest, input.event);
    return null;
  }

  #pathChanged(now, out, newest, event) {
    if (newest && event === 'connected') {
      this.#awaited = false;
      this.#postponed = null;
      this.#flowsSince ??= now;
      this.#swap = this.links.beingReplaced ? now + PATIENCE.swap : null;
    } else if (newest) this.#died(now);
    if (this.links.up) this.#state = { name: 'up' };
    else if (this.connecting) this.ensureFirst(now, out);
    else if (!this.broken) {
      this.#state = { name: 'broken', since: now, nextTry: Math.max(now, this.#tried + this.#pause(now)) };
      if (this.#mayWork) this.#tryAgain(now, out);
    }
  }

  /** Begins the next link, or asks for it: at once, or as soon as its time comes. */
  #tryAgain(now, out) {
    if (this.connecting && this.links.newest === 0) return undefined;
    const due = this.#tried + this.#pause(now);
    if (now >= due) return this.#renew(now, out);
    this.#schedule(this.#tried);
    if (!this.connecting) this.#postponed = due;
    return undefined;
  }

  /** How long after the newest link the next one may be begun. */
  #pause(now) {
    const young = this.#awaited ? PATIENCE.young : 0;
    if (this.#hasLived(now) || this.#failures <= PATIENCE.often) return young;
    const doublings = Math.min(this.#failures - PATIENCE.often - 1, 4);
    return Math.max(Math.min(PATIENCE.backOff * 2 ** doublings, PATIENCE.later), young);
  }

  /** The next link: ours to offer, or to ask for. One that is on its way is given up for it. */
  #renew(now, out) {
    if (this.links.spent) {
      this.#spent = now;
      return;
    }
    if (this.links.weOffer) {
      this.links.dropNext(out);
      this.links.offerNext(out);
    } else this.links.askNext(out);
    this.#count(now);
    this.#begun(now);
  }

  /** Counts the newest link, which is about to be replaced, as failed unless it has lived. */
  #count(now) {
    this.#died(now);
    this.#failures += 1;
  }

  /** Nothing flows on the newest link any more. After one that has lived, failures are counted anew. */
  #died(now) {
    if (this.#hasLived(now)) this.#failures = 0;
    this.#flowsSince = null;
  }

  #hasLived(now) { return this.#flowsSince !== null && now >= this.#flowsSince + PATIENCE.lived; }

  #begun(now) {
    this.#flowsSince = null;
    this.#tried = now;
    this.#awaited = true;
    this.#postponed = this.#swap = null;
    this.#schedule(now);
  }

  /** The next attempt after the one that was begun then. */
  #schedule(begun) {
    const within = this.broken && this.#failures > PATIENCE.often ? PATIENCE.later : PATIENCE.next;
    if (this.#state.name !== 'up') this.#state.nextTry = begun + within;
  }

  get #wantsFirst() {
    const { weOffer, up, coming, spent } = this.links;
    return weOffer && !up && !coming && !spent;
  }

  /** Whether an offer, or a wish for one, can reach the peer. */
  get #mayWork() { return !this.#cutOff && this.#went === null; }

  get #overAt() {
    const { since } = this.#state;
    const died = this.#went !== null && this.#went + PATIENCE.wentBefore >= since && this.#went <= since + PATIENCE.wentAfter;
    return since + (died ? PATIENCE.died : PATIENCE.lost);
  }
}
