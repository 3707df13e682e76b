// One RTCPeerConnection a link: opens, describes, gates and closes what the station orders, and tells it what happens.

import { attempt } from './attempt.js';
import { usableServers } from './ice.js';

const FIRSTS_MS = 100;
const FIRSTS_FOR_MS = 60_000;
const HELD = 64;
/** What a peer that shows several pictures wants of ours (docs/protocol.md, `media`). */
const SMALL = { scaleResolutionDownBy: 2, maxFramerate: 15 };

const key = ({ call, peer, number }) => `${call}/${peer.user}/${peer.device}/${number}`;

/** Every link of this page. `tell(link, event, more)` reports; `settings`: {relay, codec}. */
export class Links {
  #links = new Map();
  #tracks = { audio: null, video: null };
  #tell; #settings;

  #iceServers = [];

  constructor({ tell, settings }) {
    this.#tell = tell;
    this.#settings = settings;
  }

  /** Whether this browser can make connections at all. Some have that switched off. */
  static get possible() {
    return attempt('RTCPeerConnection', () => typeof RTCPeerConnection === 'function', false);
  }

  /** Takes the servers for links made from now on. Returns those that cannot be used: `[{url, fault}]`. */
  use(servers) {
    if (!Links.possible) return [];
    const { usable, refused } = usableServers(servers, (iceServers) => new RTCPeerConnection({ iceServers }));
    this.#iceServers = usable;
    for (const { url, fault } of refused) console.warn('callbox: ICE server skipped:', url, fault);
    return refused;
  }

  /** Sets up ICE and DTLS, all gates closed. Throws when this browser cannot make one. */
  open(id, media, offerer) {
    const link = new Link(id, {
      media, offerer, iceServers: this.#iceServers, settings: this.#settings, tracks: this.#tracks,
      tell: (event, more) => this.#links.has(key(id)) && this.#tell(id, event, more),
    });
    this.#links.set(key(id), link);
    link.start();
  }

  /** The peer's description or candidate. */
  heard(id, kind, body) {
    this.#links.get(key(id))?.heard(kind, body);
  }

  /** What may pass from now on. */
  gate(id, flow) {
    this.#links.get(key(id))?.gate(flow);
  }

  /** The size of our picture that the peer wants: `full` or `small`. */
  picture(id, size) {
    this.#links.get(key(id))?.picture(size);
  }

  /** Tears one down. */
  close(id) {
    const link = this.#links.get(key(id));
    this.#links.delete(key(id));
    link?.close();
  }

  /** The microphone's and the camera's track, or null: sent wherever a gate is open. */
  send(tracks) {
    Object.assign(this.#tracks, tracks);
    for (const link of this.#links.values()) link.apply();
  }

  /** What the peer of this link sends. */
  stream(id) {
    return this.#links.get(key(id))?.stream ?? null;
  }

  /** What this peer of a group sends: on its newest link that is connected, before that on its first one. */
  streamOf(peer) {
    return this.#linkOf(peer)?.stream ?? null;
  }

  /** How loud this peer is just now, from 0 to 1. */
  levelOf(peer) {
    return this.#linkOf(peer)?.level ?? 0;
  }

  #linkOf({ user, device }) {
    const links = [...this.#links.values()].filter(({ peer }) => peer.user === user && peer.device === device);
    return links.findLast(({ pc }) => pc.connectionState === 'connected') ?? links[0] ?? null;
  }

  /** The raw statistics of every link, for a person who looks for a fault. */
  async stats() {
    const reports = await Promise.all([...this.#links.values()].map((link) => link.pc.getStats()));
    return reports.map((report) => [...report.values()]);
  }
}

class Link {
  #id; #options; #tell;
  #flow = { sendAudio: false, sendVideo: false, playAudio: false, playVideo: false };
  #steps = Promise.resolve();
  #held = [];
  #ready = false;
  #closed = false;
  #ended = false;
  #firsts = null;
  /** The size of our picture that is wanted, and the one that goes out. */
  #wanted = 'full';
  #sent = 'full';

  constructor(id, options) {
    this.#id = id;
    this.#options = options;
    this.#tell = options.tell;
    this.stream = new MediaStream();
    this.pc = new RTCPeerConnection({
      iceServers: options.iceServers, bundlePolicy: 'max-bundle', iceTransportPolicy: options.settings.relay ? 'relay' : 'all',
    });
    this.#listen();
  }

  /** The device at the other end. */
  get peer() {
    return this.#id.peer;
  }

  /** The level of the sound that comes in, as it is played: from 0 to 1. */
  get level() {
    if (!this.#flow.playAudio || this.#closed) return 0;
    const receivers = this.pc.getReceivers().filter(({ track }) => track.kind === 'audio');
    return Math.max(0, ...receivers.map((receiver) => receiver.getSynchronizationSources?.()[0]?.audioLevel ?? 0));
  }

  start() {
    this.#watchFirsts();
    if (!this.#options.offerer) return;
    this.#step(async () => {
      this.pc.addTransceiver('audio', { direction: 'sendrecv' });
      if (this.#options.media === 'video') this.pc.addTransceiver('video', { direction: 'sendrecv' });
      this.#prefer();
      await this.pc.setLocalDescription();
      this.#tell('offer', { sdp: this.pc.localDescription.sdp });
      this.apply();
    });
  }

  heard(kind, body) {
    if (kind === 'candidate') return this.#candidate(body);
    this.#step(async () => {
      if (!(await this.#take({ type: kind, sdp: body.sdp }))) return;
      if (kind === 'offer') {
        for (const transceiver of this.pc.getTransceivers()) transceiver.direction = 'sendrecv';
        this.#prefer();
        await this.pc.setLocalDescription();
        this.#tell('answer', { sdp: this.pc.localDescription.sdp });
      }
      await this.#sendPreferred();
      await this.#scale();
      this.#ready = true;
      for (const candidate of this.#held.splice(0)) await this.#add(candidate);
      this.apply();
    });
  }

  /** The peer's description. One that the browser cannot take is the peer's fault, and its next one would be no better. */
  async #take(description) {
    try {
      await this.pc.setRemoteDescription(description);
      return true;
    } catch (error) {
      // Out of turn: this link alone is broken.
      if (this.#closed || error.name === 'InvalidStateError') throw error;
      console.warn('callbox: description refused', key(this.#id), error);
      this.#tell('refused');
      return false;
    }
  }

  gate(flow) {
    this.#flow = flow;
    this.apply();
  }

  picture(size) {
    this.#wanted = size;
    this.#step(() => this.#scale());
  }

  /** Puts the tracks into, or takes them out of, the senders: what is not let through is not sent at all. */
  apply() {
    if (this.#closed) return;
    const wanted = { audio: this.#flow.sendAudio ? this.#options.tracks.audio : null, video: this.#flow.sendVideo ? this.#options.tracks.video : null };
    for (const transceiver of this.pc.getTransceivers()) {
      const track = wanted[transceiver.receiver.track.kind];
      if (transceiver.sender.track === track) continue;
      transceiver.sender.replaceTrack(track).catch((error) => this.#closed || console.warn('callbox: track refused', error));
    }
    for (const track of this.stream.getTracks()) track.enabled = track.kind === 'audio' ? this.#flow.playAudio : this.#flow.playVideo;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#firsts);
    this.pc.close();
  }

  #listen() {
    const { pc } = this;
    pc.ontrack = ({ track }) => {
      this.stream.addTrack(track);
      this.apply();
    };
    pc.onicecandidate = ({ candidate }) => {
      if (this.#ended) return;
      this.#ended = !candidate?.candidate;
      this.#tell('candidate', { candidate: candidate?.candidate ?? '', mline: candidate?.sdpMLineIndex ?? 0 });
    };
    pc.oniceconnectionstatechange = () => pc.iceConnectionState === 'connected' && this.#tell('ice');
    pc.onconnectionstatechange = () => {
      if (['connected', 'disconnected', 'failed'].includes(pc.connectionState)) this.#tell(pc.connectionState);
    };
  }

  /** One step after the other; one that fails breaks the link. */
  #step(work) {
    this.#steps = this.#steps.then(() => (this.#closed ? undefined : work())).catch((error) => {
      if (this.#closed) return;
      console.warn('callbox: link failed', key(this.#id), error);
      this.#tell('failed');
    });
  }

  #candidate(body) {
    if (this.#ready) this.#step(() => this.#add(body));
    else if (this.#held.length < HELD) this.#held.push(body);
  }

  async #add({ candidate, mline }) {
    try {
      await this.pc.addIceCandidate(candidate ? { candidate, sdpMLineIndex: mline } : undefined);
    } catch (error) {
      // One address less; the others may still find a path.
      if (!this.#closed) console.info('callbox: candidate refused', error.message);
    }
  }

  /** Narrows the video codecs to the one that was asked for. */
  #prefer() {
    const { codec } = this.#options.settings;
    if (!codec) return;
    const wanted = [`video/${codec}`, 'video/rtx'];
    const codecs = RTCRtpReceiver.getCapabilities('video').codecs.filter(({ mimeType }) => wanted.includes(mimeType.toLowerCase()));
    for (const transceiver of this.pc.getTransceivers()) {
      if (transceiver.receiver.track.kind === 'video' && codecs.length) transceiver.setCodecPreferences(codecs);
    }
  }

  /** The answer narrows what comes in only; what goes out is narrowed at the sender. */
  async #sendPreferred() {
    if (!this.#options.settings.codec) return;
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      const parameters = sender.getParameters();
      const codec = parameters.codecs.find(({ mimeType }) => mimeType.toLowerCase() === `video/${this.#options.settings.codec}`);
      if (receiver.track.kind !== 'video' || !codec || !parameters.encodings.length) continue;
      for (const encoding of parameters.encodings) encoding.codec = codec;
      await sender.setParameters(parameters);
    }
  }

  /** Sends our picture in the size that is wanted. A browser that cannot scale it sends it as it is. */
  async #scale() {
    const size = this.#wanted;
    if (size === this.#sent) return;
    for (const { sender, receiver } of this.pc.getTransceivers()) {
      const parameters = sender.getParameters();
      if (receiver.track.kind !== 'video' || !parameters.encodings?.length) continue;
      for (const encoding of parameters.encodings) {
        encoding.scaleResolutionDownBy = size === 'small' ? SMALL.scaleResolutionDownBy : 1;
        if (size === 'small') encoding.maxFramerate = SMALL.maxFramerate;
        else delete encoding.maxFramerate;
      }
      try {
        await sender.setParameters(parameters);
        this.#sent = size;
      } catch (error) {
        console.info('callbox: the picture is not scaled', error.name, error.message);
      }
    }
  }

  /** Looks often, for a while, for the first sound and the first frames. */
  #watchFirsts() {
    const told = new Set();
    const until = performance.now() + FIRSTS_FOR_MS;
    const once = (event) => {
      if (told.has(event)) return;
      told.add(event);
      this.#tell(event);
    };
    const look = async () => {
      if (this.#closed) return;
      for (const stat of (await this.pc.getStats()).values()) {
        if (stat.type === 'inbound-rtp' && stat.kind === 'audio' && stat.packetsReceived > 0 && this.#flow.playAudio) once('first_audio');
        if (stat.type === 'inbound-rtp' && stat.kind === 'video' && stat.framesDecoded > 0) once('first_frame_shown');
        if (stat.type === 'outbound-rtp' && stat.kind === 'video' && stat.framesSent > 0) once('first_frame_sent');
      }
      if (!this.#closed && told.size < 3 && performance.now() < until) this.#firsts = setTimeout(look, FIRSTS_MS);
    };
    this.#firsts = setTimeout(look, FIRSTS_MS);
  }
}
