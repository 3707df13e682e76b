// Asks the hub over HTTP why its WebSocket cannot be reached from this page.

const AGAIN_MS = 60_000;
/** A dial may fail for any reason once. */
const DIALS = 2;

/** `fetch` and `clock` are there for tests; `base` is the hub's address, `page` this page's origin. */
export class OriginQuestion {
  #base; #page; #fetch; #clock;
  #next = 0;
  /** The hub accepts this page, and yet a dial failed: to be said if it fails again. */
  #riddle = null;

  constructor({ base, page, fetch = (...given) => globalThis.fetch(...given), clock = () => performance.now() }) {
    this.#base = base;
    this.#page = page;
    this.#fetch = fetch;
    this.#clock = clock;
  }

  /**
   * So many dials in a row have failed before the socket was open. Returns `undefined` when it is not time to ask, otherwise
   * the hub's words, or null when it has nothing to say.
   */
  async unreached(times) {
    const riddle = this.#riddle;
    this.#riddle = null;
    if (riddle && times > DIALS) return riddle;
    if (times < DIALS || this.#clock() < this.#next) return undefined;
    this.#next = this.#clock() + AGAIN_MS;
    try {
      const url = new URL('origin', this.#base);
      url.search = new URLSearchParams({ page: this.#page });
      url.hash = '';
      const answer = await this.#fetch(url.href, { cache: 'no-store', signal: AbortSignal.timeout(5_000) });
      if (answer.status === 400) return (await answer.text()).split('\n')[0].slice(0, 400) || null;
      if (!answer.ok) return null;
      const { welcome, text } = await answer.json();
      const words = typeof text === 'string' && text ? text.slice(0, 600) : null;
      if (welcome !== true) return words;
      this.#riddle = words;
      return null;
    } catch (error) {
      // Not there at all, or a hub that does not know the question.
      console.info('callbox: the hub does not answer', error.name);
      return null;
    }
  }
}
