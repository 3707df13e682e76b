// The links to one device: the current one and, while that is being replaced, the next one. A pure part of the station, as
// `peer_links.rs` is.

import { Bucket } from './bucket.js';
import { same, target } from './call.js';

/** The most links to one device in a call; a peer that wants more is broken or hostile. */
const MOST_LINKS = 256;
/** The peer may cause this many links at once, and one more in each … */
const CAUSED_BY_PEER = [8, 2_000];
const OF_LINK = ['ice_ms', 'dtls_ms', 'first_audio_ms', 'first_frame_sent_ms', 'first_frame_shown_ms'];
const STEPS = { ice: 'ice_ms', connected: 'dtls_ms', first_audio: 'first_audio_ms', first_frame_sent: 'first_frame_sent_ms', first_frame_shown: 'first_frame_shown_ms' };

/** The peer was heard or seen on it. */
const carried = ({ timing }) => timing.first_frame_shown_ms != null || timing.first_audio_ms != null;

/** Everything known about the media path to one device of a call. Orders go into the `out` that each method takes. */
export class PeerLinks {
  #call; #media;
  #current = null; #next = null;
  /** The size of our picture that the peer wants. */
  #size = 'full';
  #causedByPeer = new Bucket(...CAUSED_BY_PEER);
  /** How the talk was set up, while there is no link. */
  #carried = null;
  /** The number of the newest link; 0: there was none. */
  newest = 0;

  /** `weOffer`: we make the offer of every link. */
  constructor({ call, media }, peer, weOffer) {
    this.#call = call;
    this.#media = media;
    this.peer = target(peer);
    this.weOffer = weOffer;
  }

  get #links() { return [this.#current, this.#next].filter(Boolean); }

  /** Whether media may flow on one of the links. */
  get up() { return this.#links.some(({ path }) => path === 'up'); }

  /** Whether a link is on its way up. */
  get coming() { return this.#links.some(({ path }) => path === 'coming'); }

  /** Whether media may flow on a link that is newer than this one. */
  upSince(number) { return this.#links.some((link) => link.number > number && link.path === 'up'); }

  /** Whether one link is about to take the place of another one that still stands. */
  get beingReplaced() { return this.#next !== null; }

  /** Whether there is no number for another link. */
  get spent() { return this.newest >= MOST_LINKS; }

  /** The link whose picture and sound are shown, or null. */
  get best() {
    const link = this.#next?.path === 'up' ? this.#next : this.#current;
    return link && this.#id(link.number);
  }

  /** For a person, or a test. */
  get view() {
    const peer = `${this.peer.user}/${this.peer.device}`;
    return this.#links.map(({ number, path }) => ({ peer, number, offerer: this.weOffer, connected: path === 'up' }));
  }

  /** Starts the next link if the offer is ours to make and none is on its way. */
  offerNext(out) {
    if (this.weOffer && !this.#next && !this.spent) this.#open(this.newest + 1, out);
  }

  /** Asks the peer for the next link, which is theirs to offer. */
  askNext(out) {
    this.#send(out, { type: 'relink', link: this.newest });
  }

  /** Gives up the link that is on its way. */
  dropNext(out) {
    if (this.#next) this.#close(this.#next, out);
    this.#next = null;
  }

  /** The next link, once it is connected, has had its time to be seen or heard: the current one closes. */
  swap(out) {
    if (this.#next?.path === 'up') this.#replaceCurrent(out);
  }

  /** The peer was restarted and knows no link: ours go, and a peer that offers counts from 1 again. */
  startOver(now, out) {
    const hadLink = this.#current !== null;
    this.close(out);
    if (!this.weOffer) this.newest = 0;
    else if (hadLink && this.#causedByPeer.take(now)) this.offerNext(out);
  }

  /** Tears everything down. */
  close(out) {
    for (const link of this.#links) this.#close(link, out);
    this.#current = this.#next = null;
  }

  /** An offer, answer or candidate of the peer. Those of links that are gone change nothing. */
  heard(now, out, { type, link, sdp, candidate, mline }) {
    if (type === 'offer' && !this.weOffer && link > this.newest && link <= MOST_LINKS) {
      if (!this.#causedByPeer.take(now)) return;
      this.dropNext(out);
      this.#open(link, out);
      out.push({ do: 'offer', link: this.#id(link), sdp });
    } else if (type === 'answer' && this.weOffer && this.#find(link)) out.push({ do: 'answer', link: this.#id(link), sdp });
    else if (type === 'candidate' && this.#find(link)) out.push({ do: 'candidate', link: this.#id(link), candidate, mline });
  }

  /**
   * Something happened on a link; `at` is the age of the call. Returns `path` when it has to be looked at anew if media may flow, `refused`
   * when no description of the peer can be taken, so that no link with it will ever come up, and null otherwise.
   */
  event(at, out, { link: { number }, event, sdp, candidate, mline }) {
    const link = this.#find(number);
    if (!link) return null;
    switch (event) {
      case 'offer': case 'answer': this.#send(out, { type: event, link: number, sdp }); return null;
      case 'candidate': this.#send(out, { type: event, link: number, candidate, mline }); return null;
      case 'disconnected': case 'failed': case 'refused': return this.#broke(link, event, out);
    }
    const step = STEPS[event];
    if (!step) return null;
    if (event === 'connected') link.path = 'up';
    link.timing[step] ??= at;
    this.#takeOver(out);
    return event === 'connected' ? 'path' : null;
  }

  /** The set-up times of the link that carries the call, beside those of the call itself. */
  timing(ofCall) {
    const ofLink = this.#current?.timing ?? this.#carried ?? {};
    const times = OF_LINK.filter((step) => ofLink[step] != null).map((step) => [step, ofLink[step]]);
    return { ...Object.fromEntries(Object.entries(ofCall).filter(([step]) => !OF_LINK.includes(step))), ...Object.fromEntries(times) };
  }

  /** Opens and closes the gates. */
  gate(out, flow) {
    for (const link of this.#links) {
      if (JSON.stringify(flow) === JSON.stringify(link.flow)) continue;
      link.flow = flow;
      out.push({ do: 'gate', link: this.#id(link.number), flow });
    }
  }

  /** The size of our picture that the peer wants, on this link and on those that replace it. */
  picture(size, out) {
    if (this.#size === size) return;
    this.#size = size;
    for (const { number } of this.#links) out.push({ do: 'picture', link: this.#id(number), size });
  }

  #open(number, out) {
    this.newest = number;
    const link = { number, path: 'coming', timing: this.#carried ?? {}, flow: null };
    this.#carried = null;
    if (this.#current) this.#next = link;
    else this.#current = link;
    out.push({ do: 'open', link: this.#id(number), media: this.#media, offerer: this.weOffer });
    if (this.#size !== 'full') out.push({ do: 'picture', link: this.#id(number), size: this.#size });
  }

  #broke(link, event, out) {
    if (link === this.#next) this.dropNext(out);
    else if (event === 'disconnected') {
      // It may come back by itself.
      link.path = 'silent';
      this.#takeOver(out);
    } else {
      // It cannot: whatever is on its way takes its place.
      this.#replaceCurrent(out);
      if (event === 'refused' && !this.#current) return 'refused';
    }
    return 'path';
  }

  /** Make before break: the old link goes when the new one is seen or heard, or is up while the old one is not. */
  #takeOver(out) {
    const next = this.#next;
    if (!next) return;
    if (carried(next) || (next.path === 'up' && this.#current?.path !== 'up')) this.#replaceCurrent(out);
  }

  /** The next link, if there is one, takes the place of the current one, and inherits how the talk was set up. */
  #replaceCurrent(out) {
    const old = this.#current;
    this.#current = this.#next;
    this.#next = null;
    if (!old) return;
    this.#close(old, out);
    if (!carried(old)) return;
    if (this.#current) this.#current.timing = old.timing;
    else this.#carried = old.timing;
  }

  #find(number) { return this.#links.find((link) => link.number === number); }
  #close({ number }, out) { out.push({ do: 'close', link: this.#id(number) }); }
  #id(number) { return { call: this.#call, peer: this.peer, number }; }

  #send(out, { type, ...more }) {
    out.push({ do: 'send', to: this.peer, message: { type, call: this.#call, ...more } });
  }

  /** Whether a link of this name may be ours. */
  isOf({ call, peer }) { return call === this.#call && same(peer, this.peer); }
}
