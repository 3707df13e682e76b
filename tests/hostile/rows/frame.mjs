// The parts themselves among strangers: what is garbage, oversized or silent harms nobody else.

import assert from 'node:assert/strict';

import { until } from '../../scenarios/process.mjs';

/** A neighbour that must not notice anything: logged in, and answered at once. */
async function bystander(lab, hub) {
  const client = await lab.client(hub, 'ben', { device: 'bystander' });
  return async () => {
    client.send({ type: 'ping' });
    await client.next('pong', 1_000);
  };
}

async function garbage(lab) {
  const hub = await lab.hub();
  const answers = await bystander(lab, hub);
  for (const text of ['', 'hello', '[]', '{"v":1}', '{"v":1,"id":"1","type":"login"}', '\u0000'.repeat(1_000), '['.repeat(60_000)]) {
    const stranger = await lab.socket(hub.url);
    stranger.raw(text);
    await stranger.end(8_000);
    await answers();
  }
  for (const text of ['\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n', '\x16\x03\x01\x02\x00\x01']) {
    const stranger = await lab.tcp(hub.port);
    stranger.write(text);
    await answers();
  }
  assert.ok(hub.alive, 'the hub runs on');
}

async function oversized(lab) {
  const hub = await lab.hub();
  const answers = await bystander(lab, hub);
  const client = await lab.client(hub, 'anna');
  client.raw('x'.repeat(300 * 1024));
  await client.end();
  await answers();
}

async function panelRingsBesideGarbage(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { ring: 10 });
  const stranger = await lab.client(hub, 'mallory');
  for (const message of [
    { type: 'answer', call: 'unknown', link: 1, sdp: 'v=0' },
    { type: 'candidate', call: 'unknown', link: 1, candidate: '' },
    { type: 'accept', call: 'unknown' },
    { type: 'invented', call: 'unknown' },
  ]) stranger.send({ to: { user: 'door' }, ...message });
  const anna = await lab.page(hub, 'anna');
  await anna.call('door');
  await door.phase('ringing');
  await door.accept();
  await anna.phase('talking');
  await until('the page shows the door', () => anna.frame({ name: 'door' }), { ms: 10_000 });
}

export default [
  {
    section: 'bytes', name: 'garbage before login', quick: true, seconds: 60, run: garbage,
    tried: 'texts that are no login, and bytes that are no HTTP, beside a device that pings',
  },
  {
    section: 'bytes', name: 'a message that is too large', quick: true, run: oversized,
    tried: '300 KiB in one message: its sender is cut, its neighbour is answered',
  },
  {
    section: 'bytes', name: 'messages of calls that do not exist', browser: true, quick: true, run: panelRingsBesideGarbage,
    tried: 'answers, candidates and accepts to a panel, which then talks to a page',
  },
];
