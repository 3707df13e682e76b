// The network, or a whole party, goes in a talk: the stories of the station's `network.rs`, told with the page's station.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Street } from './street.mjs';

/** Ben offers in a call between two pages, since he was called. */
const NAMES = ['anna/phone', 'ben/phone'];
const LIVENESS_MS = 4_000;

/** Two pages that talk over links which stand as long as both ends do and neither has lost its network. */
class Talk {
  street = new Street();
  /** How late a media edge notices that nothing comes any more. */
  liveness = LIVENESS_MS;
  #dead = new Set();
  #offline = new Set();
  #kept = [];

  constructor() {
    for (const name of NAMES) this.street.move(name);
    this.street.press('anna/phone', 'call', { users: ['ben'], media: 'video' });
    this.pass(100);
    this.street.press('ben/phone', 'accept', { media: 'video' });
    this.pass(500);
    assert.deepEqual(this.street.states(), { 'anna/phone': 'talking', 'ben/phone': 'talking' });
    this.street.lose = (message, from, to) => this.#offline.has(from) || this.#offline.has(to);
  }

  /** Time passes; links come up where both ends know of them, and media edges notice what does not. */
  pass(ms) {
    for (let passed = 0; passed < ms; passed += 20) {
      this.street.pass(20);
      for (const name of NAMES) this.#look(name);
    }
  }

  at(name) { return this.street.at(name); }
  view(name) { return this.at(name).station.view(); }
  sent(name, type) { return this.at(name).sent.filter((message) => message.type === type); }
  last(name) { return this.at(name).records.at(-1); }
  numbers(name) { return [...this.at(name).links.values()].map(({ link }) => link.number); }

  losesNetwork(name) {
    this.#offline.add(name);
    this.#kill(name);
    this.street.feed(name, { type: 'signaling', up: false });
  }

  hasNetworkAgain(name) {
    this.#offline.delete(name);
    this.street.feed(name, { type: 'network' });
    this.street.feed(name, { type: 'signaling', up: true });
  }

  /** Links are dead, and the page's outbox holds what is said until the hub is there again. */
  changesAddress(name) {
    this.#kill(name);
    this.street.feed(name, { type: 'signaling', up: false });
    this.street.feed(name, { type: 'network' });
    this.street.feed(name, { type: 'signaling', up: true });
  }

  isKilled(name) {
    this.#kill(name);
    this.street.move(name, { prefix: 'again' });
    this.#offline.add(name);
  }

  isBack(name) {
    this.#offline.delete(name);
    this.presence(name, true);
  }

  presence(name, online) {
    const [user, device] = name.split('/');
    this.street.feed(NAMES.find((other) => other !== name), { type: 'presence', user, device, online });
  }

  #kill(name) {
    for (const key of this.at(name).links.keys()) this.#dead.add(`${key} ${name}`);
  }

  #look(name) {
    const [user, device] = name.split('/');
    const other = NAMES.find((peer) => peer !== name);
    for (const [key, end] of [...this.at(name).links]) {
      const far = this.at(other).links.get(`${end.link.call}/${user}/${device}/${end.link.number}`);
      const dead = this.#dead.has(`${key} ${name}`) || [...this.#dead].some((mark) => mark === `${end.link.call}/${user}/${device}/${end.link.number} ${other}`);
      const flows = far && !dead && !this.#offline.has(name) && !this.#offline.has(other);
      if (flows && !end.stands) {
        end.stands = true;
        this.street.feed(name, { type: 'link', link: end.link, event: 'connected' });
        this.street.feed(name, { type: 'link', link: end.link, event: 'first_frame_shown' });
      }
      if (!end.stands) continue;
      end.silentSince = flows ? null : end.silentSince ?? this.street.now;
      if (flows || this.street.now < end.silentSince + this.liveness) continue;
      end.stands = false;
      this.street.feed(name, { type: 'link', link: end.link, event: 'disconnected' });
    }
  }
}

function bothTalk(talk) {
  for (const name of NAMES) {
    const view = talk.view(name);
    assert.equal(view.state, 'talking', name);
    assert.equal(view.lost, false, `${name} is not lost`);
    assert.equal(view.links.length, 1, `${name} has one link`);
    assert.ok(view.links[0].connected);
  }
}

test('a minute without network and the talk goes on', () => {
  for (const cut of NAMES) {
    const talk = new Talk();
    talk.losesNetwork(cut);
    talk.pass(5_000);
    for (const name of NAMES) assert.ok(talk.view(name).lost, 'both are shown that the connection is lost');
    talk.pass(32_000);
    talk.presence(cut, false);
    talk.pass(23_000);
    talk.hasNetworkAgain(cut);
    talk.presence(cut, true);
    talk.pass(500);
    bothTalk(talk);
  }
});

test('a network that does not come back ends the talk on both sides', () => {
  const talk = new Talk();
  talk.losesNetwork('anna/phone');
  talk.pass(37_000);
  talk.presence('anna/phone', false);
  talk.pass(41_500);
  for (const name of NAMES) assert.equal(talk.view(name).state, 'talking');
  talk.pass(1_000);
  for (const name of NAMES) assert.equal(talk.last(name).reason, 'network_lost');
});

test('while nobody can be reached no links are wasted', () => {
  const talk = new Talk();
  talk.losesNetwork('ben/phone');
  talk.pass(60_000);
  assert.deepEqual(talk.numbers('ben/phone'), [1], 'who has no network offers nothing');
  assert.equal(talk.sent('ben/phone', 'relink').length, 0);
});

/** Ben's process dies, and whenever presence says so, Anna's call ends within these milliseconds of it. */
function isMissed({ liveness, after, before }) {
  for (const toldAfter of [0, 5_500]) {
    const talk = new Talk();
    talk.liveness = liveness ?? talk.liveness;
    talk.isKilled('ben/phone');
    talk.pass(toldAfter);
    talk.presence('ben/phone', false);
    talk.pass(after - toldAfter);
    assert.equal(talk.view('anna/phone').state, 'talking');
    talk.pass(before - after);
    assert.equal(talk.last('anna/phone').reason, 'network_lost');
  }
}

test('a killed peer is missed seven seconds later, whenever presence says so', () => {
  isMissed({ after: 6_900, before: 7_200 });
});

test('a killed peer is missed eleven seconds later, also where the browser notices the silence late', () => {
  isMissed({ liveness: 7_900, after: 10_800, before: 11_100 });
});

test('a killed peer that comes up again ends the talk at once', () => {
  const talk = new Talk();
  talk.isKilled('ben/phone');
  talk.presence('ben/phone', false);
  talk.pass(2_000);
  talk.isBack('ben/phone');
  talk.pass(100);
  assert.equal(talk.last('anna/phone').reason, 'network_lost');
});

test('a peer that went offline long before its media ended is waited for', () => {
  const talk = new Talk();
  talk.presence('ben/phone', false);
  talk.pass(30_000);
  bothTalk(talk);
  talk.losesNetwork('ben/phone');
  talk.pass(60_000);
  assert.equal(talk.view('anna/phone').state, 'talking');
});

test('another address and the next link flows long before silence is noticed', () => {
  for (const name of NAMES) {
    const talk = new Talk();
    for (const number of [2, 3]) {
      talk.changesAddress(name);
      talk.pass(400);
      bothTalk(talk);
      assert.deepEqual(talk.numbers(name), [number]);
    }
  }
});

test('a link that still stands goes when its successor is seen', () => {
  for (const name of NAMES) {
    const talk = new Talk();
    talk.street.feed(name, { type: 'network' });
    assert.deepEqual(talk.numbers('ben/phone'), name === 'ben/phone' ? [1, 2] : [1]);
    talk.pass(400);
    bothTalk(talk);
    assert.deepEqual(talk.numbers('ben/phone'), [2]);
  }
});

test('a cry for a new link that comes late or twice changes nothing, and who answers makes no offers', () => {
  const talk = new Talk();
  talk.changesAddress('anna/phone');
  talk.pass(2_000);
  const { call } = talk.view('ben/phone');
  const relink = (to, from, link) => talk.street.feed(to, { type: 'heard', from: { user: from, device: 'phone' }, message: { type: 'relink', call, link } });
  for (const link of [0, 1, 1]) relink('ben/phone', 'anna', link);
  relink('anna/phone', 'ben', 9);
  talk.pass(1_000);
  assert.deepEqual([talk.numbers('anna/phone'), talk.numbers('ben/phone')], [[2], [2]]);
});

test('a network that changed while it rang does not delay the first picture', () => {
  for (const name of NAMES) {
    const street = new Street();
    for (const home of NAMES) street.move(home);
    street.press('anna/phone', 'call', { users: ['ben'], media: 'video' });
    street.pass(100);
    street.feed(name, { type: 'network' });
    street.press('ben/phone', 'accept', { media: 'video' });
    street.pass(200);
    const newest = [...street.at('ben/phone').links.values()].at(-1).link.number;
    assert.equal(newest, 2, name);
  }
});

test('a call that nobody here knows ends by every question about it', () => {
  const street = new Street();
  street.move('anna/phone');
  for (const type of ['relink', 'media', 'offer']) {
    street.feed('anna/phone', { type: 'heard', from: { user: 'door', device: 'panel' }, message: { type, call: 'c1', link: 1 } });
    assert.deepEqual(street.at('anna/phone').sent.at(-1), { type: 'hangup', call: 'c1', reason: 'network_lost' });
  }
});
