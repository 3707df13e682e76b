import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Rung } from '../web/rung.js';

const FROM = { user: 'door', device: 'panel' };
const INVITE = { type: 'invite', call: 'c1', remaining_ms: 30_000 };

/** A store that outlives a page. */
function memory() {
  const kept = new Map();
  return { keepInvite: (user, invite) => kept.set(user, structuredClone(invite)), keptInvite: (user) => kept.get(user) ?? null };
}

function gone(store, view, message = INVITE) {
  const page = new Rung(store);
  page.heard(FROM, message);
  page.goes('anna', view);
}

test('an invite that rings when the page goes is there once when it is back, with the time that is left', (t) => {
  t.mock.timers.enable({ apis: ['Date'] });
  const store = memory();
  gone(store, { state: 'ringing', call: 'c1' });
  t.mock.timers.tick(4_000);
  assert.equal(new Rung(store).back('eve'), null, 'it is nobody else’s');
  assert.deepEqual(new Rung(store).back('anna'), { from: FROM, message: { ...INVITE, remaining_ms: 26_000 } });
  assert.equal(new Rung(store).back('anna'), null);
});

test('nothing rings on that is decided, too old, or from a clock that was set back', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 100_000 });
  const store = memory();
  for (const view of [{ state: 'idle' }, { state: 'talking', call: 'c1' }, { state: 'ringing', call: 'c2' }]) {
    gone(store, view);
    assert.equal(new Rung(store).back('anna'), null);
  }
  gone(store, { state: 'ringing', call: 'c1' });
  t.mock.timers.setTime(50_000);
  assert.equal(new Rung(store).back('anna').message.remaining_ms, 30_000);
  gone(store, { state: 'ringing', call: 'c1' });
  t.mock.timers.tick(30_000);
  assert.equal(new Rung(store).back('anna'), null);
});
