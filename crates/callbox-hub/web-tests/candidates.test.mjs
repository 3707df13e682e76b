// Candidates wait behind everything else and never crowd out what decides a call.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Candidates } from '../web/candidates.js';
import { Signaling } from '../web/signaling.js';

const TO = { user: 'door', device: 'panel' };
const candidate = (id, link = 1, text = 'x') => ({ v: 1, id: String(id), to: TO, type: 'candidate', call: 'c', link, candidate: text, mline: 0 });

function sent(candidates, now) {
  const all = [];
  for (let envelope = candidates.next(now); envelope; envelope = candidates.next(now)) all.push(Number(envelope.id));
  return all;
}

test('those of one call go at once and a flood goes at the lasting rate', () => {
  const candidates = new Candidates();
  for (let id = 0; id < 25; id += 1) candidates.push(1_000, candidate(id), 6_000);
  assert.equal(sent(candidates, 1_000).length, 25);
  for (let id = 0; id < 320; id += 1) candidates.push(1_000, candidate(id, 2 + Math.floor(id / 32)), 6_000);
  assert.equal(sent(candidates, 1_000).length, 64 - 25);
  assert.equal(candidates.due, 1_040);
  assert.equal(sent(candidates, 1_040).length, 1);
  assert.equal(sent(candidates, 3_040).length, 50);
  assert.deepEqual(sent(candidates, 6_000), []);
  assert.equal(candidates.due, null);
});

test('a link has its own room and its end is told', () => {
  const candidates = new Candidates();
  for (let id = 0; id < 1_000; id += 1) candidates.push(0, candidate(id), 5_000);
  candidates.push(0, candidate(1_000, 2), 5_000);
  candidates.push(0, candidate(1_001, 1, ''), 5_000);
  assert.deepEqual(sent(candidates, 0), [...Array.from({ length: 31 }, (_, id) => id), 1_000, 1_001]);
});

/** A line whose hub has or has not welcomed it, and what the hub has heard. */
function line(t, { welcomed }) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const heard = [];
  const socket = { readyState: 0, send: (text) => heard.push(JSON.parse(text)), close: () => {} };
  const world = { now: 0, heard };
  world.line = new Signaling({
    url: 'ws://hub/ws', credentials: {}, tell: () => {}, connect: () => socket, clock: () => world.now, random: () => 1,
  });
  world.line.start();
  socket.readyState = 1;
  socket.onopen();
  world.welcome = () => socket.onmessage({ data: JSON.stringify({ v: 1, id: 'w', type: 'welcome', you: TO, heartbeat_ms: 600_000 }) });
  world.pass = (ms) => {
    world.now += ms;
    mock.timers.tick(ms);
  };
  world.count = (type) => heard.filter((envelope) => envelope.type === type).length;
  if (welcomed) world.welcome();
  return world;
}

const flood = (world, count) => {
  for (let id = 0; id < count; id += 1) world.line.send(TO, { type: 'candidate', call: 'c', link: Math.floor(id / 32), candidate: 'x', mline: 0 });
};

test('what decides a call passes held candidates, and its end takes them away', (t) => {
  const world = line(t, { welcomed: true });
  flood(world, 320);
  assert.equal(world.count('candidate'), 64);
  world.pass(400);
  assert.equal(world.count('candidate'), 74, 'the line wakes up by itself');
  world.line.send(TO, { type: 'hangup', call: 'c', reason: 'hangup' });
  assert.equal(world.heard.at(-1).type, 'hangup');
  world.pass(4_000);
  assert.equal(world.count('candidate'), 74);
  world.line.stop();
});

test('candidates crowd out nothing while the line is down', (t) => {
  const world = line(t, { welcomed: false });
  world.line.send(TO, { type: 'accept', call: 'c' });
  flood(world, 320);
  world.welcome();
  assert.equal(world.count('accept'), 1);
  assert.equal(world.count('candidate'), 64);
  world.line.stop();
});
