import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Rung } from '../web/rung.js';
import { Station } from '../web/station.js';

const FROM = { user: 'door', device: 'panel' };
const INVITE = { type: 'invite', call: 'c1', remaining_ms: 30_000 };

/** A store that outlives a page. */
function memory() {
  const kept = new Map();
  return { keepInvite: (user, invite) => kept.set(user, structuredClone(invite)), keptInvite: (user) => kept.get(user) ?? null };
}

const RINGING = { state: 'ringing', call: 'c1', caller: FROM, invite: INVITE, until: 31_000 };

function gone(store, view) {
  new Rung(store).goes('anna', view, 1_000);
}

test('an invite that rings when the page goes is there once when it is back, with the time that is left', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const store = memory();
  gone(store, RINGING);
  t.mock.timers.tick(4_000);
  assert.equal(new Rung(store).back('eve'), null, 'it is nobody else’s');
  assert.deepEqual(new Rung(store).back('anna'), { from: FROM, message: { ...INVITE, remaining_ms: 26_000 } });
  assert.equal(new Rung(store).back('anna'), null);
});

test('nothing rings on that is decided, too old, or from a clock that was set back', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 100_000 });
  const store = memory();
  for (const view of [{ state: 'idle' }, { ...RINGING, state: 'talking' }]) {
    gone(store, view);
    assert.equal(new Rung(store).back('anna'), null);
  }
  gone(store, RINGING);
  t.mock.timers.setTime(50_000);
  assert.equal(new Rung(store).back('anna').message.remaining_ms, 30_000);
  gone(store, RINGING);
  t.mock.timers.tick(30_000);
  assert.equal(new Rung(store).back('anna'), null);
});

test('what rings is kept, whoever else invites meanwhile', () => {
  const station = new Station({ me: { user: 'anna', device: 'phone' }, ids: () => 'own' });
  const hear = (user, call, remaining) => station.handle(1_000, {
    type: 'heard', from: { user, device: 'panel' },
    message: { type: 'invite', call, kind: 'single', media: 'video', callees: ['anna'], remaining_ms: remaining, agent: 'panel', early: 'off' },
  });
  const store = memory();
  hear('door', 'c1', 30_000);
  hear('mallory', 'c2', 600_000);
  hear('door', 'c3', 20_000);
  new Rung(store).goes('anna', station.view(), 1_000);
  assert.equal(new Rung(store).back('anna').message.call, 'c1');
  station.handle(2_000, { type: 'heard', from: FROM, message: { type: 'cancel', call: 'c1', reason: 'cancelled' } });
  new Rung(store).goes('anna', station.view(), 2_000);
  assert.deepEqual(new Rung(store).back('anna').message.call, 'c3', 'the next one, which rings now');
});
