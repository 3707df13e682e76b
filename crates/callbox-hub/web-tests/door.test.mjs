// The door as the page sees it: offered, opened in two steps, and never later than the person wanted it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Door } from '../web/door.js';
import { brief, doorWords, ending, isMissed } from '../web/words.js';

const PANEL = { user: 'door', device: 'panel' };
const IDLE = { state: 'idle', call: null, parties: [] };
const RINGING = { state: 'ringing', call: 'c1', direction: 'incoming', caller: PANEL, callees: ['anna'], peer: null, parties: [PANEL] };
const TALKING = { ...RINGING, state: 'talking', peer: PANEL };
const INVITING = { state: 'inviting', call: 'c1', direction: 'outgoing', caller: { user: 'anna', device: 'phone' }, callees: ['door'], peer: null, parties: [PANEL] };

/** A door that was offered in this state. */
function offered(view = RINGING, offer = {}) {
  let made = 0;
  const door = new Door(() => `id${++made}`);
  door.handle(0, { type: 'heard', from: PANEL, message: { type: 'invite', call: 'c1' } }, view);
  hear(door, 0, { type: 'door', ...offer }, view);
  return door;
}

function hear(door, now, message, view = RINGING, from = PANEL) {
  return door.handle(now, { type: 'heard', from, message: { call: 'c1', ...message } }, view);
}

const press = (door, now, view = RINGING) => door.handle(now, { type: 'pressed', action: 'unlock' }, view);
const command = (more) => ({ do: 'send', to: PANEL, message: { type: 'command', call: 'c1', name: 'unlock', nonce: 'id1', ...more } });

test('a door is opened in two steps', () => {
  for (const view of [RINGING, INVITING, TALKING]) {
    const door = offered(view);
    assert.equal(door.view().phase, 'shut');
    assert.deepEqual(press(door, 10, view), [command()]);
    assert.equal(door.view().phase, 'asking');
    assert.deepEqual(press(door, 20, view), [], 'a second press is the same wish');
    assert.deepEqual(hear(door, 30, { type: 'challenge', nonce: 'id1', challenge: 'x' }, view), [command({ challenge: 'x' })]);
    hear(door, 40, { type: 'result', re: 'id1', code: 'ok' }, view);
    assert.equal(door.view().phase, 'open');
    assert.ok(door.opened('c1'));
    door.handle(4_040, { type: 'tick' }, view);
    assert.equal(door.view().phase, 'shut');
  }
});

test('nothing is offered by strangers, or in another call', () => {
  const door = new Door(() => 'id');
  door.handle(0, { type: 'heard', from: PANEL, message: { type: 'invite', call: 'c1' } }, TALKING);
  hear(door, 0, { type: 'door' }, TALKING, { user: 'eve', device: 'panel' });
  hear(door, 0, { type: 'door' }, TALKING, { user: 'door', device: 'second' });
  hear(door, 0, { type: 'door', call: 'c2' }, TALKING);
  hear(door, 0, { type: 'door' }, IDLE);
  assert.equal(door.view(), null);
  assert.deepEqual(press(door, 0, TALKING), []);
});

test('a wish that the network held back is over', () => {
  const door = offered();
  press(door, 0);
  assert.equal(door.deadline(), 5_000);
  assert.deepEqual(hear(door, 5_000, { type: 'challenge', nonce: 'id1', challenge: 'x' }), []);
  assert.equal(door.view().phase, 'failed');
  assert.equal(doorWords(door.view()), 'No answer from the door');
  assert.deepEqual(hear(door, 5_100, { type: 'challenge', nonce: 'id1', challenge: 'x' }), []);
  hear(door, 5_200, { type: 'result', re: 'id1', code: 'ok' });
  assert.equal(door.opened('c1'), false);
});

test('only the panel that was asked may challenge and answer', () => {
  const door = offered();
  press(door, 0);
  const eve = { user: 'eve', device: 'phone' };
  assert.deepEqual(hear(door, 10, { type: 'challenge', nonce: 'id1', challenge: 'x' }, RINGING, eve), []);
  assert.deepEqual(hear(door, 10, { type: 'challenge', nonce: 'id9', challenge: 'x' }), []);
  hear(door, 20, { type: 'result', re: 'id1', code: 'ok' }, RINGING, eve);
  assert.equal(door.view().phase, 'asking');
});

test('each refusal has words, and the hub may be the one that knows', () => {
  for (const [code, words] of [['forbidden', 'You may not open this door'], ['too_many', 'Please wait a moment'], ['failed', 'The door didn’t open'], ['expired', 'No answer from the door']]) {
    const door = offered();
    press(door, 0);
    hear(door, 10, { type: 'result', re: 'id1', code });
    assert.equal(doorWords(door.view()), words);
  }
  const door = offered();
  press(door, 0);
  door.handle(10, { type: 'result', call: 'c1', code: 'offline' }, RINGING);
  assert.equal(door.view().phase, 'failed');
});

test('a call that the opening ended is not a missed one', () => {
  const door = offered();
  press(door, 0);
  hear(door, 10, { type: 'result', re: 'id1', code: 'ok' });
  hear(door, 20, { type: 'cancel', reason: 'answered_elsewhere' }, IDLE);
  assert.equal(door.view(), null);
  const record = { call: 'c1', direction: 'incoming', caller: PANEL, callees: ['anna'], reason: 'cancelled', talked: 0, opened: door.opened('c1') };
  assert.equal(isMissed(record), false);
  assert.deepEqual([brief(record), ending(record).words], ['Door opened', 'You opened the door']);
});

test('the door’s contact is shown', () => {
  const door = offered(TALKING, { state: 'closed' });
  hear(door, 0, { type: 'door', state: 'open_too_long', tamper: true }, TALKING);
  const { state, tamper } = door.view();
  assert.deepEqual([state, tamper], ['open_too_long', true]);
});
