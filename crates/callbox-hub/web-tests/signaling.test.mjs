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

  /** The page sleeps: time passes, and only then do its timers fire. */
  jump(ms) {
    this.now += ms;
    mock.timers.tick(ms);
  }

  pass(ms) {
    for (let left = ms; left > 0; left -= 100) {
      this.now += Math.min(100, left);
      mock.timers.tick(Math.min(100, left));
    }
  }
}

test('logs in first', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  assert.deepEqual(hub.types(), ['login']);
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
  assert.deepEqual(hub.types(), ['login', 'hangup']);
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

test('a caller tells of its own missed calls and of nobody else\'s', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  const missed = (from, caller) => hub.say({ from: { user: from, device: 'panel' }, type: 'missed', call: `c-${from}`, ...caller, media: 'audio', ago_ms: 1 });
  missed('door', { caller: { user: 'door', device: 'panel' } });
  missed('mallory', { caller: { user: 'door', device: 'panel' } });
  missed('nobody', {});
  hub.say({ type: 'missed', call: 'c-hub', caller: { user: 'door', device: 'panel' }, media: 'audio', ago_ms: 1 });
  assert.deepEqual(hub.told.slice(1).map(({ type, call }) => [type, call]), [['missed', 'c-door'], ['missed', 'c-hub']]);
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

test('only a newer login and a ticket that no waiting cures are final', (t) => {
  const final = [{ reason: 'replaced' }, ...[70002, 70003, 70009, 70013, 70014].map((code) => ({ reason: 'not_logged_in', code }))];
  const passing = [
    { reason: 'not_logged_in' }, { reason: 'not_logged_in', code: 70001 }, { reason: 'not_logged_in', code: 99999 }, { reason: 'ticket_expired', code: 70001 },
    { reason: 'not_logged_in', code: 70003, retry_ms: 3_000 }, { reason: 'shutdown' }, { reason: 'too_slow' }, { reason: 'too_fast' }, { reason: 'news_of_tomorrow' },
  ];
  for (const [byes, ends] of [[final, true], [passing, false]]) {
    for (const bye of byes) {
      const hub = new FakeHub(t);
      hub.welcome();
      hub.say({ type: 'bye', text: 'why', ...bye });
      hub.pass(10_000);
      assert.equal(hub.sockets.length > 1, !ends, JSON.stringify(bye));
      assert.equal(hub.told.filter(({ type }) => type === 'refused').length, ends ? 1 : 0, JSON.stringify(bye));
      assert.equal(hub.told.filter(({ type }) => type === 'waits').length, ends ? 0 : 1, JSON.stringify(bye));
      hub.line.stop();
      mock.timers.reset();
    }
  }
});

test('comes back when the hub has said, not before, and longer each time where it has not', (t) => {
  const hub = new FakeHub(t);
  hub.open();
  hub.say({ type: 'bye', reason: 'not_logged_in', text: 'too many refused logins', retry_ms: 3_000 });
  hub.line.hurry();
  hub.pass(2_900);
  assert.equal(hub.sockets.length, 1, 'a person who looks at the page changes nothing');
  hub.pass(1_700);
  assert.equal(hub.sockets.length, 2);
  const waits = [];
  for (let n = 0; n < 8; n += 1) {
    const [dialled, from] = [hub.sockets.length, hub.now];
    hub.open();
    hub.say({ type: 'bye', reason: 'not_logged_in', text: 'the hub is full' });
    while (hub.sockets.length === dialled) hub.pass(100);
    waits.push(hub.now - from);
  }
  assert.ok(waits.every((wait, n) => n === 0 || wait >= waits[n - 1]), waits.join(' '));
  assert.equal(waits.at(-1), 60_000);
  for (const nonsense of [-1, 1.5, '3000', null, 1e12]) {
    const dialled = hub.sockets.length;
    hub.open();
    hub.say({ type: 'bye', reason: 'not_logged_in', retry_ms: nonsense });
    hub.pass(620_000);
    assert.ok(hub.sockets.length > dialled, String(nonsense));
  }
});

test('a clock that jumps a minute between timers: nothing is taken for silence, and a ring that waits is heard', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  for (let minute = 0; minute < 30; minute += 1) {
    hub.jump(60_000);
    assert.equal(hub.types().filter((type) => type === 'ping').length, minute + 1, 'each time the page wakes it asks');
    hub.say({ type: 'pong' });
  }
  hub.jump(60_000);
  hub.say({ type: 'invite', call: 'c', from: { user: 'door', device: 'panel' } });
  assert.equal(hub.sockets.length, 1);
  assert.deepEqual(hub.told.map(({ type }) => type), ['up', 'heard']);
});

test('a ping that was sent before a long sleep is sent once more', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  hub.pass(10_000);
  assert.equal(hub.types().filter((type) => type === 'ping').length, 1);
  hub.jump(3_600_000);
  assert.equal(hub.sockets.length, 1, 'what it brought back may still be queued');
  assert.equal(hub.types().filter((type) => type === 'ping').length, 2);
  hub.pass(6_000);
  assert.equal(hub.sockets.length, 2, 'two pings have brought nothing back');
});

test('a socket that is gone after a good session is dialled again at once, one that never was not', (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  for (let n = 0; n < 3; n += 1) {
    hub.pass(5_000);
    hub.say({ type: 'pong' });
  }
  hub.cut();
  assert.equal(hub.sockets.length, 2);
  hub.cut();
  assert.equal(hub.sockets.length, 2);
});

test('what came while the page slept is handled before a deadline is judged', async (t) => {
  const hub = new FakeHub(t);
  hub.welcome();
  let settled = false;
  const waits = hub.line.settled().then(() => (settled = true));
  await Promise.resolve();
  assert.equal(hub.types().at(-1), 'ping');
  assert.equal(settled, false);
  hub.say({ type: 'pong' });
  mock.timers.tick(1);
  await waits;
});

test('dials that fail before the socket is open are counted', (t) => {
  const hub = new FakeHub(t);
  for (let n = 0; n < 3; n += 1) {
    hub.cut();
    hub.pass(5_000);
  }
  assert.deepEqual(hub.told, [1, 2, 3].map((times) => ({ type: 'unreached', times })));
});

test('whole-valued floats are integers', (t) => {
  const hub = new FakeHub(t);
  hub.open();
  const say = (text) => hub.socket.onmessage({ data: text });
  say('{"v":1.0,"id":"h1","type":"welcome","you":{"user":"anna","device":"phone"},"heartbeat_ms":10000.0,"ice_servers":[]}');
  say('{"v":1.0,"id":"a","from":{"user":"door","device":"panel"},"type":"invite","call":"c","remaining_ms":30000.0}');
  assert.equal(hub.told[1].message.remaining_ms, 30_000);
  say('{"v":1.0,"id":"h2","type":"bye","reason":"not_logged_in","code":70003.0,"retry_ms":2000.0}');
  assert.equal(hub.told.at(-1).type, 'waits');
  assert.ok(hub.told.at(-1).ms >= 2_000);
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
