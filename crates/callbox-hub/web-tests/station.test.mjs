// Stories of calls, told with the page's station alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chance, Street } from './street.mjs';

const PANEL = { user: 'door', device: 'panel' };

function street(...names) {
  const made = new Street();
  for (const name of names) made.move(name);
  return made;
}

function ringing(...names) {
  const s = street(...names);
  s.press('anna/phone', 'call', { users: ['ben'], media: 'video' });
  s.pass(50);
  return s;
}

function talking() {
  const s = ringing('anna/phone', 'ben/phone');
  s.press('ben/phone', 'accept', { media: 'video' });
  s.pass(100);
  for (const name of ['anna/phone', 'ben/phone']) connect(s, name);
  s.pass(10);
  return s;
}

function connect(s, name, event = 'connected') {
  for (const { link } of [...s.at(name).links.values()]) s.feed(name, { type: 'link', link, event });
}

/** Hands a message of the door's panel to anna's phone. */
function door(s, message) {
  return s.feed('anna/phone', { type: 'heard', from: PANEL, message });
}

function invite(call, more = {}) {
  return { type: 'invite', call, kind: 'single', media: 'video', callees: ['anna'], remaining_ms: 30_000, agent: 'panel', early: 'preview', ...more };
}

const last = (s, name) => s.at(name).records.at(-1);
const sent = (s, name, type) => s.at(name).sent.filter((message) => message.type === type);

test('a call rings, is picked up and hung up', () => {
  const s = ringing('anna/phone', 'ben/phone');
  assert.deepEqual(s.states(), { 'anna/phone': 'inviting', 'ben/phone': 'ringing' });
  assert.equal(s.at('ben/phone').tone, 'ring');
  assert.equal(s.at('anna/phone').tone, 'ring_back');
  s.press('ben/phone', 'accept', { media: 'video' });
  s.pass(100);
  assert.deepEqual(s.states(), { 'anna/phone': 'talking', 'ben/phone': 'talking' });
  s.pass(5_000);
  s.press('ben/phone', 'hangup');
  s.pass(50);
  assert.deepEqual(s.states(), { 'anna/phone': 'idle', 'ben/phone': 'idle' });
  assert.equal(last(s, 'anna/phone').reason, 'hangup');
  assert.ok(last(s, 'anna/phone').talked >= 5_000);
  assert.equal(s.at('anna/phone').links.size, 0);
});

test('every device rings, and the second phone falls silent when the first answers', () => {
  const s = ringing('anna/phone', 'ben/phone', 'ben/desk');
  s.press('ben/desk', 'accept', { media: 'video' });
  s.pass(100);
  assert.deepEqual(s.states(), { 'anna/phone': 'talking', 'ben/phone': 'idle', 'ben/desk': 'talking' });
  assert.equal(last(s, 'ben/phone').reason, 'answered_elsewhere');
  assert.deepEqual(last(s, 'ben/phone').answeredBy, { user: 'ben', device: 'desk' });
});

test('two accepts at once have one winner, and the loser is told', () => {
  const s = ringing('anna/phone', 'ben/phone', 'ben/desk');
  s.press('ben/desk', 'accept', { media: 'video' });
  s.press('ben/phone', 'accept', { media: 'video' });
  s.pass(100);
  const states = s.states();
  assert.equal(states['anna/phone'], 'talking');
  assert.deepEqual([states['ben/phone'], states['ben/desk']].sort(), ['idle', 'talking']);
});

test('a decline silences the other devices of that person', () => {
  const s = ringing('anna/phone', 'ben/phone', 'ben/desk');
  s.press('ben/phone', 'reject');
  s.pass(100);
  assert.deepEqual(s.states(), { 'anna/phone': 'idle', 'ben/phone': 'idle', 'ben/desk': 'idle' });
  assert.equal(last(s, 'anna/phone').reason, 'rejected');
  assert.equal(last(s, 'ben/desk').reason, 'rejected_elsewhere');
  assert.equal(s.at('anna/phone').tone, 'busy');
});

test('nobody answers: the invitee gives up at the deadline', () => {
  const s = ringing('anna/phone', 'ben/phone');
  s.pass(29_000);
  assert.equal(s.states()['ben/phone'], 'ringing');
  s.pass(1_100);
  assert.deepEqual(s.states(), { 'anna/phone': 'idle', 'ben/phone': 'idle' });
  assert.equal(last(s, 'anna/phone').reason, 'no_answer');
  assert.equal(last(s, 'ben/phone').reason, 'no_answer');
});

test('nobody is there: the inviter gives up five seconds after the deadline', () => {
  const s = street('anna/phone');
  s.press('anna/phone', 'call', { users: ['ben'], media: 'audio' });
  s.pass(34_900);
  assert.equal(s.states()['anna/phone'], 'inviting');
  s.pass(200);
  assert.equal(last(s, 'anna/phone').reason, 'offline');
  assert.equal(sent(s, 'anna/phone', 'cancel').at(-1).reason, 'no_answer');
});

test('the caller changes their mind', () => {
  const s = ringing('anna/phone', 'ben/phone');
  s.press('anna/phone', 'hangup');
  s.pass(50);
  assert.equal(last(s, 'ben/phone').reason, 'cancelled');
});

test('a cancel that crosses an accept ends at both ends', () => {
  const s = ringing('anna/phone', 'ben/phone');
  s.press('ben/phone', 'accept', { media: 'video' });
  s.press('anna/phone', 'hangup');
  s.pass(200);
  assert.deepEqual(s.states(), { 'anna/phone': 'idle', 'ben/phone': 'idle' });
});

test('busy is said by itself, and only after the other devices had their second', () => {
  const s = street('anna/phone', 'ben/phone', 'cleo/phone');
  s.press('ben/phone', 'call', { users: ['cleo'], media: 'audio' });
  s.pass(50);
  s.press('anna/phone', 'call', { users: ['ben'], media: 'audio' });
  s.pass(500);
  assert.equal(s.states()['anna/phone'], 'inviting');
  s.pass(700);
  assert.equal(last(s, 'anna/phone').reason, 'busy');
  assert.equal(s.states()['ben/phone'], 'inviting');
  assert.equal(last(s, 'ben/phone').reason, 'busy', 'who tried is written down');
});

test('one device is busy, the other one answers', () => {
  const s = street('anna/phone', 'ben/phone', 'ben/desk', 'cleo/phone');
  s.press('ben/phone', 'call', { users: ['cleo'], media: 'audio' });
  s.pass(50);
  s.press('anna/phone', 'call', { users: ['ben'], media: 'audio' });
  s.pass(3_000);
  s.press('ben/desk', 'accept', { media: 'audio' });
  s.pass(50);
  assert.equal(s.states()['anna/phone'], 'talking');
});

test('an invite repeated for the same call is not busy', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  door(s, invite('c1', { remaining_ms: 5_000 }));
  assert.equal(sent(s, 'anna/phone', 'reject').length, 0);
  assert.equal(sent(s, 'anna/phone', 'ringing').length, 2);
  s.pass(5_100);
  assert.equal(last(s, 'anna/phone').reason, 'no_answer');
});

test('both ring each other: one call, no busy', () => {
  for (const delays of [[10, 10], [10, 400], [400, 10]]) {
    const s = street('anna/phone', 'ben/phone');
    let turn = 0;
    s.delay = () => delays[turn++ % 2];
    s.press('anna/phone', 'call', { users: ['ben'], media: 'video' });
    s.press('ben/phone', 'call', { users: ['anna'], media: 'video' });
    s.pass(5_000);
    assert.deepEqual(s.states(), { 'anna/phone': 'talking', 'ben/phone': 'talking' }, String(delays));
    assert.equal(s.at('anna/phone').station.view().call, s.at('ben/phone').station.view().call);
    // An invite that comes later than the whole agreement is declined as busy; nobody waits for that answer any more.
    if (delays[0] === delays[1]) assert.equal(sent(s, 'anna/phone', 'reject').length + sent(s, 'ben/phone', 'reject').length, 0);
  }
});

test('an accept is repeated until it is confirmed', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  s.press('anna/phone', 'accept', { media: 'video' });
  s.pass(3_500);
  assert.equal(sent(s, 'anna/phone', 'accept').length, 4);
  door(s, { type: 'confirm', call: 'c1' });
  assert.equal(s.states()['anna/phone'], 'talking');
});

test('an accept that nobody confirms is given up', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  s.press('anna/phone', 'accept', { media: 'video' });
  s.pass(10_100);
  assert.equal(last(s, 'anna/phone').reason, 'network_lost');
});

test('"answered elsewhere, by you" counts as confirmed', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  s.press('anna/phone', 'accept', { media: 'video' });
  door(s, { type: 'cancel', call: 'c1', reason: 'answered_elsewhere', by: { user: 'anna', device: 'phone' } });
  assert.equal(s.states()['anna/phone'], 'talking');
});

test('a cancel of another call never touches the live one', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  door(s, { type: 'cancel', call: 'c0', reason: 'cancelled' });
  s.feed('anna/phone', { type: 'heard', from: { user: 'mallory', device: 'x' }, message: { type: 'cancel', call: 'c1', reason: 'cancelled' } });
  assert.equal(s.states()['anna/phone'], 'ringing');
});

test('a cancel that overtakes its invite keeps it from ringing', () => {
  const s = street('anna/phone');
  door(s, { type: 'cancel', call: 'c1', reason: 'cancelled' });
  door(s, invite('c1'));
  assert.equal(s.states()['anna/phone'], 'idle');
});

test('messages of a decided call change nothing, and their sender is told', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  s.press('anna/phone', 'reject');
  s.at('anna/phone').sent.length = 0;
  door(s, invite('c1'));
  door(s, { type: 'media', call: 'c1', audio: true, video: true });
  door(s, { type: 'candidate', call: 'c1', link: 1, candidate: '', mline: 0 });
  assert.deepEqual(s.at('anna/phone').sent.map(({ type, reason }) => `${type} ${reason}`), ['reject rejected', 'hangup rejected']);
  assert.equal(s.states()['anna/phone'], 'idle');
});

test('a call of a kind that nobody here knows is declined in words', () => {
  const s = street('anna/phone');
  door(s, invite('c1', { kind: 'crowd' }));
  assert.equal(sent(s, 'anna/phone', 'reject')[0].reason, 'unsupported_version');
});

test('the panel offers to us, we offer to a browser that calls us', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  assert.equal(s.at('anna/phone').links.size, 0, 'the link comes with its offer');
  door(s, { type: 'offer', call: 'c1', link: 1, sdp: 'sdp' });
  assert.deepEqual([...s.at('anna/phone').links.values()].map(({ offerer }) => offerer), [false]);
  const t = ringing('anna/phone', 'ben/phone');
  assert.deepEqual([...t.at('ben/phone').links.values()].map(({ offerer }) => offerer), [true]);
  assert.deepEqual([...t.at('anna/phone').links.values()].map(({ offerer }) => offerer), [false]);
});

test('the smaller wish for early media counts', () => {
  const s = street('anna/phone');
  door(s, invite('c1', { early: 'off' }));
  assert.equal(s.at('anna/phone').links.size, 0);
  assert.equal(sent(s, 'anna/phone', 'ringing')[0].early, 'off');
  s.press('anna/phone', 'accept', { media: 'video' });
  door(s, { type: 'confirm', call: 'c1' });
  door(s, { type: 'offer', call: 'c1', link: 1, sdp: 'sdp' });
  assert.equal(s.at('anna/phone').links.size, 1, 'opened after confirm');
});

test('before accept the callee sends nothing and sees the preview only', () => {
  const s = ringing('anna/phone', 'ben/phone');
  const flow = (name) => [...s.at(name).links.values()][0].flow;
  assert.deepEqual(flow('ben/phone'), { sendAudio: false, sendVideo: false, playAudio: false, playVideo: true });
  assert.deepEqual(flow('anna/phone'), { sendAudio: false, sendVideo: true, playAudio: false, playVideo: false });
  assert.ok(!s.at('ben/phone').effects.some((effect) => effect.do === 'prepare'), 'no camera is asked for while it rings');
  s.press('ben/phone', 'accept', { media: 'audio' });
  s.pass(100);
  assert.deepEqual(flow('ben/phone'), { sendAudio: true, sendVideo: false, playAudio: true, playVideo: true });
});

test('mute is told once at the start and on every change, and resets with each call', () => {
  const s = talking();
  s.press('anna/phone', 'microphone', { on: false });
  s.press('anna/phone', 'microphone', { on: false });
  s.pass(50);
  assert.deepEqual(sent(s, 'anna/phone', 'media').map(({ audio, video }) => [audio, video]), [[true, true], [false, true]]);
  assert.equal(s.at('ben/phone').station.view().remote.audio, false);
  s.press('anna/phone', 'hangup');
  s.press('anna/phone', 'call', { users: ['cleo'], media: 'audio' });
  assert.equal(s.at('anna/phone').station.view().mic, true);
});

test('a missing camera is told, and the call goes on', () => {
  const s = talking();
  s.feed('anna/phone', { type: 'capture', audio: true, video: false });
  s.pass(50);
  assert.deepEqual(s.at('ben/phone').station.view().remote, { audio: true, video: false });
});

test('who answers is confirmed again, who comes late is told who answered', () => {
  const s = talking();
  const { call } = s.at('anna/phone').station.view();
  s.at('anna/phone').sent.length = 0;
  s.feed('anna/phone', { type: 'heard', from: { user: 'ben', device: 'phone' }, message: { type: 'accept', call, agent: 'browser' } });
  s.feed('anna/phone', { type: 'heard', from: { user: 'ben', device: 'tablet' }, message: { type: 'ringing', call, agent: 'browser', early: 'off' } });
  assert.deepEqual(s.at('anna/phone').sent.map(({ type }) => type), ['confirm', 'cancel']);
});

test('a new link number replaces the old link once it shows a frame', () => {
  const s = street('anna/phone');
  door(s, invite('c1'));
  s.press('anna/phone', 'accept', { media: 'video' });
  door(s, { type: 'confirm', call: 'c1' });
  door(s, { type: 'offer', call: 'c1', link: 1, sdp: 'one' });
  connect(s, 'anna/phone');
  door(s, { type: 'offer', call: 'c1', link: 2, sdp: 'two' });
  assert.equal(s.at('anna/phone').links.size, 2, 'make before break');
  const second = [...s.at('anna/phone').links.values()][1].link;
  s.feed('anna/phone', { type: 'link', link: second, event: 'connected' });
  s.feed('anna/phone', { type: 'link', link: second, event: 'first_frame_shown' });
  assert.deepEqual([...s.at('anna/phone').links.values()].map(({ link }) => link.number), [2]);
  door(s, { type: 'offer', call: 'c1', link: 1, sdp: 'late' });
  assert.equal(s.at('anna/phone').links.size, 1, 'an old number opens nothing');
});

test('who offers in a pair opens the next link when the old one breaks', () => {
  const s = talking();
  connect(s, 'ben/phone', 'disconnected');
  assert.deepEqual([...s.at('ben/phone').links.values()].map(({ link, offerer }) => [link.number, offerer]), [[1, true], [2, true]]);
  connect(s, 'anna/phone', 'disconnected');
  assert.equal(s.at('anna/phone').links.size, 1);
});

test('media that never comes ends the call', () => {
  const s = ringing('anna/phone', 'ben/phone');
  s.press('ben/phone', 'accept', { media: 'video' });
  s.pass(15_200);
  assert.ok(['media_failed'].includes(last(s, 'anna/phone').reason));
});

test('the hub restarts in a call: media goes on', () => {
  const s = talking();
  s.feed('anna/phone', { type: 'presence', user: 'ben', device: 'phone', online: false });
  s.feed('anna/phone', { type: 'signaling', up: false });
  s.pass(30_000);
  s.feed('anna/phone', { type: 'signaling', up: true });
  assert.equal(s.states()['anna/phone'], 'talking');
});

test('what may have been lost with the line is said again', () => {
  const again = (s, name) => {
    s.at(name).sent.length = 0;
    s.feed(name, { type: 'signaling', up: false });
    s.feed(name, { type: 'signaling', up: true });
    return s.at(name).sent.map(({ type }) => type);
  };
  const s = ringing('anna/phone', 'ben/phone');
  assert.deepEqual(again(s, 'anna/phone'), ['invite']);
  assert.equal(s.at('anna/phone').sent[0].remaining_ms, 29_950, 'with the time that is left');
  assert.deepEqual(again(s, 'ben/phone'), ['ringing']);
  s.press('ben/phone', 'accept', { media: 'video' });
  assert.deepEqual(again(s, 'ben/phone'), ['accept']);
  s.pass(100);
  assert.deepEqual(again(s, 'anna/phone'), ['media']);
  assert.deepEqual(s.states(), { 'anna/phone': 'talking', 'ben/phone': 'talking' });
});

test('a name that nobody has ends the call at once', () => {
  const s = street('anna/phone');
  s.press('anna/phone', 'call', { users: ['nobody'], media: 'audio' });
  s.feed('anna/phone', { type: 'result', call: s.at('anna/phone').station.view().call, user: 'nobody', code: 'unknown_user' });
  assert.equal(last(s, 'anna/phone').reason, 'offline');
});

test('a ring group: the first of several people to accept wins', () => {
  const s = street('anna/phone', 'ben/phone', 'cleo/phone');
  s.press('anna/phone', 'call', { users: ['ben', 'cleo'], media: 'video' });
  s.pass(50);
  s.press('ben/phone', 'reject');
  s.pass(50);
  assert.equal(s.states()['anna/phone'], 'inviting');
  s.press('cleo/phone', 'accept', { media: 'video' });
  s.pass(100);
  assert.deepEqual(s.states(), { 'anna/phone': 'talking', 'ben/phone': 'idle', 'cleo/phone': 'talking' });
});

test('the page is left: the other side is told', () => {
  const s = talking();
  s.press('anna/phone', 'leave');
  s.pass(50);
  assert.equal(last(s, 'ben/phone').reason, 'hangup');
  const t = ringing('anna/phone', 'ben/phone');
  t.press('ben/phone', 'leave');
  t.pass(50);
  assert.equal(t.states()['anna/phone'], 'inviting', 'closing a page that rings is no decline');
});

test('in any order of anything: nothing leaks before accept, and every call ends', () => {
  const names = ['anna/phone', 'anna/desk', 'ben/phone', 'cleo/phone'];
  const actions = ['accept', 'reject', 'hangup', 'microphone', 'camera', 'call', 'call', 'leave', 'accept'];
  for (let seed = 1; seed <= 400; seed += 1) {
    const random = chance(seed);
    const pick = (list) => list[Math.floor(random() * list.length)];
    const s = street(...names);
    s.delay = () => 1 + random() * (seed % 3 ? 60 : 1_500);
    s.twice = () => random() < 0.1;
    s.lose = (message) => seed % 2 === 0 && random() < 0.05 && !['hangup', 'cancel'].includes(message.type);
    for (let step = 0; step < 60; step += 1) {
      const name = pick(names);
      const users = [pick(['anna', 'ben', 'cleo'])];
      s.press(name, pick(actions), { users, media: pick(['audio', 'video']), on: random() < 0.5 });
      if (random() < 0.3) connect(s, name, pick(['connected', 'connected', 'disconnected', 'failed', 'first_frame_shown']));
      s.pass(random() * 2_000);
      for (const at of names) check(s, at, seed);
    }
    for (const name of names) connect(s, name, 'failed');
    s.pass(120_000);
    assert.ok(Object.values(s.states()).every((state) => state === 'idle'), `seed ${seed}: ${JSON.stringify(s.states())}`);
    for (const name of names) assert.equal(s.at(name).links.size, 0, `seed ${seed}: links left at ${name}`);
  }
});

function check(s, name, seed) {
  const { links, station, tone } = s.at(name);
  const { state } = station.view();
  for (const { flow } of links.values()) {
    assert.ok(!flow.sendAudio || state === 'talking', `seed ${seed}: microphone in ${state}`);
    assert.ok(!flow.sendVideo || ['talking', 'inviting'].includes(state), `seed ${seed}: camera in ${state}`);
  }
  if (state === 'idle') assert.equal(links.size, 0, `seed ${seed}: idle with links`);
  assert.equal(tone === 'ring', state === 'ringing', `seed ${seed}: ${tone} in ${state}`);
}

test('a device that was restarted while it rang gets a new link', () => {
  const s = street('anna/phone');
  s.press('anna/phone', 'call', { users: ['door'], media: 'video' });
  const { call } = s.at('anna/phone').station.view();
  const rings = (link) => door(s, { type: 'ringing', call, agent: 'panel', early: 'connect', link });
  const offers = () => door(s, { type: 'offer', call, link: 1, sdp: 'sdp' });
  const links = (effects) => effects.filter(({ link }) => link).map(({ do: what, link }) => [what, link.number]);
  rings(0);
  offers();
  assert.deepEqual(rings(1).filter(({ do: what }) => what !== 'show'), [], 'it still knows its link');
  assert.deepEqual(links(rings(0)), [['close', 1]]);
  assert.deepEqual(links(offers()).slice(0, 2), [['open', 1], ['offer', 1]]);
});

test('two invites of one device: the later one rings as soon as its inviter says that the first is over', () => {
  const s = street('anna/phone');
  door(s, invite('one'));
  door(s, invite('two'));
  assert.equal(s.at('anna/phone').station.view().call, 'one');
  assert.equal(sent(s, 'anna/phone', 'reject').length, 0);
  assert.deepEqual(sent(s, 'anna/phone', 'ringing').map(({ call }) => call), ['one', 'one']);
  door(s, { type: 'cancel', call: 'one', reason: 'cancelled' });
  assert.equal(s.at('anna/phone').station.view().call, 'two');
  door(s, { type: 'cancel', call: 'two', reason: 'cancelled' });
  assert.equal(s.states()['anna/phone'], 'idle');
});

test('when everybody has refused, the devices that come later are told not to ring', () => {
  const s = street('anna/phone');
  s.press('anna/phone', 'call', { users: ['door'], media: 'video' });
  const { call } = s.at('anna/phone').station.view();
  door(s, { type: 'reject', call, reason: 'busy' });
  s.pass(2_000);
  assert.deepEqual(sent(s, 'anna/phone', 'cancel').map(({ reason }) => reason), ['busy']);
  assert.equal(last(s, 'anna/phone').reason, 'busy');
});

test('a picture of who rings is seen while it rings, if it is one and comes from there', () => {
  const s = street('anna/phone');
  const still = () => s.at('anna/phone').station.view().still ?? null;
  const picture = (jpeg, call = 'c1') => door(s, { type: 'picture', call, jpeg });
  picture('/9j/AAAA');
  assert.equal(still(), null, 'nobody rings');
  door(s, invite('c1'));
  s.feed('anna/phone', { type: 'heard', from: { user: 'mallory', device: 'x' }, message: { type: 'picture', call: 'c1', jpeg: '/9j/AAAA' } });
  picture('/9j/AAAA', 'c2');
  assert.equal(still(), null, 'neither of somebody else nor of another call');
  for (const wrong of [undefined, 7, 'iVBORw0KGgo=', '/9j/" onload="x', `/9j/${'A'.repeat(40_000)}`]) {
    picture(wrong);
    assert.equal(still(), null);
  }
  picture('/9j/AAAA');
  assert.equal(still(), 'data:image/jpeg;base64,/9j/AAAA');
  s.press('anna/phone', 'accept', { media: 'video' });
  assert.equal(still(), 'data:image/jpeg;base64,/9j/AAAA', 'until there is one that moves');
  door(s, { type: 'confirm', call: 'c1' });
  assert.equal(still(), null);
});
