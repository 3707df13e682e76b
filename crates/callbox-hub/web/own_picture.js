// The person's own picture: it lies over the call, can be moved by finger, mouse and arrow keys, and never covers a control.

import { place } from './layout.js';

/** A press that moves less than this is no drag. */
const DRAG_PX = 6;
/** An arrow key moves it this far. */
const STEP_PX = 72;
const EDGE = 12;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const boxOf = (element) => {
  const { x, y, width, height } = element.getBoundingClientRect();
  return { x, y, width, height };
};

/** `element`: the picture. `room`: {area, avoid}, functions for the element it stays in and for the elements it must not cover. */
export class OwnPicture {
  #element; #room;
  /** Where the person put it, as shares of the room that is left; null: where it goes by itself. */
  #wanted = null;
  #drag = null;
  #frame = null;

  constructor(element, room) {
    this.#element = element;
    this.#room = room;
    element.addEventListener('pointerdown', (event) => this.#grab(event));
    element.addEventListener('pointermove', (event) => this.#move(event));
    for (const end of ['pointerup', 'pointercancel']) element.addEventListener(end, () => this.#drop());
    element.addEventListener('keydown', (event) => this.#step(event));
    addEventListener('resize', () => this.settle());
    // What is measured while it glides is not where it ends.
    for (const end of ['animationend', 'transitionend']) element.parentElement.addEventListener(end, () => this.settle());
  }

  /** The call is over: the next one begins with the usual place. */
  reset() {
    this.#wanted = null;
  }

  /** Finds its place again, before the next frame. */
  settle() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (!this.#drag && !this.#element.hidden) this.#settleNow();
    });
  }

  #settleNow() {
    const { area, size } = this.#space();
    const free = { width: area.width - size.width, height: area.height - size.height };
    const share = this.#wanted ?? this.#usual();
    const want = { x: area.x + share.x * free.width, y: area.y + share.y * free.height };
    const spot = place({ want, size, area, avoid: this.#room.avoid().filter(isShown).map(boxOf) }) ?? want;
    this.#put(spot);
  }

  /** At the upper right of a phone; at the lower right where there is room, and in a group. */
  #usual() {
    const isLarge = innerWidth >= 700 && innerHeight > 480;
    return { x: 1, y: isLarge || this.#room.low() ? 1 : 0 };
  }

  #space() {
    const { x, y, width, height } = boxOf(this.#room.area());
    const { offsetWidth, offsetHeight } = this.#element;
    return { area: { x: x + EDGE, y: y + EDGE, width: width - 2 * EDGE, height: height - 2 * EDGE }, size: { width: offsetWidth, height: offsetHeight } };
  }

  #put({ x, y }) {
    Object.assign(this.#element.style, { left: `${Math.round(x)}px`, top: `${Math.round(y)}px`, right: 'auto', bottom: 'auto' });
  }

  #grab(event) {
    if (event.button !== 0) return;
    const { x, y } = boxOf(this.#element);
    this.#drag = { dx: event.clientX - x, dy: event.clientY - y, from: [event.clientX, event.clientY], moved: false };
    this.#element.setPointerCapture(event.pointerId);
  }

  #move({ clientX, clientY }) {
    const drag = this.#drag;
    if (!drag) return;
    drag.moved ||= Math.hypot(clientX - drag.from[0], clientY - drag.from[1]) > DRAG_PX;
    if (!drag.moved) return;
    this.#element.classList.add('dragged');
    this.#put(this.#remember(clientX - drag.dx, clientY - drag.dy));
  }

  #drop() {
    this.#drag = null;
    this.#element.classList.remove('dragged');
    this.settle();
  }

  #step(event) {
    const [dx, dy] = ARROWS[event.key] ?? [];
    if (dx === undefined) return;
    event.preventDefault();
    const before = boxOf(this.#element);
    // What is in the way is jumped over: a longer step reaches its other side.
    for (let steps = 1; steps <= 12; steps += 1) {
      this.#remember(before.x + dx * STEP_PX * steps, before.y + dy * STEP_PX * steps);
      this.#settleNow();
      const [left, top] = ['left', 'top'].map((side) => parseFloat(this.#element.style[side]));
      if ((left - before.x) * dx + (top - before.y) * dy > 4) return;
    }
  }

  /** Keeps this as the wanted place. Returns it, within the room. */
  #remember(left, top) {
    const { area, size } = this.#space();
    const free = { width: Math.max(1, area.width - size.width), height: Math.max(1, area.height - size.height) };
    const share = (value, room) => Math.max(0, Math.min(1, value / room));
    this.#wanted = { x: share(left - area.x, free.width), y: share(top - area.y, free.height) };
    return { x: area.x + this.#wanted.x * free.width, y: area.y + this.#wanted.y * free.height };
  }
}

const isShown = (element) => element.offsetWidth > 0 && element.offsetHeight > 0;
