// The line to the hub: login, what must not get lost, and coming back.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Signaling } from '../web/signaling.js';

/** A hub that hears everything and says what a test wants. */
class FakeHub {
  sockets = [];
  told = [];
  now = 0;

  constructor(t) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.after(() => mock.timers.reset());
    this.line = new Signaling({
      url: 'ws://hub/ws', credentials: { app: 7, user: 'anna', device: 'phone', ticket: 'secret' },
      tell: (event) => this.told.push(event), connect: () => this.#accept(), clock: () => this.now, random: () => 1,
    });
    this.line.start();
  }

  #accept() {
    const socket = {
      readyState: 0, heard: [],
      send: (text) => socket.heard.push(JSON.parse(text)),
      close: () => { socket.readyState = 3; },
    };
    this.sockets.push(socket);
    return socket;
  }

  get socket() {
    return this.sockets.at(-1);
  }

  types() {
    return this.socket.heard.map(({ type }) => type);
  }

  open() {
    this.socket.readyState = 1;
    this.socket.onopen();
  }

  say(message) {
    this.socket.onmessage({ data: JSON.stringify({ v: 1, id: String(Math.random()), ...message }) });
  }

  welcome() {
    this.open();
    this.say({ type: 'welcome', you: { user: 'anna', device: 'phone' }, heartbeat_ms: 10_000, ice_servers: [{ urls: ['stun:hub'] }] });
  }

  cut() {
    this.socket.readyState = 3;
    this.socket.onclose();
  }

  pass(ms) {
    for (let left = ms; left > 0; left -= 100) {
      this.now += Math.min(100, left);
      mock.timers.tick(Math.min(100, left));
    }
  }
}

test('logs in first, then watches everybody', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  assert.deepEqual(hub.types(), ['login', 'watch']);
  assert.equal(hub.socket.heard[0].ticket, 'secret');
  assert.equal(hub.told[0].type, 'up');
  assert.deepEqual(hub.told[0].iceServers, [{ urls: ['stun:hub'] }]);
});

test('every envelope has the version and an id of its own', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  for (let n = 0; n < 50; n += 1) hub.line.send({ user: 'ben' }, { type: 'hangup', call: 'c', reason: 'hangup' });
  assert.ok(hub.socket.heard.every(({ v }) => v === 1));
  assert.equal(new Set(hub.socket.heard.map(({ id }) => id)).size, hub.socket.heard.length);
});

test('a hang-up said while the hub is gone goes out when it is back; an old candidate does not', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  hub.cut();
  hub.line.send({ user: 'ben', device: 'x' }, { type: 'candidate', call: 'c', link: 1, candidate: '', mline: 0 });
  hub.line.send({ user: 'ben', device: 'x' }, { type: 'hangup', call: 'c', reason: 'hangup' });
  for (let n = 0; n < 4; n += 1) {
    hub.pass(8_000);
    if (hub.socket.readyState === 0 && n < 3) hub.cut();
  }
  hub.welcome();
  assert.deepEqual(hub.types(), ['login', 'watch', 'hangup']);
});

test('comes back with growing patience, for ever', (t) => {
  const hub = new FakeHub(t);
  const waits = [];
  for (let n = 0; n < 12; n += 1) {
    const [dialled, from] = [hub.sockets.length, hub.now];
    hub.cut();
    while (hub.sockets.length === dialled) hub.pass(100);
    waits.push(hub.now - from);
  }
  assert.deepEqual(waits.slice(0, 4), [400, 800, 1_600, 3_200]);
  assert.ok(waits.every((wait) => wait <= 15_000));
});

test('a hub that never answers the login is left after ten seconds', (t) => {
  const hub = new FakeHub(t);
  hub.open();
  hub.pass(11_000);
  assert.equal(hub.sockets.length, 2);
});

test('silence for two heartbeats means the hub is gone', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  hub.pass(35_000);
  assert.equal(hub.told.at(-1).type, 'down');
  assert.ok(hub.types().includes('ping') || hub.sockets.length > 1);
});

test('a hub that answers is not left', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  for (let n = 0; n < 12; n += 1) {
    hub.pass(5_000);
    hub.say({ type: 'pong' });
  }
  assert.equal(hub.sockets.length, 1);
});

test('a duplicate is heard once, the same id from another sender counts', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  const message = { id: 'same', type: 'hangup', call: 'c', reason: 'hangup' };
  hub.say({ ...message, from: { user: 'ben', device: 'a' } });
  hub.say({ ...message, from: { user: 'ben', device: 'a' } });
  hub.say({ ...message, from: { user: 'ben', device: 'b' } });
  assert.equal(hub.told.filter(({ type }) => type === 'heard').length, 2);
});

test('a newer login of the same device, or a bad ticket, is the end; a restart is not', (t) => {
  for (const [reason, dialled] of [['replaced', 1], ['not_logged_in', 1], ['ticket_expired', 1], ['shutdown', 2], ['too_slow', 2]]) {
    const hub = new FakeHub(t);
    hub.welcome();
    hub.say({ type: 'bye', reason, code: 70001 });
    hub.pass(2_000);
    assert.equal(hub.sockets.length, dialled, reason);
    assert.equal(hub.told.some(({ type }) => type === 'refused'), dialled === 1, reason);
    hub.line.stop();
    mock.timers.reset();
  }
});

test('another major version is answered, never met with silence', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  hub.say({ v: 2, type: 'invite', call: 'c', from: { user: 'ben', device: 'a' } });
  assert.deepEqual(hub.socket.heard.at(-1), { ...hub.socket.heard.at(-1), type: 'reject', call: 'c', reason: 'unsupported_version', to: { user: 'ben', device: 'a' } });
});

test('garbage changes nothing', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  for (const data of ['', '{', '[]', '7', 'null', '{"v":1}', '{"v":1,"type":"nonsense"}', 'x'.repeat(70_000)]) hub.socket.onmessage({ data });
  assert.equal(hub.told.length, 1);
});

test('another network: the old socket is left at once, whatever it says', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  const old = hub.socket;
  hub.line.renew();
  assert.equal(old.readyState, 3);
  assert.equal(hub.sockets.length, 2);
  assert.deepEqual(hub.told.map(({ type }) => type), ['up', 'down']);
  hub.line.send({ user: 'door' }, { type: 'hangup', call: 'c', reason: 'hangup' });
  hub.welcome();
  assert.ok(hub.types().includes('hangup'), 'what is said meanwhile goes out on the new one');
});
