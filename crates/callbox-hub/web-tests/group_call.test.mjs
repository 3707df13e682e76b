// Group calls from the page's edge: what its view says of them, the size of our picture on a link, and peers that are gone for good.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupOf, growableOf } from '../web/group.js';
import { Links } from '../web/links.js';
import { Session } from '../web/session.js';
import { Street } from './street.mjs';

const view = (s, name) => s.at(name).station.view();
const users = (s, name) => view(s, name).peers.map(({ device }) => device.user);

function connect(s, ...names) {
  for (const name of names) for (const { link } of [...s.at(name).links.values()]) s.feed(name, { type: 'link', link, event: 'connected' });
}

/** Anna rang Ben and Carl, and both are in; Dora is at home. */
function three() {
  const s = new Street();
  for (const name of ['anna/phone', 'ben/phone', 'carl/phone', 'dora/phone']) s.move(name);
  s.press('anna/phone', 'call', { users: ['ben', 'carl'], media: 'video', kind: 'group' });
  s.pass(100);
  for (const name of ['ben/phone', 'carl/phone']) {
    s.press(name, 'accept', { media: 'video' });
    s.pass(200);
  }
  connect(s, 'anna/phone', 'ben/phone', 'carl/phone');
  s.pass(100);
  return s;
}

test('everybody who accepts is a peer of everybody, and one may be added', () => {
  const s = three();
  assert.deepEqual(users(s, 'anna/phone'), ['ben', 'carl']);
  assert.deepEqual(users(s, 'ben/phone'), ['anna', 'carl']);
  assert.deepEqual(view(s, 'carl/phone').peers.map(({ state }) => state), ['talking', 'talking']);
  s.press('ben/phone', 'add', { users: ['dora'] });
  s.pass(100);
  assert.equal(groupOf(view(s, 'ben/phone')).roster.find(({ user }) => user === 'dora').state, 'ringing');
  s.press('dora/phone', 'reject');
  s.pass(100);
  assert.equal(groupOf(view(s, 'anna/phone')).roster.find(({ user }) => user === 'dora').state, 'declined');
  assert.equal(groupOf(view(s, 'anna/phone')).mayAdd, true);
});

test('who is rung sees who is asked besides, before anybody has said a word', () => {
  const s = new Street();
  s.move('anna/phone');
  const invite = { type: 'invite', call: 'c', kind: 'group', media: 'video', callees: ['anna', 'ben'], remaining_ms: 30_000, agent: 'panel', early: 'off' };
  s.feed('anna/phone', { type: 'heard', from: { user: 'door', device: 'panel' }, message: invite });
  assert.deepEqual(view(s, 'anna/phone').roster.map(({ user, state }) => [user, state]), [['door', 'joined'], ['ben', 'invited']]);
});

test('who left is offered the call, and joins it again', () => {
  const s = three();
  s.press('carl/phone', 'hangup');
  s.pass(200);
  const { joinable } = view(s, 'carl/phone');
  assert.deepEqual(joinable.users, ['anna', 'ben']);
  s.press('carl/phone', 'join', { call: joinable.call });
  s.pass(500);
  assert.deepEqual(users(s, 'carl/phone'), ['anna', 'ben']);
  assert.deepEqual(users(s, 'anna/phone'), ['ben', 'carl']);
});

test('of more than two pictures small ones are asked for, and one link each is told to send them', () => {
  const s = three();
  const orders = (name) => s.at(name).effects.filter((effect) => effect.do === 'picture').map(({ link, size }) => [link.peer.user, size]);
  assert.deepEqual(orders('anna/phone'), [], 'two fit in full size');
  s.press('anna/phone', 'add', { users: ['dora'] });
  s.pass(100);
  s.press('dora/phone', 'accept', { media: 'video' });
  s.pass(300);
  assert.deepEqual(orders('anna/phone').sort(), [['ben', 'small'], ['carl', 'small'], ['dora', 'small']]);
  s.press('dora/phone', 'hangup');
  s.pass(300);
  assert.deepEqual(orders('anna/phone').slice(3).sort(), [['ben', 'full'], ['carl', 'full']]);
});

test('a call between two may grow where the other end takes part in group calls', () => {
  const s = new Street();
  for (const name of ['anna/phone', 'ben/phone', 'carl/phone']) s.move(name);
  s.press('anna/phone', 'call', { users: ['ben'], media: 'audio' });
  s.pass(100);
  assert.equal(growableOf(view(s, 'anna/phone')), null, 'it rings');
  s.press('ben/phone', 'accept', { media: 'audio' });
  s.pass(200);
  assert.deepEqual(growableOf(view(s, 'anna/phone')).users, ['ben']);
  assert.equal(groupOf(view(s, 'anna/phone')), null);
  s.feed('anna/phone', { type: 'heard', from: { user: 'ben', device: 'phone' }, message: { type: 'media', call: view(s, 'anna/phone').call, audio: true, video: false } });
  assert.equal(growableOf(view(s, 'anna/phone')), null, 'an older page');
});

/** A browser's connection with one video sender. */
class Connection {
  #encodings = [{ active: true }];
  told = [];

  constructor() {
    Connection.made = this;
    const sender = {
      track: null, replaceTrack: async () => {},
      getParameters: () => ({ encodings: structuredClone(this.#encodings) }),
      setParameters: async ({ encodings }) => {
        this.#encodings = encodings;
        this.told.push(encodings[0]);
      },
    };
    this.transceivers = [{ sender, receiver: { track: { kind: 'video' } } }];
  }

  getTransceivers() { return this.transceivers; }
  addTransceiver() {}
  async getStats() { return new Map(); }
  async setLocalDescription() { this.localDescription = { sdp: 'v=0' }; }
  async setRemoteDescription() {}
  close() {}
}

test('a small picture has half of each side and 15 frames a second, and a full one neither', async (t) => {
  Object.assign(globalThis, { RTCPeerConnection: Connection, MediaStream: class { getTracks() { return []; } } });
  t.after(() => { delete globalThis.RTCPeerConnection; delete globalThis.MediaStream; });
  const link = { call: 'c', peer: { user: 'ben', device: 'phone' }, number: 1 };
  const links = new Links({ tell: () => {}, settings: {} });
  t.after(() => links.close(link));
  const settled = () => new Promise((done) => setImmediate(done));
  links.open(link, 'video', true);
  links.picture(link, 'small');
  links.picture(link, 'small');
  links.heard(link, 'answer', { sdp: 'v=0' });
  await settled();
  assert.deepEqual(Connection.made.told, [{ active: true, scaleResolutionDownBy: 2, maxFramerate: 15 }]);
  links.picture(link, 'full');
  await settled();
  assert.deepEqual(Connection.made.told.slice(1), [{ active: true, scaleResolutionDownBy: 1 }]);
});

test('without a hub a peer whose media is gone is told to be gone, once', () => {
  const from = { user: 'door', device: 'panel' };
  const store = { recent: () => [], knows: () => false, rung: null, remember: () => [] };
  const edges = { carryOut: () => {}, painted: () => {}, tell: () => {}, pass: () => {} };
  const session = new Session({ credentials: { app: 7, user: 'anna', device: 'phone', ticket: 't' }, url: 'ws://127.0.0.1/ws', ring: 30_000, store, edges });
  const hear = (message) => session.feed({ type: 'heard', from, message: { call: 'c', ...message } });
  hear({ type: 'invite', kind: 'single', media: 'audio', callees: ['anna'], remaining_ms: 30_000, agent: 'panel', early: 'off' });
  session.feed({ type: 'pressed', action: 'accept', media: 'audio' });
  hear({ type: 'confirm' });
  hear({ type: 'offer', link: 1, sdp: 'v=0' });
  const link = { call: 'c', peer: from, number: 1 };
  session.feed({ type: 'link', link, event: 'connected' });
  session.cutOff();
  session.feed({ type: 'link', link, event: 'disconnected' });
  assert.equal(session.view.lost, true);
  session.stop();
});
