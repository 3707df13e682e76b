// nginx and Caddy as other people run them: with the whole files of config/proxy, but for ports, names and folders.

import { connect } from 'node:net';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

import { Child, freePort, run, Settled, until } from '../scenarios/process.mjs';
import { find } from '../scenarios/programs.mjs';

const FILES = resolve(import.meta.dirname, '../../config/proxy');
const KINDS = { nginx, caddy };

/** One proxy with TLS before a hub. */
export class Proxy {
  #child = null;
  #command;

  /** Prepares one. */
  static async make(kind, hub, folder) {
    const own = await mkdtemp(join(folder, `${kind}-`));
    const place = { folder: own, hub: `127.0.0.1:${hub.port}`, port: await freePort(), plain: await freePort() };
    Object.assign(place, await certify(own));
    return new Proxy(place, await KINDS[kind](place));
  }

  constructor({ port, certificate }, command) {
    this.port = port;
    this.#command = command;
    /** A PEM file: whom its clients have to trust. */
    this.certificate = certificate;
    /** What a browser has in its address bar, and where sockets are. */
    this.origin = `https://localhost:${port}`;
    this.url = `wss://localhost:${port}/ws`;
  }

  /** Starts it and waits until it listens. */
  async start() {
    const [program, args, env] = this.#command;
    this.#child = new Child(program, args, { env: { ...process.env, ...env } });
    await until('the proxy listens', () => {
      if (!this.#child.alive) throw new Settled(`the proxy has ended: ${this.#child.output}`);
      return listens(this.port);
    }, { ms: 8_000 });
  }

  /** Asks it to end. */
  async stop() {
    await this.#child?.stop();
  }

  /** The last lines of its log. */
  tail(count) {
    return this.#child?.tail(count) ?? [];
  }
}

async function nginx({ folder, hub, port, plain, certificate, key }) {
  const file = await adapt('nginx.conf', join(folder, 'nginx.conf'), {
    'user www-data;': process.getuid() === 0 ? 'user root;' : '',
    '/run/nginx.pid': join(folder, 'pid'),
    '/var/log/nginx/error.log': 'stderr',
    '/var/log/nginx/access.log': join(folder, 'access.log'),
    'server_tokens off;': `server_tokens off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((what) => `${what}_temp_path ${folder}/${what};`).join(' ')}`,
    'listen 80;': `listen 127.0.0.1:${plain};`,
    'listen [::]:80;': '',
    'listen 443 ssl;': `listen 127.0.0.1:${port} ssl;`,
    'listen [::]:443 ssl;': '',
    'server_name intercom.example;': 'server_name localhost;',
    '/etc/ssl/intercom.example.crt': certificate,
    '/etc/ssl/private/intercom.example.key': key,
    'server 127.0.0.1:8080;': `server ${hub};`,
  });
  return [find('nginx'), ['-p', folder, '-e', 'stderr', '-c', file, '-g', 'daemon off;'], {}];
}

async function caddy({ folder, hub, port, certificate, key }) {
  const file = await adapt('Caddyfile', join(folder, 'Caddyfile'), {
    '\nintercom.example {': `\n{\n\tadmin off\n\tauto_https disable_redirects\n}\n\nhttps://localhost:${port} {\n\ttls ${certificate} ${key}`,
    'reverse_proxy 127.0.0.1:8080': `reverse_proxy ${hub}`,
  });
  return [find('caddy'), ['run', '--config', file, '--adapter', 'caddyfile'], { HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder }];
}

/** The documented file with these texts replaced. Each of them has to be there: otherwise it is the wrong file that is tried. */
async function adapt(name, target, replacements) {
  let text = await readFile(join(FILES, name), 'utf8');
  for (const [from, to] of Object.entries(replacements)) {
    if (!text.includes(from)) throw new Error(`config/proxy/${name} has no \`${from.trim()}\` any more`);
    text = text.replaceAll(from, to);
  }
  await writeFile(target, text);
  return target;
}

/** A certificate for this machine's own name. */
async function certify(folder) {
  const [certificate, key] = [join(folder, 'localhost.crt'), join(folder, 'localhost.key')];
  await run('openssl', [
    'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2', '-subj', '/CN=localhost',
    '-addext', 'subjectAltName=DNS:localhost', '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', key, '-out', certificate,
  ]);
  return { certificate, key };
}

function listens(port) {
  return new Promise((told) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => socket.end(() => told(true)));
    socket.once('error', () => told(false));
  });
}
