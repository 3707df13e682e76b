// What the page asks of its browser and of other tabs: ICE servers, notices, the hub's word about its origin, and the one tab that runs.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mock, test } from 'node:test';
import { attempt, attemptLater } from '../web/attempt.js';
import { faultOf, usableServers } from '../web/ice.js';
import { noticesOf } from '../web/notices.js';
import { OriginQuestion } from '../web/origin.js';
import { Tabs } from '../web/tabs.js';

test('a getter that throws is an answer', async () => {
  const thrower = Object.defineProperty({}, 'x', { get() { throw new Error('blocked'); } });
  assert.equal(attempt('x', () => thrower.x, 'none'), 'none');
  assert.equal(attempt('x', () => { throw null; }), null);
  assert.equal(await attemptLater('x', async () => thrower.x, 7), 7);
});

/** The table that the hub's and the daemon's parser is tested against. */
const VECTORS = JSON.parse(readFileSync(new URL('../../callbox-core/tests/vectors/ice_urls.json', import.meta.url), 'utf8'));

test('addresses of ICE servers are those that hub and daemon take', () => {
  for (const { url } of VECTORS.accepted) assert.equal(faultOf(url), null, url);
  for (const url of [...VECTORS.refused, 7, null, undefined, {}]) assert.notEqual(faultOf(url), null, String(url));
});

test('one unusable server takes no other with it, and is named', (t) => {
  t.mock.method(console, 'warn', () => {});
  const make = ([{ urls: [url], username }]) => {
    if (url.startsWith('turn') && !username) throw new Error('no username');
    return { close() {} };
  };
  const { usable, refused } = usableServers([
    { urls: ['stun:a', 'stun:a?transport=udp'] }, { urls: 'turn:b' }, { urls: ['turn:c'], username: 'u', credential: 'p' }, null, 'x', {}, { urls: [7] },
  ], make);
  assert.deepEqual(usable.map(({ urls }) => urls), [['stun:a'], ['turn:c']]);
  assert.deepEqual(refused.map(({ url }) => url), ['stun:a?transport=udp', 'turn:b', '7']);
  assert.equal(usable[1].credential, 'p');
});

test('notifications are offered also where microphone and camera are granted', () => {
  const model = { me: 'anna', said: null, elsewhere: false, offered: null, failed: null, ice: [], lasting: true, mayAsk: false, mayNotify: true };
  const world = { tones: { audible: true, possible: true }, capturable: true, connectable: true };
  const wishes = (more, there = {}) => noticesOf({ ...model, ...more }, { ...world, ...there }).flatMap(({ buttons }) => buttons.map(({ wish }) => wish));
  assert.deepEqual(wishes({}), ['notify']);
  assert.deepEqual(wishes({ mayAsk: true }), ['allow']);
  assert.deepEqual(wishes({ mayNotify: false }), []);
  assert.deepEqual(wishes({ offered: 'mallory' }), ['stay', 'switch']);
  assert.deepEqual(wishes({ mayNotify: false }, { tones: { audible: false, possible: true } }), ['sound']);
  assert.deepEqual(wishes({ mayNotify: false }, { tones: { audible: false, possible: false } }), [], 'what cannot sound is not offered');
  assert.match(noticesOf({ ...model, mayNotify: false }, { ...world, connectable: false })[0].text, /calls switched off/);
});

test('the hub is asked about this origin after the second dial in vain, once a minute', async () => {
  const asked = [];
  let now = 0;
  let answer = { status: 200, ok: true, json: async () => ({ welcome: false, text: 'the hub does not accept' }), text: async () => '' };
  const origin = new OriginQuestion({ base: 'https://hub.example/x/?q#f', page: 'https://page.example', clock: () => now, fetch: async (url) => { asked.push(url); return answer; } });
  assert.equal(await origin.unreached(1), undefined);
  assert.equal(await origin.unreached(2), 'the hub does not accept');
  assert.deepEqual(asked, ['https://hub.example/x/origin?page=https%3A%2F%2Fpage.example']);
  assert.equal(await origin.unreached(3), undefined);
  now += 60_000;
  answer = { ...answer, json: async () => ({ welcome: true, text: 'if its WebSocket still fails' }) };
  assert.equal(await origin.unreached(9), null, 'it may have been just started');
  assert.equal(await origin.unreached(10), 'if its WebSocket still fails');
  now += 60_000;
  answer = { status: 400, ok: false, text: async () => 'unreadable header\nmore' };
  assert.equal(await origin.unreached(11), 'unreadable header');
  now += 60_000;
  answer = { status: 404, ok: false, text: async () => '<html>' };
  assert.equal(await origin.unreached(12), null);
});

/** Tabs of one browser without locks: what one posts, the others hear. */
class Browser {
  #tabs = [];

  open(id, { told = () => {}, key = '7/anna/phone', state = () => 'idle' } = {}) {
    const channel = { postMessage: (data) => this.#tabs.filter((tab) => tab !== channel).forEach((tab) => tab.onmessage?.({ data: structuredClone(data) })), close: () => this.#tabs.splice(this.#tabs.indexOf(channel), 1) };
    this.#tabs.push(channel);
    const heard = [];
    const tabs = new Tabs({ key, id, channel, locks: null, state, told: (event) => { heard.push(event.type); return told(event); } });
    return { tabs, heard };
  }
}

async function flush() {
  for (let n = 0; n < 5; n += 1) await Promise.resolve();
}

test('a new tab finds the one that runs, takes over from it, and carries its call', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const browser = new Browser();
  const first = browser.open('1', { state: () => 'talking', told: ({ type }) => (type === 'yield' ? 'c1' : undefined) });
  await first.tabs.own();
  const second = browser.open('2');
  assert.deepEqual(await second.tabs.other(), { state: 'talking' });
  await second.tabs.own({ steal: true });
  assert.deepEqual(first.heard, ['yield']);
  assert.equal(second.tabs.carried, 'c1');
  first.tabs.pass({ type: 'say', to: { user: 'ben' }, message: { type: 'hangup', call: 'c1' } });
  assert.ok(second.heard.includes('say'));
  const third = browser.open('3', { key: '7/ben/phone' });
  const none = third.tabs.other();
  await flush();
  mock.timers.tick(400);
  assert.equal(await none, null, 'another sign-in is another matter');
});

test('when the tab that runs it is closed, the one that waits is told, but not when it is only loaded again', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const browser = new Browser();
  const first = browser.open('1');
  await first.tabs.own();
  const second = browser.open('2');
  second.tabs.wait();
  first.tabs.close();
  mock.timers.tick(2_900);
  await flush();
  assert.deepEqual(second.heard, []);
  mock.timers.tick(200);
  assert.deepEqual(second.heard, ['free']);
});
