// A real TURN server on the loopback interface, for calls that may not go straight.

import { createHmac, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, freePort, until } from './process.mjs';

const LIFETIME_S = 3_600;

/** Starts coturn with a secret of its own; `iceServer()` are credentials for who cannot ask a hub for them. */
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
  const url = `turn:127.0.0.1:${port}`;
  return {
    url,
    secretFile,
    iceServer: () => ({ urls: [url], ...credentials(secret) }),
    stop: () => server.stop(),
    tail: (count) => server.tail(count),
  };
}

/** The TURN REST convention: the name holds its end, the password its proof. */
function credentials(secret) {
  const username = `${Math.floor(Date.now() / 1_000) + LIFETIME_S}:panel`;
  return { username, credential: createHmac('sha1', secret).update(username).digest('base64') };
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
