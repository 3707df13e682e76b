// What the page says to those who listen to it instead of looking at it: once at each change.

import { doorWords, ending, nameOf } from './words.js';

/** `say(text)` speaks. */
export class Announcer {
  #say;
  #said = '';
  #door = null;

  constructor(say) {
    this.#say = say;
  }

  /** The state of now: the station's view, the door's view, and the record of the call that ended. */
  tell({ state, call, caller }, door, ended) {
    if (door && door.phase !== this.#door && door.phase !== 'shut') this.#say(doorWords(door));
    this.#door = door?.phase ?? null;
    const mark = `${state} ${call}`;
    if (mark === this.#said) return;
    const [was] = this.#said.split(' ');
    this.#said = mark;
    if (state === 'ringing') this.#say(`${nameOf(caller.user)} is calling`);
    else if (state === 'talking') this.#say('Connected');
    else if (state === 'idle' && was && ended) this.#say(ending(ended).words);
  }
}
