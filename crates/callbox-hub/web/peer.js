// One device that we talk with, and the media path to it. A pure part of the station, as `peer.rs` is.

import { sentOf } from './derived.js';
import { MediaRecovery } from './media_recovery.js';

/** One device that we talk with. */
export class Peer {
  /** Which join of a group call the device is by its own word; null: it has not said so yet. */
  place = null;
  /** Whether the device takes part in group calls. */
  groups = false;
  /** What the device says that it sends. */
  remote;
  /** What it was told of us last. */
  #said = null;

  /** The talk with it begins. `s`: the talk. */
  constructor(s, links, c) {
    this.path = new MediaRecovery(c.now, links);
    this.remote = { audio: true, video: s.facts.media === 'video' };
    if (s.moved || (s.interrupted && this.path.connecting)) this.path.networkChanged(c.now, c.out);
    this.path.ensureFirst(c.now, c.out);
    this.tellMute(s, c);
  }

  get device() { return this.path.links.peer; }

  /** Tells the device what is sent, and in which size its picture is wanted: once at the start and on every change. `again`: in any case. */
  tellMute(s, c, { again = false } = {}) {
    const { audio, video } = sentOf(s);
    const said = JSON.stringify([audio, video, s.want]);
    if (said === this.#said && !again) return;
    this.#said = said;
    c.send(this.device, { type: 'media', call: s.facts.call, audio, video, group: true, ...(s.want === 'small' && { want: s.want }) });
  }

  /** The device said something. */
  heard(m, c) {
    if (m.type === 'media') {
      this.remote = { audio: m.audio, video: m.video };
      this.groups = m.group === true;
      this.path.links.picture(m.want === 'small' ? 'small' : 'full', c.out);
    }
    this.path.heard(c.now, c.out, m);
  }

  /** For a person. */
  get view() {
    const state = this.path.connecting ? 'connecting' : this.path.broken ? 'lost' : 'talking';
    return { device: this.device, state, ...this.remote };
  }
}
