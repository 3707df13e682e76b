// A description that cannot be taken: the call with its sender ends at once, as in the station's story of the same name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Links } from '../web/links.js';
import { Street } from './street.mjs';

test('a callee whose description cannot be taken is out at once, and the others ring on', () => {
  const s = new Street();
  for (const name of ['anna/phone', 'ben/phone', 'carl/phone']) s.move(name);
  s.press('anna/phone', 'call', { users: ['ben', 'carl'], media: 'video' });
  s.pass(100);
  const refuse = (user) => {
    const { link } = [...s.at('anna/phone').links.values()].find(({ link: { peer } }) => peer.user === user);
    s.feed('anna/phone', { type: 'link', link, event: 'refused' });
    s.pass(50);
  };
  refuse('ben');
  assert.deepEqual(s.states(), { 'anna/phone': 'inviting', 'ben/phone': 'idle', 'carl/phone': 'ringing' });
  assert.equal(s.at('ben/phone').records.at(-1).reason, 'media_failed');
  refuse('carl');
  // Another device of a user who is only busy would have this long to ring.
  s.pass(2_000);
  assert.deepEqual(s.states(), { 'anna/phone': 'idle', 'ben/phone': 'idle', 'carl/phone': 'idle' });
  assert.equal(s.at('anna/phone').records.at(-1).reason, 'media_failed');
});

test('one that picked up and cannot take the description hangs up', () => {
  const s = new Street();
  s.move('anna/phone');
  const from = { user: 'door', device: 'panel' };
  const invite = { kind: 'single', media: 'video', callees: ['anna'], remaining_ms: 30_000, agent: 'browser', early: 'connect' };
  s.feed('anna/phone', { type: 'heard', from, message: { type: 'invite', call: 'c1', ...invite } });
  s.press('anna/phone', 'accept', { media: 'video' });
  assert.deepEqual(s.states(), { 'anna/phone': 'accepting' });
  const [{ link }] = s.at('anna/phone').links.values();
  s.feed('anna/phone', { type: 'link', link, event: 'refused' });
  assert.deepEqual(s.states(), { 'anna/phone': 'idle' });
  assert.deepEqual(s.at('anna/phone').sent.at(-1), { type: 'hangup', call: 'c1', reason: 'media_failed' });
});

/** What a link reports when the browser refuses a description with an error of this name. */
async function reported(t, name) {
  class Connection {
    getTransceivers() { return []; }
    async getStats() { return new Map(); }
    async setRemoteDescription() { throw Object.assign(new Error('no'), { name }); }
    close() {}
  }
  class Stream {
    getTracks() { return []; }
  }
  Object.assign(globalThis, { RTCPeerConnection: Connection, MediaStream: Stream });
  t.after(() => { delete globalThis.RTCPeerConnection; delete globalThis.MediaStream; });
  t.mock.method(console, 'warn', () => {});
  const id = { call: 'c1', peer: { user: 'door', device: 'panel' }, number: 1 };
  return new Promise((told) => {
    const links = new Links({ tell: (_, event) => told(event), settings: {} });
    t.after(() => links.close(id));
    links.open(id, 'audio', false);
    links.heard(id, 'offer', { sdp: 'v=0' });
  });
}

test('a browser that cannot take a description says that it is the peer’s fault', async (t) => {
  assert.equal(await reported(t, 'OperationError'), 'refused');
});

test('a description out of turn breaks its link only', async (t) => {
  assert.equal(await reported(t, 'InvalidStateError'), 'failed');
});
