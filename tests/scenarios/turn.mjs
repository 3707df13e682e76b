// A real TURN server on the loopback interface, for calls that may not go straight.

import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, freePort, until } from './process.mjs';

/** Starts coturn with a secret of its own; `{url, secretFile, stop}`. */
export async function startTurn(folder) {
  const own = await mkdtemp(join(folder, 'turn-'));
  const [port, secret, secretFile] = [await freePort(), randomBytes(16).toString('hex'), join(own, 'secret')];
  await writeFile(secretFile, secret, { mode: 0o600 });
  const config = join(own, 'turnserver.conf');
  await writeFile(config, `listening-port=${port}
listening-ip=127.0.0.1
relay-ip=127.0.0.1
allow-loopback-peers
use-auth-secret
static-auth-secret=${secret}
realm=callbox.test
no-cli
no-tls
no-dtls
log-file=stdout
simple-log
pidfile=${join(own, 'turnserver.pid')}
userdb=${join(own, 'turndb')}
`);
  const server = new Child('turnserver', ['-c', config]);
  await until('the TURN server answers', () => answers(port), { ms: 5_000 });
  return { url: `turn:127.0.0.1:${port}`, secretFile, stop: () => server.stop(), tail: (count) => server.tail(count) };
}

/** Whether a STUN binding request (RFC 8489) is answered. */
function answers(port) {
  const request = Buffer.alloc(20);
  request.writeUInt16BE(1, 0);
  request.writeUInt32BE(0x2112a442, 4);
  randomBytes(12).copy(request, 8);
  return new Promise((told) => {
    const socket = createSocket('udp4');
    const tell = (answered) => {
      clearTimeout(patience);
      socket.close();
      told(answered);
    };
    const patience = setTimeout(tell, 300, false);
    socket.once('message', () => tell(true));
    socket.once('error', () => tell(false));
    socket.connect(port, '127.0.0.1', () => socket.send(request));
  });
}
