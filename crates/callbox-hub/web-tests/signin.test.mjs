// Who is signed in: nothing from outside replaces a sign-in before the hub has taken it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clockFault, ticketTimes } from '../web/clocks.js';
import { foreignOrigin, readLink, SignIn } from '../web/signin.js';
import { Memory, Store } from '../web/store.js';
import { refusal, waiting } from '../web/words.js';

const ANNA = { app: 7, user: 'anna', device: 'phone', ticket: 'a1', panels: [] };
const link = (more) => ({ ...ANNA, ...more });

function page({ stored = null, opened = null } = {}) {
  const store = new Store({ local: new Memory(), session: new Memory() });
  if (stored) store.keep(stored);
  const started = [];
  const signIn = new SignIn({ store, start: (credentials) => started.push(`${credentials.user} ${credentials.ticket}`) });
  const found = signIn.open(opened);
  return { store, started, signIn, found };
}

test('with nobody signed in a link is tried, and remembered by the hub’s welcome only', () => {
  const { store, started, signIn } = page({ opened: ANNA });
  assert.deepEqual(started, ['anna a1']);
  assert.equal(store.credentials, null);
  signIn.welcomed();
  assert.equal(store.credentials.user, 'anna');
  assert.equal(page().found, false);
});

test('another user’s link asks first, opened or set while the page runs', () => {
  for (const more of [{ user: 'mallory' }, { app: 8 }]) {
    const opened = page({ stored: ANNA, opened: link({ ...more, ticket: 'm1' }) });
    assert.deepEqual(opened.started, ['anna a1'], 'who is signed in stays so meanwhile');
    const running = page({ stored: ANNA });
    running.signIn.offer(link({ ...more, ticket: 'm1' }), false);
    for (const { store, started, signIn } of [opened, running]) {
      assert.equal(signIn.offered, more.user ?? 'anna');
      signIn.welcomed();
      assert.equal(store.credentials.ticket, 'a1');
      signIn.answer(false);
      assert.equal(signIn.offered, null);
      assert.equal(started.length, 1);
    }
    const taken = page({ stored: ANNA, opened: link({ ...more, ticket: 'm1' }) });
    taken.signIn.answer(true);
    assert.equal(taken.started.length, 2);
    assert.equal(taken.store.credentials.ticket, 'a1', 'not before the welcome');
    taken.signIn.welcomed();
    assert.equal(taken.store.credentials.ticket, 'm1');
  }
});

test('a link that the hub refuses gives back what was', () => {
  const { store, started, signIn } = page({ stored: ANNA, opened: link({ ticket: 'bad' }) });
  assert.deepEqual(started, ['anna bad']);
  assert.equal(signIn.refused().ticket, 'a1');
  signIn.restore();
  assert.deepEqual(started, ['anna bad', 'anna a1']);
  assert.equal(store.credentials.ticket, 'a1');
  assert.equal(signIn.refused(), null, 'and when that is refused too there is nothing more');
});

test('nothing changes in a call without an answer', () => {
  const { started, signIn } = page({ stored: ANNA });
  signIn.offer(link({ ticket: 'a2' }), true);
  assert.deepEqual(started, ['anna a1']);
  signIn.answer(true);
  assert.deepEqual(started, ['anna a1', 'anna a2']);
  signIn.offer(link({ ticket: 'a2' }), false);
  assert.equal(started.length, 2, 'the same link again is no news');
});

test('links are read whole, in part, and with floats; others are none', () => {
  const whole = 'https://hub.example/?ring=20#app=7&user=anna&ticket=x&device=phone&panels=door,gate';
  const found = readLink(`  ${whole}\n`, 'web-1');
  assert.deepEqual(found, { app: 7, user: 'anna', device: 'phone', ticket: 'x', panels: ['door', 'gate'] });
  assert.equal(readLink('app=7.0&user=anna&ticket=x', 'web-1').device, 'web-1');
  assert.equal(readLink('#app=7.0&user=anna&ticket=x', 'web-1').app, 7);
  for (const wrong of ['', 'hello', '#app=7&user=anna', '#app=x&user=anna&ticket=x', '#app=7&user=an na&ticket=x', '#app=7&user=anna&ticket=x&device=hub', '#app=7.5&user=anna&ticket=x']) {
    assert.equal(readLink(wrong, 'web-1'), null, wrong);
  }
  assert.equal(foreignOrigin(whole, 'https://hub.example'), null);
  assert.equal(foreignOrigin(whole, 'http://hub.example'), 'https://hub.example');
  assert.equal(foreignOrigin('#app=7', 'http://hub.example'), null);
});

test('storage that throws, is full, or holds nonsense leaves a page that works', () => {
  const throws = () => { throw new Error('blocked'); };
  const nonsense = { getItem: () => '{"user":7}', setItem: throws, removeItem: throws };
  for (const storage of [nonsense, { ...nonsense, getItem: throws }, { ...nonsense, getItem: () => '[null,1,{"call":7}]' }, null]) {
    const store = new Store({ local: storage, session: storage });
    assert.equal(store.credentials, null);
    assert.match(store.device, /^web-/);
    assert.deepEqual(store.recent('anna'), []);
    assert.equal(store.lastUser, '');
    assert.equal(store.knows('anna', 'door'), false);
    store.keep(ANNA);
    store.forget();
  }
  assert.equal(new Store().lasting, false, 'without any storage nothing lasts');
});

test('whom somebody talked with is known beyond the list of recent calls', () => {
  const store = new Store({ local: new Memory(), session: new Memory() });
  const record = (call, user, talked) => ({ call, direction: 'incoming', media: 'video', caller: { user, device: 'x' }, callees: ['anna'], peer: talked ? { user, device: 'x' } : undefined, reason: 'hangup', talked, at: Number(call) });
  store.remember('anna', record('1', 'door', 5_000));
  for (let n = 2; n < 60; n += 1) store.remember('anna', record(String(n), `stranger-${n}`, 0));
  assert.equal(store.recent('anna').some(({ caller }) => caller.user === 'door'), false);
  assert.equal(store.knows('anna', 'door'), true);
  assert.equal(store.knows('anna', 'stranger-5'), false);
  assert.equal(store.knows('ben', 'door'), false);
});

test('one caller does not push the calls of others out of the list', () => {
  const store = new Store({ local: new Memory(), session: new Memory() });
  const record = (call, user) => ({ call, direction: 'incoming', media: 'video', caller: { user, device: 'x' }, callees: ['anna'], reason: 'busy', talked: 0, at: Number(call) });
  store.remember('anna', record('1', 'door'));
  for (let n = 2; n < 100; n += 1) store.remember('anna', record(String(n), 'mallory'));
  const calls = store.recent('anna');
  assert.deepEqual([calls.length, calls[0].call, calls.at(-1).caller.user], [30, '99', 'door']);
});

test('the words say whose clock is wrong', () => {
  const [noon, hour] = [Date.UTC(2026, 10, 27, 12), 3_600_000];
  const times = { from: noon, until: noon + 24 * hour };
  const fault = (hub, here) => clockFault({ times, hub, here });
  assert.equal(fault(noon - 2 * hour, noon + hour), 'hub_behind');
  assert.equal(fault(noon - hour, noon - hour), 'maker_ahead');
  assert.equal(fault(noon + 30 * hour, noon + hour), 'hub_ahead');
  assert.equal(fault(noon + 30 * hour, noon + 30 * hour), 'expired');
  assert.equal(fault(null, noon + 30 * hour), 'expired');
  assert.equal(fault(noon + hour, noon - 20 * hour), null, 'the clock of this device does not matter to the hub');
  assert.equal(clockFault({ times: null, hub: noon, here: noon }), null);
  const words = (code, hub, here) => waiting({ reason: 'not_logged_in', code, text: '', clock: { fault: fault(hub, here), times, hub, here } });
  assert.match(words(70003, noon - 2 * hour, noon + hour), /^The hub’s clock is behind/);
  assert.match(words(70001, noon + 30 * hour, noon + hour), /^By the hub’s clock/);
  assert.match(words(70003, noon - hour, noon - hour), /^Your sign-in was made by a clock that is ahead/);
  assert.match(waiting({ reason: 'not_logged_in', text: 'the hub is full' }), /^The hub is full\. This page tries again/);
  for (const code of [70002, 70003, 70009, 70013, 70014]) assert.match(refusal({ code, text: '' }), /^This link/);
});

test('the times of a ticket are read', async () => {
  const { deflateSync } = await import('node:zlib');
  const body = deflateSync(JSON.stringify({ 'TLS.ver': '2.0', 'TLS.time': 1_600_000_000, 'TLS.expire': 3_600 }));
  const ticket = body.toString('base64').replaceAll('+', '*').replaceAll('/', '-').replaceAll('=', '_');
  assert.deepEqual(await ticketTimes(ticket), { from: 1_600_000_000_000, until: 1_600_003_600_000 });
  for (const wrong of ['', 'eJy', '!!!', 'AAAA']) assert.equal(await ticketTimes(wrong), null);
});
