// The links of one call, from open to close. A pure part of the station.

import { same, target } from './facts.js';

/** The most links one peer may use up in a call; one that wants more is broken or hostile. */
const MOST = 256;

/** Every link of a call. Orders go into the `out` that each method takes. */
export class Lines {
  #call; #media;
  #links = [];

  constructor(call, media) {
    this.#call = call;
    this.#media = media;
  }

  /** Whether media can pass on one of them. */
  get connected() {
    return this.#links.some((link) => link.connected);
  }

  /** The newest of all. */
  get newest() {
    return this.#links.at(-1);
  }

  /** The one whose picture and sound are shown. */
  get best() {
    return this.#links.findLast((link) => link.connected) ?? this.#links[0] ?? null;
  }

  /** For a person, or a test. */
  get view() {
    return this.#links.map(({ peer, number, offerer, connected }) => ({ peer: `${peer.user}/${peer.device}`, number, offerer, connected }));
  }

  /** The link that an event of the media edge speaks of. */
  find({ call, peer, number }) {
    return call === this.#call && this.#links.find((link) => same(link.peer, peer) && link.number === number);
  }

  /** Whether there is a link with this device. */
  has(peer) {
    return this.#links.some((link) => same(link.peer, peer));
  }

  /** Names a link to the media edge. */
  id({ peer, number }) {
    return { call: this.#call, peer, number };
  }

  /** Sets one up: ICE and DTLS, all gates closed. */
  open(out, peer, number, offerer) {
    const link = { peer: target(peer), number, offerer, connected: false, seen: false, failed: false, flow: null };
    this.#links.push(link);
    out.push({ do: 'open', link: this.id(link), media: this.#media, offerer });
    return link;
  }

  /** Offers the next one; one that is on its way is given up for it. */
  offerNext(out, peer) {
    this.dropNext(out);
    const number = (this.newest?.number ?? 0) + 1;
    if (number <= MOST) this.open(out, peer, number, true);
  }

  /** Whether one that is newer than this number stands. */
  connectedSince(number) {
    return this.#links.some((link) => link.connected && link.number > number);
  }

  /** Tears those down that `which` picks. */
  close(out, which = () => true) {
    for (const link of this.#links.filter(which)) out.push({ do: 'close', link: this.id(link) });
    this.#links = this.#links.filter((link) => !which(link));
  }

  /** The links that are older than the best one have done their part. */
  dropOld(out) {
    if (this.connected) this.close(out, (link) => link.number < this.best.number);
  }

  /** What is on its way to take the place of the best one goes. */
  dropNext(out) {
    const least = this.best?.number;
    this.close(out, (link) => link.number > least && !link.connected);
  }

  /** Whether this one takes the place of an older one. */
  replaces(link) {
    return this.#links.some((other) => other.number < link.number);
  }

  /** A session description or a candidate of the peer. An offer with a new number opens that link. */
  heard(out, from, m) {
    let link = this.find({ call: m.call, peer: from, number: m.link });
    if (!link && m.type === 'offer' && m.link <= MOST && !this.#links.some((other) => same(other.peer, from) && other.number > m.link)) {
      link = this.open(out, from, m.link, false);
    }
    if (!link || (m.type === 'offer' && link.offerer) || (m.type === 'answer' && !link.offerer)) return;
    const { type, sdp, candidate, mline } = m;
    out.push(type === 'candidate' ? { do: type, link: this.id(link), candidate, mline } : { do: type, link: this.id(link), sdp });
  }

  /** Something happened on a link: sends what is to be sent, and says what it means: `[up|down|seen|nothing, link]`. */
  event(out, { link: id, event, sdp, candidate, mline }, mark) {
    const link = this.find(id);
    if (!link) return ['nothing', null];
    const send = (more) => out.push({ do: 'send', to: link.peer, message: { type: event, call: id.call, link: link.number, ...more } });
    switch (event) {
      case 'offer': case 'answer': send({ sdp }); break;
      case 'candidate': send({ candidate, mline }); break;
      case 'ice': case 'first_audio': case 'first_frame_sent': case 'first_frame_shown':
        link.seen ||= event === 'first_frame_shown';
        mark(`${event}_ms`);
        return [link.seen ? 'seen' : 'nothing', link];
      case 'connected':
        link.connected = true;
        mark('dtls_ms');
        return ['up', link];
      case 'disconnected': case 'failed':
        link.connected = false;
        link.failed ||= event === 'failed';
        return ['down', link];
    }
    return ['nothing', link];
  }

  /** Opens and closes the gates: `flowOf(link)` says what may pass. */
  gate(out, flowOf) {
    for (const link of this.#links) {
      const flow = flowOf(link);
      if (JSON.stringify(flow) === JSON.stringify(link.flow)) continue;
      link.flow = flow;
      out.push({ do: 'gate', link: this.id(link), flow });
    }
  }
}
