// The pictures of a group call: one tile for each peer, with its name and marks, and one of them pinned where the person wants it.

import { keyOf } from './call.js';
import { labelsOf } from './group.js';
import { layout } from './layout.js';
import { avatar, icon, iconButton, node } from './nodes.js';
import { nameOf, peerWords } from './words.js';

const LOOK_MS = 250;
/** A picture without a new frame for this long is said to stand still. */
const FROZEN_MS = 3_000;
/** Speech is marked from this level on, and for this long after it. */
const LOUD = 0.02;
const SPOKE_MS = 600;

/** `stage`: the list element. `changed()`: the tiles moved, or their marks did. `blocked()`: the browser wants a touch before it plays sound. */
export class Tiles {
  #stage; #changed; #blocked;
  #tiles = new Map();
  #order = [];
  #pinned = null;
  #source = null;
  #size = '';

  constructor(stage, { changed, blocked }) {
    this.#stage = stage;
    this.#changed = changed;
    this.#blocked = blocked;
    stage.addEventListener('click', (event) => {
      const tile = event.target.closest('.tile');
      if (tile) this.#pin(tile.dataset.key);
    });
    new ResizeObserver(() => this.#arrange()).observe(stage);
    setInterval(() => this.#look(), LOOK_MS);
  }

  /** Paints a tile for each of `peers`, or with `null` takes all of them away. `source`: {stream(device), level(device)}. */
  paint(peers, source) {
    this.#source = source;
    const there = new Set((peers ?? []).map(({ device }) => keyOf(device)));
    for (const [key, tile] of this.#tiles) if (!there.has(key)) this.#remove(key, tile);
    if (!there.has(this.#pinned)) this.#pinned = null;
    this.#order = [...there];
    if (!peers) return;
    const labels = labelsOf(peers, nameOf);
    for (const peer of peers) {
      const key = keyOf(peer.device);
      if (!this.#tiles.has(key)) this.#add(key, peer);
      this.#paintTile(this.#tiles.get(key), peer, labels.get(key));
    }
    this.#arrange();
  }

  /** Plays what the browser held back until the page was touched. */
  hear() {
    for (const tile of this.#tiles.values()) this.#play(tile);
  }

  /** What the own picture leaves free: names and buttons. */
  get controls() {
    return [...this.#stage.querySelectorAll('.tile-pin, .tile-name')];
  }

  #add(key, { device }) {
    const video = node('video');
    Object.assign(video, { playsInline: true, autoplay: true });
    video.setAttribute('aria-hidden', 'true');
    const [name, marks, note] = [node('strong'), node('span', 'spoken-only'), node('p', 'tile-note')];
    const label = node('p', 'tile-name', {}, mark('mic-off', 'muted'), mark('lost', 'lost'), mark('wait', 'wait'), node('span', 'bars', {}, node('i'), node('i'), node('i')), name, marks);
    const pin = iconButton('pin', 'tile-pin', '', { testid: `pin-${device.user}` });
    const element = node('li', 'tile', { testid: `tile-${device.user}`, key }, node('span', 'tile-face', {}, avatar(device.user)), video, note, label, pin);
    this.#tiles.set(key, { device, element, video, name, marks, note, pin, peer: null, label: '', frames: -1, moved: performance.now(), spoke: -Infinity });
    this.#stage.append(element);
  }

  #remove(key, { element, video }) {
    video.srcObject = null;
    element.remove();
    this.#tiles.delete(key);
    this.#size = '';
  }

  #paintTile(tile, peer, label) {
    Object.assign(tile, { peer, label });
    const stream = this.#source.stream(peer.device);
    if (tile.video.srcObject !== stream) {
      Object.assign(tile, { frames: -1, moved: performance.now() });
      tile.video.srcObject = stream;
    }
    if (stream && tile.video.paused) this.#play(tile);
    this.#mark(tile);
  }

  #play({ video }) {
    video.play().catch((error) => error.name === 'NotAllowedError' && this.#blocked());
  }

  /** Looks for what no message tells: who speaks, and whose picture stands still. */
  #look() {
    if (!this.#tiles.size) return;
    const now = performance.now();
    for (const tile of this.#tiles.values()) {
      const { totalVideoFrames: frames } = tile.video.getVideoPlaybackQuality();
      if (frames !== tile.frames || document.hidden || !tile.peer.video) Object.assign(tile, { frames, moved: now });
      if (this.#source.level(tile.device) > LOUD) tile.spoke = now;
      this.#mark(tile);
    }
  }

  #mark(tile) {
    const { element, video, peer, label } = tile;
    const now = performance.now();
    const live = peer.state === 'talking';
    const frozen = live && peer.video && video.videoWidth > 0 && now - tile.moved > FROZEN_MS;
    const speaking = live && peer.audio && (peer.speaking || now - tile.spoke < SPOKE_MS);
    const muted = live && !peer.audio;
    const isPinned = this.#pinned === element.dataset.key;
    set(element, { state: peer.state, video: Boolean(peer.video && peer.state !== 'connecting'), picture: Boolean(peer.video && video.videoWidth > 0 && peer.state !== 'connecting'), frozen, speaking, muted });
    text(tile.name, label);
    text(tile.marks, [muted && 'muted', speaking && 'speaking'].filter(Boolean).map((mark) => `, ${mark}`).join(''));
    text(tile.note, peerWords(peer, frozen));
    tile.pin.setAttribute('aria-pressed', String(isPinned));
    tile.pin.setAttribute('aria-label', `Pin ${label}`);
    tile.pin.title = isPinned ? `Unpin ${label}` : `Pin ${label}`;
    tile.pin.hidden = this.#tiles.size < 2;
  }

  #pin(key) {
    if (this.#tiles.size < 2) return;
    this.#pinned = this.#pinned === key ? null : key;
    for (const tile of this.#tiles.values()) this.#mark(tile);
    this.#arrange();
  }

  #arrange() {
    const { clientWidth: width, clientHeight: height } = this.#stage;
    const pinned = this.#order.indexOf(this.#pinned);
    const size = JSON.stringify([width, height, pinned, this.#order]);
    if (size === this.#size) return;
    this.#size = size;
    const boxes = layout({ count: this.#order.length, width, height, pinned });
    boxes.forEach((box, n) => {
      const { element } = this.#tiles.get(this.#order[n]);
      element.dataset.role = box.role;
      for (const [property, length] of [['left', box.x], ['top', box.y], ['width', box.width], ['height', box.height]]) element.style[property] = `${length}px`;
      element.classList.toggle('short', box.height < 210);
      element.classList.toggle('small', box.width < 130 || box.height < 110);
      element.classList.toggle('flat', box.height < 72);
    });
    this.#changed();
  }
}

function mark(name, what) {
  const svg = icon(name);
  svg.classList.add(`mark-${what}`);
  return svg;
}

function set(element, data) {
  for (const [key, value] of Object.entries(data)) if (element.dataset[key] !== String(value)) element.dataset[key] = value;
}

function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}
