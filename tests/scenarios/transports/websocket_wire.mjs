// A wire between one party and a hub: every envelope passes, unless a scenario delays or alters it.

import { once } from 'node:events';

import { WebSocket, WebSocketServer } from 'ws';

/** A WebSocket server that hands everything on to another one. */
export class WebSocketWire {
  #server;
  #target;
  #edit = null;
  #open = new Set();

  /** Opens one on a free port. */
  static async open(target) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new WebSocketWire(server, target);
  }

  constructor(server, target) {
    this.#server = server;
    this.#target = target;
    this.port = server.address().port;
    server.on('connection', (near) => this.#join(near));
  }

  /**
   * From now on every envelope goes through `edit(envelope, way)`, `way` being `out` (from the party) or `in`: it may change the
   * envelope, and what it returns is awaited before the envelope goes on.
   */
  edit(edit) {
    this.#edit = edit;
  }

  /** Cuts every connection, and refuses new ones. */
  async close() {
    for (const socket of this.#open) socket.terminate();
    await new Promise((done) => this.#server.close(done));
  }

  #join(near) {
    const far = new WebSocket(this.#target, { handshakeTimeout: 5_000 });
    const opened = once(far, 'open');
    // Who hangs on one end learns that the other is gone by its own end closing.
    opened.catch(() => near.terminate());
    this.#pass(near, far, 'out', opened);
    this.#pass(far, near, 'in', opened);
  }

  /** One way of one connection: strictly in order, so that a delayed envelope holds back those behind it. */
  #pass(from, to, way, opened) {
    this.#open.add(from);
    let last = opened;
    from.on('message', (data, isBinary) => {
      last = last.then(async () => {
        const text = await this.#edited(data, isBinary, way);
        if (to.readyState === WebSocket.OPEN) to.send(text, { binary: isBinary });
      });
      last.catch(() => from.terminate());
    });
    from.on('error', () => from.terminate());
    from.on('close', () => {
      this.#open.delete(from);
      to.terminate();
    });
  }

  async #edited(data, isBinary, way) {
    if (isBinary || !this.#edit) return data;
    const envelope = JSON.parse(data.toString());
    await this.#edit(envelope, way);
    return JSON.stringify(envelope);
  }
}
