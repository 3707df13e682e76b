// The media path of a talk: how it stands, and what is done when it breaks. A pure part of the station, as `path.rs` is.

/** Every wait, in milliseconds. */
export const PATIENCE = {
  /** Media must flow so long after accept. */
  setup: 15_000,
  /** A new link must flow within this, or another one is tried; after `often` attempts in vain, within `later`. */
  next: 4_000, later: 12_000, often: 3,
  /** A link that was begun no longer ago is not given up for what is heard meanwhile; it is looked at again then. */
  young: 1_000,
  /** A peer whose media is gone is waited for this long: a minute without network, and then time to come back. */
  lost: 75_000,
  /** The same for a peer whose device went offline when its media ended: its process is gone. Chromium takes 4 to 8 s to notice
   *  that media is gone, so it is missed 11 s later at most, as a panel misses it. */
  died: 3_000,
  /** How much sooner, or later, than the break is noticed here such a device is told to be offline. */
  wentBefore: 12_000, wentAfter: 4_000,
  /** The old link goes so long after the new one stands, picture or not. */
  swap: 2_000,
};

const first = (...times) => times.reduce((a, b) => (b == null ? a : a == null ? b : Math.min(a, b)), null);

/** The media path to the peer of a talk. `send(message)` puts a message for the peer into `out`. */
export class Path {
  #lines; #peer; #offerer; #audio; #call;
  /** Nothing has flowed yet, and must by then. */
  #until;
  /** Since when media is gone, and when another link is tried. */
  #lost = null; #next = null; #tries = 0;
  /** When the newest link was begun, or asked for, and whether something flows on it yet. */
  #tried; #awaited = false;
  /** The newest link was too young to be given up when there was reason to: it must stand by then. */
  #doubted = null;
  #cutOff = false;
  #went = null;
  #swap = null;

  constructor(now, out, { lines, peer, offerer, facts, moved }) {
    this.#lines = lines;
    this.#peer = peer;
    this.#offerer = offerer;
    this.#audio = facts.media === 'audio';
    this.#call = facts.call;
    this.#tried = now;
    this.#until = lines.connected ? null : now + PATIENCE.setup;
    const { newest } = lines;
    if (!newest || (newest.failed && offerer)) lines.open(out, peer, (newest?.number ?? 0) + 1, offerer);
    else if (moved) this.networkChanged(now, out);
  }

  /** Whether media is gone. */
  get lost() { return this.#lost != null; }

  /** When the next tick is due, or null. */
  get deadline() {
    const mends = this.lost && this.#mayWork ? this.#next : null;
    return first(this.#until, this.#swap, this.lost ? this.#overAt : null, mends, this.#doubted);
  }

  /** Time has passed. Says why the talk must end, or null. */
  tick(now, out) {
    const past = (time) => time != null && now >= time;
    if (past(this.#until)) return 'media_failed';
    if (this.lost && past(this.#overAt)) return 'network_lost';
    if (past(this.#swap)) this.#dropOld(out);
    if (this.lost && this.#mayWork && past(this.#next)) this.#renew(now, out);
    if (past(this.#doubted)) this.#lookAgain(now, out);
    return null;
  }

  /** Something happened on a link: `news` is what it means. */
  linked(now, out, news, link) {
    if (news === 'up') this.#up(now, out, link);
    if (news === 'down') this.#down(now, out, link);
    if (news === 'seen') this.#dropOld(out);
  }

  /** What was offered, or asked for, while signalling went down or came up may be lost. */
  signaling(now, out, up) {
    this.#cutOff = !up;
    if (up && (this.lost || this.#awaited)) this.#tryAgain(now, out);
  }

  /** The peer's device came or went. */
  presence(now, out, online) {
    this.#went = online ? null : this.#went ?? now;
    if (online && this.lost) this.#tryAgain(now, out);
  }

  /** This device got another address, or its network back: the link may stand on what is gone. */
  networkChanged(now, out) {
    if (this.#lines.newest) this.#tryAgain(now, out);
  }

  /** The peer said something. Who speaks is there, whatever presence says. */
  heard(now, out, m) {
    this.#went = null;
    if (m.type === 'media') return this.lost && this.#tryAgain(now, out);
    if (m.type === 'relink') return this.#offerer && !this.#lines.connectedSince(m.link) && this.#tryAgain(now, out);
    const newest = this.#lines.newest?.number ?? 0;
    if (m.type === 'offer' && !this.#offerer && m.link > newest) this.#lines.dropNext(out);
    this.#lines.heard(out, this.#peer, m);
    if (m.type === 'offer' && this.#lines.newest?.number !== newest) this.#begun(now);
  }

  #up(now, out, link) {
    this.#lost = this.#until = null;
    if (link === this.#lines.newest) this.#awaited = false;
    if (!this.#lines.replaces(link)) return;
    this.#swap = now + PATIENCE.swap;
    if (this.#audio) this.#dropOld(out);
  }

  #down(now, out, link) {
    if (this.#lines.connected) return;
    if (this.#until != null) {
      if (this.#offerer && this.#lines.newest === link) this.#renew(now, out);
      return;
    }
    if (this.lost) return;
    this.#lost = this.#next = now;
    this.#tries = 0;
    if (this.#mayWork) this.#tryAgain(now, out);
  }

  /** Make before break: the old link stays until the new one stands. */
  #dropOld(out) {
    this.#lines.dropOld(out);
    this.#swap = null;
  }

  #tryAgain(now, out) {
    const young = this.#tried + PATIENCE.young;
    if (!this.#awaited || now >= young) return this.#renew(now, out);
    this.#schedule(this.#tried);
    if (this.#until == null) this.#doubted = young;
  }

  /** What was said about a young link may have gone where the old connection went. */
  #lookAgain(now, out) {
    this.#doubted = null;
    if (this.#awaited && this.#mayWork) this.#renew(now, out);
  }

  /** The next link: ours to offer, or to ask for. One that is on its way is given up for it. */
  #renew(now, out) {
    if (this.#offerer) this.#lines.offerNext(out, this.#peer);
    else out.push({ do: 'send', to: this.#peer, message: { type: 'relink', call: this.#call, link: this.#lines.newest?.number ?? 0 } });
    this.#begun(now);
  }

  #begun(now) {
    this.#tried = now;
    this.#awaited = true;
    this.#doubted = null;
    this.#schedule(now);
  }

  #schedule(begun) {
    this.#next = begun + (this.#tries < PATIENCE.often ? PATIENCE.next : PATIENCE.later);
    this.#tries += 1;
  }

  /** Whether an offer, or a wish for one, can reach the peer. */
  get #mayWork() { return !this.#cutOff && this.#went == null; }

  get #overAt() {
    const died = this.#went != null && this.#went + PATIENCE.wentBefore >= this.#lost && this.#went <= this.#lost + PATIENCE.wentAfter;
    return this.#lost + (died ? PATIENCE.died : PATIENCE.lost);
  }
}
