// What every wire between one party and its transport does, whatever is said on it.

/** A server that hands everything on; those that extend it say how, by `join(near)`. */
export class Wire {
  #server;
  #cut;
  #edit = null;
  #open = new Set();

  /** `cut` ends one connection at once. */
  constructor(server, cut) {
    this.#server = server;
    this.#cut = cut;
    this.port = server.address().port;
    server.on('connection', (near) => this.join(near));
  }

  /**
   * From now on every envelope goes through `edit(envelope, way)`, `way` being `out` (from the party) or `in`: it may change the
   * envelope, and what it returns is awaited before the envelope goes on.
   */
  edit(edit) {
    this.#edit = edit;
  }

  /** What a scenario makes of an envelope, or null while it makes nothing of any. */
  get editor() {
    return this.#edit;
  }

  /** Cuts every connection, and refuses new ones. */
  async close() {
    for (const end of this.#open) this.#cut(end);
    await new Promise((done) => this.#server.close(done));
  }

  /** Remembers one end of a connection; when it goes, so does the other. */
  tie(end, other) {
    this.#open.add(end);
    end.on('error', () => this.#cut(end));
    end.on('close', () => {
      this.#open.delete(end);
      this.#cut(other);
    });
  }
}
