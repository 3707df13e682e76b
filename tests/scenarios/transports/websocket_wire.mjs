// A wire between one party and a hub: every envelope passes, unless a scenario delays or alters it.

import { once } from 'node:events';

import { WebSocket, WebSocketServer } from 'ws';

import { Wire } from './wire.mjs';

/** A WebSocket server that hands everything on to another one. */
export class WebSocketWire extends Wire {
  #target;

  /** Opens one on a free port. */
  static async open(target) {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    return new WebSocketWire(server, target);
  }

  constructor(server, target) {
    super(server, (socket) => socket.terminate());
    this.#target = target;
  }

  join(near) {
    const far = new WebSocket(this.#target, { handshakeTimeout: 5_000 });
    const opened = once(far, 'open');
    // Who hangs on one end learns that the other is gone by its own end closing.
    opened.catch(() => near.terminate());
    this.#pass(near, far, 'out', opened);
    this.#pass(far, near, 'in', opened);
  }

  /** One way of one connection: strictly in order, so that a delayed envelope holds back those behind it. */
  #pass(from, to, way, opened) {
    this.tie(from, to);
    let last = opened;
    from.on('message', (data, isBinary) => {
      last = last.then(async () => {
        const text = await this.#edited(data, isBinary, way);
        if (to.readyState === WebSocket.OPEN) to.send(text, { binary: isBinary });
      });
      last.catch(() => from.terminate());
    });
  }

  async #edited(data, isBinary, way) {
    if (isBinary || !this.editor) return data;
    const envelope = JSON.parse(data.toString());
    await this.editor(envelope, way);
    return JSON.stringify(envelope);
  }
}
