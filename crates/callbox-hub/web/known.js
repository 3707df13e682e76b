// What is known of one other device of a group call. A pure part of the station, as `roster/known.rs` is.

/** An entry does not change more often than this in a call; a number further ahead is made up. */
export const PLAUSIBLE = 1_000;
/** A device that was asked and stays silent this long will not answer. In milliseconds. */
const ANSWERS_WITHIN = 5_000;
/** A member that has not shown to know what we know is told again after this; then after twice as long. */
const REPEAT = 1_000;
const REPEATS = 5;

/** What is known of one other device. There is a fact, a rumour, or both. */
export class Known {
  /** What the device said itself, or what was believed when it did not answer. */
  fact = null;
  /** Whether the device said it itself, and was not lost since. */
  heard = false;
  /** `{entry, believed}`: somebody else said something newer; the device was asked. */
  #rumour = null;
  /** `{at, tries}`: we said something that the device has not shown to know. */
  #repeat = null;

  /** What a device says of itself. */
  static ofFact(entry) {
    return Object.assign(new Known(), { fact: entry, heard: true });
  }

  /** A device of which we have heard nothing before. That it has left needs no answer. */
  static ofRumour(now, entry) {
    const known = new Known();
    if (entry.left) known.fact = entry;
    else known.#doubt(now, entry);
    return known;
  }

  clone() {
    const known = Object.assign(new Known(), { fact: this.fact, heard: this.heard });
    known.#rumour = this.#rumour;
    known.#repeat = this.#repeat;
    return known;
  }

  /** It has to say anew that it is in. */
  forget() {
    this.heard = false;
    this.#repeat = null;
  }

  /** The newest that is known, whoever said it. */
  get newest() { return this.#rumour?.entry ?? this.fact; }

  get isIn() { return this.heard && this.fact !== null && !this.fact.left; }

  get isAsked() { return this.#rumour !== null; }

  /** The device says something of itself. Says whether it is new. */
  said(entry) {
    if (this.heard && this.fact && entry.number <= this.fact.number) return false;
    this.fact = entry;
    this.heard = true;
    const rumour = this.#rumour?.entry.number;
    if (rumour <= entry.number || rumour > entry.number + PLAUSIBLE) this.#rumour = null;
    return true;
  }

  /** Somebody else says something of the device. Says whether it is new. */
  rumour(now, entry) {
    if (entry.number <= this.newest.number) return false;
    if (this.fact && entry.number > this.fact.number + PLAUSIBLE) return false;
    this.#doubt(now, entry);
    return true;
  }

  #doubt(now, entry) {
    this.#rumour = { entry, believed: this.#rumour?.believed ?? now + ANSWERS_WITHIN };
    this.repeat(now);
  }

  /** A rumour is believed when its time has come. Says whether that changes what counts. */
  believe(now) {
    if (!this.#rumour || now < this.#rumour.believed) return false;
    const { entry } = this.#rumour;
    this.#rumour = null;
    // That it left is believed; that it is in has to come from itself.
    this.heard &&= !entry.left;
    this.fact = entry;
    return true;
  }

  /** The device says that it is out. Says whether that is new. */
  out(reason) {
    const rumour = this.#rumour?.entry;
    this.#rumour = null;
    const newer = rumour && (rumour.left || !this.fact) ? rumour : null;
    if (!newer && this.fact?.left) return false;
    const entry = newer ?? this.fact;
    this.fact = entry.left ? entry : { ...entry, number: entry.number + 1, left: reason };
    this.heard = true;
    this.#repeat = null;
    return true;
  }

  /** The device has, or has not, shown to know all that we know. */
  inStep(now, knows) {
    if (knows) this.#repeat = null;
    else if (!this.#repeat && this.isIn) this.repeat(now);
  }

  /** Something is to be said to the device, until it shows to know it. */
  repeat(now) {
    this.#repeat = { at: now + REPEAT, tries: 0 };
  }

  /** Whether it is to be told again now. */
  due(now) {
    if (!this.#repeat || now < this.#repeat.at) return false;
    const tries = this.#repeat.tries + 1;
    const waits = this.isIn || this.isAsked;
    this.#repeat = tries < REPEATS && waits ? { at: now + REPEAT * 2 ** tries, tries } : null;
    return waits;
  }

  /** When `believe` or `due` has something to do, or null. */
  get deadline() {
    const times = [this.#rumour?.believed, this.#repeat?.at].filter((time) => time != null);
    return times.length ? Math.min(...times) : null;
  }
}
