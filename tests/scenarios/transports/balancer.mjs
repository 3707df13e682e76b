// What stands before several servers: each new connection goes to the first of them that answers.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A TCP balancer on a free port. */
export class Balancer {
  #server;
  #ports;
  #open = new Set();

  /** Opens one before the servers at these ports of the loopback interface. */
  static async open(ports) {
    const server = createServer({ noDelay: true, pauseOnConnect: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Balancer(server, ports);
  }

  constructor(server, ports) {
    this.#server = server;
    this.#ports = ports;
    this.port = server.address().port;
    server.on('connection', (near) => this.#join(near, [...ports]));
  }

  /** Cuts every connection, and refuses new ones. */
  async close() {
    for (const socket of this.#open) socket.destroy();
    await new Promise((done) => this.#server.close(done));
  }

  #join(near, [port, ...others]) {
    this.#keep(near);
    if (port === undefined) return near.destroy();
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    let joined = false;
    far.once('connect', () => {
      joined = true;
      this.#keep(far);
      near.on('close', () => far.destroy());
      far.on('close', () => near.destroy());
      near.pipe(far).pipe(near);
    });
    far.on('error', () => (joined ? near.destroy() : this.#join(near, others)));
  }

  #keep(socket) {
    if (this.#open.has(socket)) return;
    this.#open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#open.delete(socket));
  }
}
