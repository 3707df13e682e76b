// The hub's edge: what strangers, proxies, withdrawn tickets and a broken disk do to others.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, readFile, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { run, until } from '../../scenarios/process.mjs';

const PROXIES = { server: { trusted_proxies: ['127.0.0.1'] } };
const FLOOD = 700;

/** Opens `FLOOD` connections that say this, and keeps them. */
async function flood(lab, hub, text) {
  const all = [];
  for (let n = 0; n < FLOOD; n++) {
    const stranger = await lab.tcp(hub.port);
    if (text) stranger.write(typeof text === 'function' ? text(n) : text);
    all.push(stranger);
  }
  return all;
}

function handshake(client) {
  return `GET /ws HTTP/1.1\r\nHost: hub\r\nX-Forwarded-For: ${client}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
    + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n';
}

/** Somebody else, by way of the same proxy, logs in and is answered. */
async function goodClient(lab, hub, address, user = 'anna') {
  const client = await lab.client(hub, user, { headers: { 'x-forwarded-for': address } });
  client.send({ type: 'ping' });
  await client.next('pong', 2_000);
  return client;
}

async function idleSockets(lab) {
  const hub = await lab.hub(PROXIES);
  const neighbour = await goodClient(lab, hub, '192.0.2.1', 'ben');
  await flood(lab, hub, handshake('192.0.2.66'));
  await goodClient(lab, hub, '192.0.2.2');
  neighbour.send({ type: 'ping' });
  await neighbour.next('pong', 2_000);
}

async function wholeNetwork(lab) {
  const hub = await lab.hub(PROXIES);
  await flood(lab, hub, (n) => handshake(`[2001:db8::${n.toString(16)}]:4711`));
  await goodClient(lab, hub, '2001:db8:0:1::1');
}

async function bodies(lab) {
  const hub = await lab.hub({ ...PROXIES, broker_auth: { kind: 'emqx', allow_from: ['192.0.2.1'] } });
  const ask = 'POST /mqtt/auth HTTP/1.1\r\nHost: hub\r\nX-Forwarded-For: 192.0.2.66\r\nContent-Length: 100\r\n\r\n{';
  const strangers = await flood(lab, hub, ask);
  await goodClient(lab, hub, '192.0.2.2');
  const last = strangers.at(-1);
  await until('the body is given up', () => /^HTTP\/1.1 408/.test(last.received.toString()), { ms: 8_000 });
}

async function forgedClient(lab) {
  const auth = { kind: 'emqx', allow_from: ['127.0.0.1'] };
  const hub = await lab.hub({ ...PROXIES, broker_auth: auth });
  const ask = (headers) => fetch(`http://127.0.0.1:${hub.port}/mqtt/auth`, {
    method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: '{"username":"anna","password":"x"}',
  });
  assert.equal((await ask({})).status, 200, 'the machine of the proxy itself');
  for (const value of ['unknown', '_hidden', 'x', '127.0.0.1, unknown', '[127.0.0.1]', '']) {
    assert.equal((await ask({ 'x-forwarded-for': value })).status, 400, `X-Forwarded-For: ${value}`);
    assert.equal((await ask({ forwarded: value ? `for="${value}"` : 'proto=https' })).status, 400, `Forwarded: ${value}`);
  }
  for (const headers of [
    { 'x-forwarded-for': '127.0.0.1, 192.0.2.66' }, { 'x-forwarded-for': '"[2001:db8::1]:80"' }, { forwarded: 'for=127.0.0.1, for="192.0.2.66:1"' },
  ]) assert.equal((await ask(headers)).status, 401, JSON.stringify(headers));
  assert.equal((await ask({ 'x-forwarded-for': '192.0.2.66', forwarded: 'for=127.0.0.1' })).status, 400, 'two headers, two clients');
}

async function badTickets(lab) {
  const hub = await lab.hub();
  for (let n = 0; n < 30; n++) {
    const guesser = await lab.socket(hub.url);
    await assert.rejects(guesser.login({ user: 'anna', device: 'raw', ticket: `guess-${n}` }));
  }
  const guesser = await lab.socket(hub.url);
  const error = await guesser.login({ user: 'anna', device: 'raw', ticket: 'guess' }).catch((refused) => refused);
  assert.ok(error.bye.retry_ms > 0 && error.bye.code === undefined, 'one too many is told to wait, and nothing else');
  const anna = await lab.client(hub, 'anna');
  anna.send({ type: 'ping' });
  await anna.next('pong', 2_000);
}

async function brokerAsks(lab) {
  const secret = 'a-secret-of-the-broker';
  const secretFile = join(lab.folder, 'broker.secret');
  await writeFile(secretFile, `\ufeff${secret}\r\n`, { mode: 0o600 });
  const hub = await lab.hub({ broker_auth: { kind: 'emqx', secret_file: secretFile } });
  const ask = async (shown) => {
    const answer = await fetch(`http://127.0.0.1:${hub.port}/mqtt/acl`, {
      method: 'POST', headers: { authorization: `Bearer ${shown}`, 'content-type': 'application/json' },
      body: JSON.stringify({ username: 'x', topic: 'y', action: 'publish' }),
    });
    return answer.status;
  };
  const guesses = [];
  for (let n = 0; n < 40; n++) guesses.push(await ask(`guess-${n}`));
  assert.ok(guesses.includes(401) && guesses.includes(429), 'who guesses is throttled');
  for (let n = 0; n < 200; n++) assert.equal(await ask(secret), 200);
}

async function withdrawn(lab) {
  const hub = await lab.hub();
  const [anna, ben] = [await lab.client(hub, 'anna'), await lab.client(hub, 'ben')];
  const kept = await hub.ticket('anna');
  await hub.configure({ app: { valid_from: { anna: Math.floor(Date.now() / 1000) + 2 } } });
  hub.signal('SIGHUP');
  const bye = await anna.next('bye');
  assert.deepEqual([bye.reason, bye.code], ['ticket_expired', 70001]);
  await anna.end();
  const again = await lab.client(hub, 'anna', { ticket: kept }).catch((refused) => refused);
  assert.equal(again.bye?.code, 70001, 'the same ticket is of no use any more');
  ben.send({ type: 'ping' });
  await ben.next('pong', 2_000);
  await writeFile(hub.config, '[server\n');
  hub.signal('SIGHUP');
  await until('the log names the mistake', () => hub.tail(20).some((line) => /the configuration is wrong/.test(line)));
  ben.send({ type: 'ping' });
  await ben.next('pong', 2_000);
  await hub.configure({});
  hub.signal('SIGHUP');
  await until('anna is let in again', () => lab.client(hub, 'anna', { ticket: kept }).catch(() => null), { ms: 8_000 });
}

async function keyRotation(lab) {
  const hub = await lab.hub();
  const old = await hub.ticket('anna');
  const anna = await lab.client(hub, 'anna', { ticket: old });
  const oldKey = join(lab.folder, 'old.key');
  await writeFile(oldKey, await readFile(hub.keyFile), { mode: 0o600 });
  await writeFile(hub.keyFile, `${'0123456789abcdef'.repeat(4)}\n`);
  await hub.configure({ app: { second_key_file: oldKey } });
  hub.signal('SIGHUP');
  await until('both keys are good', async () => Boolean(await lab.client(hub, 'ben', { ticket: await hub.ticket('ben') }).catch(() => null)), { ms: 8_000 });
  anna.send({ type: 'ping' });
  await anna.next('pong', 2_000);
  await hub.configure({});
  hub.signal('SIGHUP');
  assert.equal((await anna.next('bye')).code, 70009, 'the old key is gone, and with it who came by it');
}

async function damagedStore(lab) {
  const hub = await lab.hub();
  const file = hub.config.replace(/toml$/, 'db');
  await hub.crash();
  for (const damage of [Buffer.from('not a database, but long enough to be read as one'), Buffer.alloc(20_000, 0xa5)]) {
    // With the log of before beside it, SQLite would mend the file by itself.
    for (const end of ['-wal', '-shm']) await unlink(`${file}${end}`).catch(() => {});
    await writeFile(file, damage);
    await hub.restart();
    await lab.client(hub, 'anna');
    assert.equal(hub.tail(50).filter((line) => /ERROR/.test(line)).length, 1, 'one line says so');
    assert.ok((await stat(`${file}.damaged`)).size > 0, 'it is kept for whoever wants to look');
    await hub.crash();
  }
  for (const end of ['', '-wal', '-shm']) await unlink(`${file}${end}`).catch(() => {});
  await hub.configure({ store: { path: '/proc/callbox/hub.db' } });
  await hub.restart();
  await lab.client(hub, 'anna');
  const { status, faults } = await (await fetch(`http://127.0.0.1:${hub.port}/healthz`)).json();
  assert.equal(status, 'ok');
  assert.match(faults.join(), /in memory/);
}

async function emptyFrames(lab) {
  const hub = await lab.hub();
  const neighbour = await lab.client(hub, 'ben');
  const anna = await lab.client(hub, 'anna');
  const raw = anna.socket._socket;
  raw.write(Buffer.from([0x01, 0x80, 0, 0, 0, 0]));
  const many = Buffer.alloc(6 * 200_000);
  for (let at = 0; at < many.length; at += 6) many[at + 1] = 0x80;
  for (let n = 0; n < 20; n++) raw.write(many);
  const before = await cpuTicks(hub.pid);
  for (let n = 0; n < 4; n++) {
    neighbour.send({ type: 'ping' });
    await neighbour.next('pong', 2_000);
    await new Promise((done) => setTimeout(done, 500));
  }
  const spent = (await cpuTicks(hub.pid)) - before;
  assert.ok(raw.writableLength > 0, 'it is read more slowly than it sends');
  return `${spent * 10} ms of the processor in 2 s`;
}

async function cpuTicks(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1].split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

async function everyAnswer(lab) {
  const hub = await lab.hub();
  for (const path of ['/', '/none', '/healthz', '/ws', '/mqtt/auth', '/origin']) {
    const { headers } = await fetch(`http://127.0.0.1:${hub.port}${path}`);
    assert.equal(headers.get('x-content-type-options'), 'nosniff', path);
    assert.match(headers.get('permissions-policy'), /camera=\(self\)/, path);
  }
  const nameless = await lab.tcp(hub.port);
  nameless.write('GET / HTTP/1.1\r\n\r\n');
  await until('no Host, no page', () => /^HTTP\/1.1 400/.test(nameless.received.toString()));
}

async function ownFiles(lab) {
  const hub = await lab.hub();
  await lab.client(hub, 'anna');
  const file = hub.config.replace(/toml$/, 'db');
  for (const end of ['', '-wal', '-shm']) assert.equal((await stat(`${file}${end}`)).mode & 0o077, 0, `${file}${end}`);
  await chmod(hub.keyFile, 0o644);
  await writeFile(hub.keyFile, 'short');
  const check = await said(join(lab.bin, 'callbox-hub'), ['check', '--config', hub.config]);
  assert.equal(check.code, 0);
  assert.match(check.errors, /everybody on this machine can read it/);
  assert.match(check.errors, /fewer than 16 characters/);
}

async function ticketBySecretWay(lab) {
  const hub = await lab.hub();
  const ticket = await hub.ticket('anna');
  const who = ['--app', '1400000001', '--key-file', hub.keyFile, '--user', 'anna'];
  for (const program of ['callbox-hub', 'callbox']) {
    const verify = (text) => said(join(lab.bin, program), ['ticket', 'verify', ...who, '-'], text);
    assert.equal((await verify(`\ufeff${ticket}\r\n`)).code, 0, program);
    assert.match((await verify('nonsense')).errors, /70003/, program);
  }
  const restricted = (await run(join(lab.bin, 'callbox'), [
    'ticket', 'make', ...who, '--expire', '60', '--room', '12', '--rights', '255',
  ])).trim();
  const refused = await lab.client(hub, 'anna', { ticket: restricted }).catch((error) => error);
  assert.match(refused.bye?.text ?? '', /for one room only/);
}

/** Runs a program with this on its standard input. */
async function said(command, args, input = '') {
  const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  const errors = [];
  child.stderr.on('data', (data) => errors.push(data));
  // A program that reads nothing has closed it already.
  child.stdin.on('error', (error) => assert.equal(error.code, 'EPIPE'));
  child.stdin.end(input);
  const [code] = await once(child, 'close', { signal: AbortSignal.timeout(10_000) });
  return { code, errors: Buffer.concat(errors).toString() };
}

export default [
  {
    section: 'fairness', name: 'sockets that never log in', quick: true, seconds: 40, run: idleSockets,
    tried: `${FLOOD} of one client behind a proxy; another logs in, a third goes on`,
  },
  {
    section: 'fairness', name: 'sockets of a whole IPv6 network', seconds: 40, run: wholeNetwork,
    tried: `${FLOOD} addresses of one /64; somebody of the next /64 logs in`,
  },
  {
    section: 'fairness', name: 'request bodies that never come', seconds: 40, run: bodies,
    tried: `${FLOOD} announced bodies of one client; another logs in, the bodies end after 5 s`,
  },
  {
    section: 'fairness', name: 'bad tickets before a good one', quick: true, run: badTickets,
    tried: '31 guesses from one address, then a good ticket from the same',
  },
  {
    section: 'fairness', name: 'guesses at the broker\'s secret', quick: true, run: brokerAsks,
    tried: '40 wrong secrets from the broker\'s own address, then 200 questions with the right one',
  },
  {
    section: 'fairness', name: 'empty continuation frames', quick: true, run: emptyFrames,
    tried: 'four million frames of a message that never ends, beside a device that pings',
  },
  {
    section: 'infra', name: 'forged and unreadable forwarded headers', quick: true, run: forgedClient,
    tried: 'X-Forwarded-For and Forwarded with names, hidden nodes, invented proxies; none passes for the proxy',
  },
  {
    section: 'infra', name: 'a damaged store, and one that cannot be written', quick: true, run: damagedStore,
    tried: 'text and noise in place of hub.db, and a folder that takes no file: the hub serves, and says so',
  },
  {
    section: 'tickets', name: 'a ticket is withdrawn while it is used', quick: true, run: withdrawn,
    tried: 'valid_from and SIGHUP: this session ends and stays out, others go on; a wrong file changes nothing',
  },
  {
    section: 'tickets', name: 'an app goes from one key to the next', quick: true, run: keyRotation,
    tried: 'two keys, then the new one alone, each by SIGHUP',
  },
  {
    section: 'tickets', name: 'tickets by standard input, and for one room', quick: true, run: ticketBySecretWay,
    tried: '`ticket verify -` of both programs; a PrivateMapKey is no login',
  },
  {
    section: 'tickets', name: 'what others could read', quick: true, run: ownFiles,
    tried: 'modes of what a hub run by hand writes; `check` on an open file and a short key',
  },
  {
    section: 'tickets', name: 'headers of every answer', quick: true, run: everyAnswer,
    tried: 'nosniff and Permissions-Policy on pages, errors and refusals; a request without Host',
  },
];
