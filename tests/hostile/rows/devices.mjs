// A panel's cameras and links from outside: network cameras that misbehave, and peers that flood a link.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { CONTENT, isTone } from '../../scenarios/content.mjs';
import { freePort, Settled, until } from '../../scenarios/process.mjs';

const CAMERA = join(import.meta.dirname, '../../rtsp.py');
/** Debian's own Python has GStreamer's bindings. */
const PYTHON = '/usr/bin/python3';
const PICTURE = { name: 'camera' };
/** A camera with a key frame every 10 s, a connection and a decoder before it. */
const FIRST_PICTURE_MS = 25_000;
const FLOOD = 1_000;
/** Threads that links, pools and the resolver may add. The flood itself is more than ten times as large. */
const MORE_THREADS = 60;
/** How long the daemon is watched after a flood, and how much memory a link may take. */
const WATCHED_MS = 3_000;
const MORE_KIB = 64 * 1024;

/** A network camera at this port (0: any), whose picture carries a code. */
async function camera(lab, port = 0, kind = '') {
  const child = lab.child('camera', PYTHON, [CAMERA, String(port), kind, PICTURE.name]);
  const url = await until('the camera serves', () => {
    if (!child.alive) throw new Settled(`no RTSP server (apt install python3-gi gir1.2-gst-rtsp-server-1.0): ${child.output}`);
    return /^rtsp:\S+/m.exec(child.output)?.[0];
  }, { ms: 15_000 });
  return { child, url };
}

/** A server at the address of a network camera that treats each connection by `serve`. Gives its URL and how many came. */
async function impostor(lab, serve) {
  const sockets = new Set();
  const came = { count: 0 };
  const server = createServer((socket) => {
    came.count += 1;
    sockets.add(socket);
    socket.on('error', () => {});
    serve(socket);
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  lab.own('impostor', {
    tail: () => [`${came.count} connections`],
    stop: async () => {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((closed) => server.close(closed));
    },
  });
  return { url: `rtsp://user:secret@127.0.0.1:${server.address().port}/camera`, came };
}

/** A door with this network camera in a call with a flat that shows what it gets. */
async function talk(lab, url) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { config: { camera: { kind: 'rtsp', url, name: null } } });
  const flat = await lab.panel(hub, 'flat');
  await door.call('flat');
  await flat.phase('ringing');
  await flat.accept();
  await Promise.all([door.phase('talking', 20_000), flat.phase('talking', 20_000)]);
  return { door, flat };
}

/** The other side hears the door, whatever its camera does. */
const heard = (flat) => until('the door is heard', async () => isTone(await flat.hears(), CONTENT.door.hz), { ms: 15_000 });

/** The camera's picture is at the other side now. */
const shown = (flat, ms = FIRST_PICTURE_MS) => until('the picture is shown', async () => (await flat.frame(PICTURE)) !== null, { ms });

/** The sentence about the camera, or nothing. */
const fault = async (door) => (await door.status()).media.faults.find(({ device }) => device === 'camera')?.text ?? null;

/** What is in the way of the camera is told by a sentence that matches, and the call goes on. */
async function told(door, wanted, ms) {
  const sentence = await until(`the fault says ${wanted}`, async () => {
    const text = await fault(door);
    return wanted.test(text ?? '') ? text : null;
  }, { ms });
  assert.ok(!sentence.includes('secret'), sentence);
  assert.equal(await door.phaseNow(), 'talking');
}

async function rareKeyFrames(lab) {
  const { url } = await camera(lab, 0, 'slow');
  const { door, flat } = await talk(lab, url);
  await shown(flat);
  assert.equal(await fault(door), null);
}

async function neverAnswers(lab) {
  const { url, came } = await impostor(lab, (socket) => socket.resume());
  const { door, flat } = await talk(lab, url);
  await heard(flat);
  await told(door, /does not answer|sends nothing/, 45_000);
  const { frames } = await flat.shown();
  await until('the placeholder goes on', async () => (await flat.shown()).frames > frames);
  const { count } = came;
  await until('it is tried again', () => came.count > count, { ms: 40_000 });
  await leaves(door, flat);
}

async function refusesPassword(lab) {
  const { url } = await impostor(lab, (socket) => {
    socket.on('data', (data) => {
      const number = /CSeq: *(\d+)/i.exec(data.toString('latin1'))?.[1] ?? '1';
      socket.write(`RTSP/1.0 401 Unauthorized\r\nCSeq: ${number}\r\nWWW-Authenticate: Basic realm="camera"\r\n\r\n`);
    });
  });
  const { door, flat } = await talk(lab, url);
  await heard(flat);
  await told(door, /refuses user or password/, 20_000);
  await leaves(door, flat);
}

async function comesBack(lab) {
  const port = await freePort();
  const { child, url } = await camera(lab, port);
  const { door, flat } = await talk(lab, url);
  await shown(flat);
  await child.kill();
  await told(door, /network camera/, 20_000);
  const { frames } = await flat.shown();
  await until('the placeholder is shown', async () => (await flat.frame(PICTURE)) === null && (await flat.shown()).frames > frames + 5);
  await camera(lab, port);
  await shown(flat, 40_000);
  await until('no fault is left', async () => (await fault(door)) === null);
  await heard(flat);
}

/** A call with a broken camera ends as any other. */
async function leaves(door, flat) {
  await flat.hangup();
  await Promise.all([door.phase('idle'), flat.phase('idle')]);
}

/** How many threads a process has. */
async function threads(pid) {
  return Number(/^Threads:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))[1]);
}

/** An answer that fits an offer, from a party whose address nobody knows. */
function answer(offer) {
  const fingerprint = Array.from({ length: 32 }, (_, n) => (n * 7 % 256).toString(16).padStart(2, '0').toUpperCase()).join(':');
  return offer.split('\r\n').filter((line) => !/^a=(candidate|end-of-candidates|ssrc|msid)/.test(line)).join('\r\n')
    .replaceAll('a=setup:actpass', 'a=setup:active')
    .replaceAll(/a=ice-ufrag:.*/g, 'a=ice-ufrag:flood')
    .replaceAll(/a=ice-pwd:.*/g, 'a=ice-pwd:floodfloodfloodfloodflood')
    .replaceAll(/a=fingerprint:.*/g, `a=fingerprint:sha-256 ${fingerprint}`);
}

/** A hub that lets floods pass, a door that rings anna, and the address and number of her link. */
async function flooded(lab) {
  const hub = await lab.hub({ limits: { messages_per_second: 10_000, messages_at_once: 100_000 } });
  const door = await lab.panel(hub, 'door', { ring: 60 });
  const anna = await lab.client(hub, 'anna');
  await door.call('anna');
  const { from, call } = await anna.next('invite');
  const say = (type, message) => anna.send({ to: from, type, call, ...message });
  say('ringing', { agent: 'browser', early: 'connect', link: 0 });
  const offer = await anna.next('offer', 10_000);
  return { hub, door, anna, say, offer };
}

/** Another party talks with the door as before. */
async function worksFor(lab, hub, door) {
  const flat = await lab.panel(hub, 'flat');
  await door.call('flat');
  await flat.phase('ringing');
  await flat.accept();
  await until('the picture is shown', async () => (await flat.frame(CONTENT.door)) !== null, { ms: 20_000 });
  await heard(flat);
}

/** Watches the daemon's threads for a while after a flood; then anna declines, which is read behind everything she has said before. */
async function survives({ door, anna, say }) {
  const end = performance.now() + WATCHED_MS;
  let peak = 0;
  const look = async () => {
    assert.ok(door.alive, 'the daemon lives');
    peak = Math.max(peak, await threads(door.pid));
  };
  await until('the flood was watched', async () => {
    await look();
    return performance.now() >= end;
  }, { ms: 2 * WATCHED_MS, every: 20 });
  assert.equal(await door.phaseNow(), 'inviting', 'it still rings');
  assert.equal(anna.closed, null);
  say('reject', { reason: 'rejected' });
  await until('the flood was read', async () => {
    await look();
    return (await door.phaseNow()) === 'idle';
  }, { ms: 20_000, every: 20 });
  assert.equal(await door.lastReason(), 'rejected');
  return peak;
}

/** Half of them are `.local` names, each of which would have to be looked up. */
function candidates(count) {
  return Array.from({ length: count }, (_, n) => {
    const name = n % 2 ? `${n.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000.local` : `127.0.${n >> 8}.${n & 255}`;
    return `candidate:${n} 1 udp ${n + 1} ${name} ${1024 + n} typ host`;
  });
}

/** The flood comes before the answer or behind it. */
const floodOfCandidates = (isAnswered) => async (lab) => {
  const parties = await flooded(lab);
  const { hub, door, say, offer: { link, sdp } } = parties;
  const before = await threads(door.pid);
  const answers = () => say('answer', { link, sdp: answer(sdp) });
  if (isAnswered) answers();
  for (const candidate of candidates(FLOOD)) say('candidate', { link, candidate, mline: 0 });
  if (!isAnswered) answers();
  const peak = await survives(parties);
  assert.ok(peak < before + MORE_THREADS, `${before} threads before, ${peak} at most`);
  assert.ok(!door.tail(400).join('\n').includes('media_failed'), 'the answer was taken');
  await worksFor(lab, hub, door);
  return `${before} threads before, ${peak} at most`;
};

async function mutesWithoutEnd(lab) {
  const parties = await flooded(lab);
  const { hub, door, say } = parties;
  const before = (await door.status()).process;
  for (let n = 0; n < 10 * FLOOD; n += 1) say('media', { audio: n % 2 === 0, video: n % 3 === 0 });
  const peak = await survives(parties);
  const { rss_kib: memory } = (await door.status()).process;
  assert.ok(peak < before.threads + MORE_THREADS, `${before.threads} threads before, ${peak} at most`);
  assert.ok(memory < before.rss_kib + MORE_KIB, `${before.rss_kib} KiB before, ${memory} KiB now`);
  await worksFor(lab, hub, door);
}

const row = (name, run, tried, more = {}) => ({ section: 'devices', name, tried, run, needs: ['python3'], seconds: 60, ...more });

export default [
  row('a network camera with rare key frames', rareKeyFrames, 'a key frame every 10 s, and somebody watches already: a picture comes in a call'),
  row('a network camera that never answers', neverAnswers, 'its port takes connections and says nothing: sound, a fault, another try',
    { needs: [], seconds: 120 }),
  row('a network camera that refuses the password', refusesPassword, 'every request is answered by 401: sound, and a fault without the password',
    { needs: [], quick: true }),
  row('a network camera that goes away in a call', comesBack, 'killed in a call and started again: a placeholder, then its picture',
    { seconds: 120 }),
  row('candidates without end before an answer', floodOfCandidates(false), '1,000 candidates, half of them .local, then the answer', { needs: [] }),
  row('candidates without end behind an answer', floodOfCandidates(true), 'an answer, then 1,000 candidates, half of them .local',
    { needs: [], quick: true }),
  row('media messages without end', mutesWithoutEnd, '10,000 from a peer that rings and never accepts', { needs: [] }),
];
