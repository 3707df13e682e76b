// Carries out what the station orders: links, tones, devices, and the record of a call.

import { Capture } from './media.js';
import { isMissed } from './words.js';

/** How long a word about the end of a call stays. */
const ENDED_MS = { brief: 4_000, long: 12_000 };

/** `parts`: {model, store, links, capture, tones, view}. `session()` is the one that runs; `painted()` repaints. */
export class Effects {
  #parts; #session; #painted;
  #dismissal = null;

  constructor(parts, { session, painted }) {
    this.#parts = parts;
    this.#session = session;
    this.#painted = painted;
  }

  /** One effect of the station. What it throws is the caller's to handle. */
  carryOut(effect) {
    const { links, tones } = this.#parts;
    switch (effect.do) {
      case 'send': return this.#session().send(effect.to, effect.message);
      case 'prepare': return this.#prepare(effect.media);
      case 'release': return this.#release();
      case 'open': return links.open(effect.link, effect.media, effect.offerer);
      case 'offer': case 'answer': case 'candidate': return links.heard(effect.link, effect.do, effect);
      case 'gate': return links.gate(effect.link, effect.flow);
      case 'picture': return links.picture(effect.link, effect.size);
      case 'close': return links.close(effect.link);
      case 'use': return this.#use(effect.link);
      case 'tone': return tones.play(effect.tone);
      case 'record': return this.#ended(effect.record);
      default: return undefined;
    }
  }

  /** The person has read how the call ended. */
  dismiss() {
    clearTimeout(this.#dismissal);
    this.#parts.model.ended = null;
    this.#painted();
  }

  /** Other tracks of microphone and camera, or none. */
  async captured(tracks) {
    const { model, links } = this.#parts;
    model.capture = tracks;
    links.send(tracks);
    this.#session()?.feed({ type: 'capture', audio: Boolean(tracks.audio), video: Boolean(tracks.video) });
    model.cameras = await Capture.cameras();
    this.#painted();
  }

  #prepare(media) {
    const { model, capture } = this.#parts;
    model.ended = null;
    model.reason = null;
    capture.want({ audio: true, video: media === 'video' });
  }

  #release() {
    const { model, links, capture } = this.#parts;
    capture.release();
    links.send({ audio: null, video: null });
    model.capture = null;
    model.facing = 'user';
  }

  /** This link's picture and sound are the ones to show from now on. */
  #use(link) {
    const { model, links, view } = this.#parts;
    model.stream = link && links.stream(link);
    if (!link) return;
    view.remote.requestVideoFrameCallback?.(() => this.#session()?.feed({ type: 'link', link, event: 'first_frame_shown' }));
  }

  #ended(record) {
    const { model, store } = this.#parts;
    if (record.reason === 'busy' && record.direction === 'incoming') {
      model.recent = store.remember(model.me, { ...record, at: Date.now(), fresh: true });
      return;
    }
    const session = this.#session();
    const opened = session.door.opened(record.call);
    model.reason = record.reason;
    model.timing = record.timing;
    model.recent = store.remember(model.me, { ...record, opened, at: Date.now(), fresh: isMissed(record) });
    session.ended(record);
    this.#show({ ...record, opened });
  }

  #show(record) {
    this.#parts.model.ended = record;
    clearTimeout(this.#dismissal);
    const brief = ['hangup', 'cancelled', 'rejected'].includes(record.reason) && !isMissed(record);
    this.#dismissal = setTimeout(() => this.dismiss(), brief ? ENDED_MS.brief : ENDED_MS.long);
  }
}
