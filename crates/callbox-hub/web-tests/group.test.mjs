// Group calls as a person sees them: where the pictures go, who is on the call in words, and whom one call may ask.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { changesOf, groupOf, labelsOf, MOST_USERS, Picks } from '../web/group.js';
import { layout, overlap, place } from '../web/layout.js';
import { Links } from '../web/links.js';
import * as words from '../web/words.js';

/** Stages as the page makes them: a phone upright and on its side, a small window, a tablet, a desk, and what nobody should have. */
const STAGES = { phone: [344, 470], tall: [396, 690], sideways: [560, 300], window: [784, 520], tablet: [804, 980], desk: [1424, 730], sliver: [200, 90] };

test('pictures of any count, pinned or not, lie on the stage and beside each other', () => {
  for (const [name, [width, height]] of Object.entries(STAGES)) {
    for (let count = 1; count <= 6; count += 1) {
      for (let pinned = -1; pinned < count; pinned += 1) {
        const all = layout({ count, width, height, pinned });
        const what = `${name} ${count} ${pinned}`;
        assert.equal(all.length, count, what);
        for (const [n, box] of all.entries()) {
          assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= width + 1 && box.y + box.height <= height + 1, `${what}: on the stage`);
          assert.ok(box.width > 0 && box.height > 0, `${what}: to be seen`);
          for (const other of all.slice(n + 1)) assert.ok(!overlap(box, other), `${what}: apart`);
        }
      }
    }
  }
});

test('the arrangement of the pictures fits the shape of the stage', () => {
  const rows = (stage, count) => {
    const [width, height] = STAGES[stage];
    const tops = layout({ count, width, height }).map(({ y }) => y);
    return [...new Set(tops)].map((top) => tops.filter((y) => y === top).length);
  };
  const table = [
    ['phone', 1, [1]], ['phone', 2, [1, 1]], ['phone', 3, [2, 1]], ['tall', 3, [1, 1, 1]], ['phone', 4, [2, 2]], ['phone', 5, [2, 2, 1]], ['phone', 6, [2, 2, 2]],
    ['sideways', 2, [2]], ['sideways', 3, [2, 1]], ['sideways', 4, [2, 2]], ['sideways', 5, [3, 2]], ['sideways', 6, [3, 3]],
    ['window', 2, [2]], ['window', 4, [2, 2]], ['window', 6, [3, 3]],
    ['tablet', 2, [1, 1]], ['tablet', 3, [2, 1]], ['tablet', 4, [2, 2]], ['tablet', 6, [2, 2, 2]],
    ['desk', 2, [2]], ['desk', 3, [2, 1]], ['desk', 4, [2, 2]], ['desk', 5, [3, 2]], ['desk', 6, [3, 3]],
  ];
  for (const [stage, count, expected] of table) assert.deepEqual(rows(stage, count), expected, `${stage} ${count}`);
});

test('the pinned picture is the largest, and the strip lies below it on a tall stage and beside it on a wide one', () => {
  for (const [stage, beside] of [['phone', false], ['tablet', false], ['desk', true], ['sideways', true]]) {
    const [width, height] = STAGES[stage];
    const all = layout({ count: 6, width, height, pinned: 2 });
    const area = (box) => box.width * box.height;
    assert.equal(all.findIndex((box) => area(box) === Math.max(...all.map(area))), 2, stage);
    assert.deepEqual(all.map(({ role }) => role), ['strip', 'strip', 'pinned', 'strip', 'strip', 'strip']);
    for (const box of all.filter(({ role }) => role === 'strip')) assert.ok(beside ? box.x >= all[2].width : box.y >= all[2].height, stage);
  }
  assert.equal(layout({ count: 1, width: 300, height: 300, pinned: 0 })[0].role, 'grid', 'one alone cannot be pinned');
  assert.equal(layout({ count: 3, width: 300, height: 300, pinned: 7 })[0].role, 'grid', 'who left is not pinned');
});

test('the own picture goes where it is wanted, or to the nearest place where it covers no control', () => {
  const area = { x: 0, y: 0, width: 360, height: 640 };
  const size = { width: 84, height: 112 };
  assert.deepEqual(place({ want: { x: 100, y: 100 }, size, area, avoid: [] }), { x: 100, y: 100 });
  assert.deepEqual(place({ want: { x: 999, y: -50 }, size, area, avoid: [] }), { x: 276, y: 0 });
  assert.equal(place({ want: { x: 0, y: 0 }, size, area, avoid: [area] }), null);
  assert.equal(place({ want: { x: 0, y: 0 }, size: { width: 400, height: 10 }, area, avoid: [] }), null);
  // A fixed sequence of numbers, so that a failure can be seen again.
  let seed = 7;
  const random = (most) => (seed = (seed * 48271) % 2147483647) % most;
  for (let round = 0; round < 500; round += 1) {
    const avoid = Array.from({ length: random(12) }, () => ({ x: random(340), y: random(620), width: 20 + random(80), height: 20 + random(60) }));
    const want = { x: random(360), y: random(640) };
    const spot = place({ want, size, area, avoid });
    if (!spot) continue;
    const box = { ...spot, ...size };
    assert.ok(!avoid.some((other) => overlap(box, other)), `round ${round}`);
    assert.ok(box.x >= 0 && box.y >= 0 && box.x + box.width <= 360 && box.y + box.height <= 640, `round ${round}`);
  }
});

const DEVICE = (user, device = 'phone') => ({ user, device });

test('a view without the fields of a group is a one-to-one call', () => {
  assert.equal(groupOf({ state: 'talking', peer: DEVICE('ben') }), null);
  assert.equal(groupOf({ kind: 'single', peers: [] }), null);
  assert.deepEqual(groupOf({ kind: 'group' }), { peers: [], roster: [], mayAdd: false, users: [] });
  const roster = [{ user: 'ben', state: 'joined' }, { user: 'cleo', state: 'declined' }, { user: 'door', state: 'ringing' }];
  assert.deepEqual(groupOf({ kind: 'group', roster, may_add: true }).users, ['ben', 'door'], 'who declined is not named');
  assert.deepEqual(groupOf({ kind: 'group', roster, peers: [{ device: DEVICE('ben'), state: 'talking' }] }).users, ['ben'], 'those who are there are');
  assert.deepEqual(groupOf({ kind: 'group', peers: [{ device: DEVICE('ben'), state: 'lost' }] }).roster, [{ user: 'ben', state: 'joined' }]);
});

test('two devices of one user have different names', () => {
  const peers = [DEVICE('ben'), DEVICE('anna'), DEVICE('ben', 'desk')].map((device) => ({ device }));
  assert.deepEqual([...labelsOf(peers, words.nameOf).values()], ['Ben (1)', 'Anna', 'Ben (2)']);
});

test('at most 16 users are picked, and the next one is refused', () => {
  const picks = new Picks();
  for (let n = 0; n < MOST_USERS; n += 1) assert.equal(picks.toggle(`u${n}`), true);
  assert.equal(picks.toggle('one-more'), false);
  assert.equal(picks.count, 16);
  assert.equal(picks.toggle('u3', true), true, 'who is picked already needs no room');
  assert.equal(picks.toggle('u3'), true);
  assert.equal(picks.toggle('one-more'), true);
  assert.match(words.tooMany(MOST_USERS), /at most 16 people/);
});

test('a change of the roster is told once, by its person', () => {
  const before = [{ user: 'ben', state: 'ringing' }, { user: 'cleo', state: 'joined' }];
  const after = [{ user: 'ben', state: 'declined' }, { user: 'cleo', state: 'joined' }, { user: 'door', state: 'invited' }];
  assert.deepEqual(changesOf(before, after).map(({ user }) => user), ['ben', 'door']);
  assert.deepEqual(changesOf(after, after), []);
});

test('every state has words, and each its own', () => {
  const contract = ['invited', 'ringing', 'joined', 'declined', 'busy', 'no_answer', 'offline', 'left'];
  assert.deepEqual(words.ROSTER_STATES, contract);
  assert.equal(new Set(contract.map((state) => words.rosterWords({ state }))).size, contract.length);
  assert.equal(new Set(contract.map((state) => words.rosterNews({ user: 'ben', state }))).size, contract.length);
  for (const state of contract) assert.match(words.rosterNews({ user: 'flat-3', state }), /Flat 3/, state);
  assert.equal(words.rosterWords({ state: 'something new' }), 'Not in the call');
  assert.equal(words.rosterWords({ state: 'left', reason: 'too_many' }), 'No room: the call is full');
  assert.equal(words.rosterWords({ state: 'joined', reason: 'network_lost' }), 'In the call');
  assert.deepEqual(words.PEER_STATES, ['connecting', 'talking', 'lost']);
  assert.equal(words.peerWords({ state: 'talking' }), '');
  assert.match(words.peerWords({ state: 'talking' }, true), /stands still/);
  assert.match(words.peerWords({ state: 'lost' }, true), /Connection lost/);
});

test('every reason for which a call ends has words, for either side and for the list', () => {
  const source = readFileSync(new URL('../../callbox-core/src/protocol/reason.rs', import.meta.url), 'utf8');
  const reasons = [...new Set([...[...source.matchAll(/Self::\w+ => "(\w+)"/g)].map(([, reason]) => reason), 'too_many'])];
  assert.ok(reasons.length >= 13, `${reasons}`);
  for (const reason of reasons) {
    for (const direction of ['incoming', 'outgoing']) {
      for (const kind of ['single', 'group']) {
        const record = { kind, direction, reason, media: 'video', talked: 0, caller: DEVICE('anna'), callees: ['ben', 'cleo'] };
        const what = `${reason} ${direction} ${kind}`;
        if (reason !== 'hangup') assert.notEqual(words.ending(record, 'ben').words, 'Call ended', what);
        assert.doesNotMatch(words.ending(record, 'ben').words, /undefined/, what);
        assert.notEqual(words.brief(record), 'Ended', what);
      }
    }
  }
  assert.equal(words.ending({ direction: 'incoming', reason: 'too_many', talked: 0, caller: DEVICE('anna'), callees: ['ben'] }).words, 'The call is full: at most six devices');
});

test('a group is named by everybody else, a one-to-one call by its peer', () => {
  const record = { direction: 'incoming', caller: DEVICE('anna'), callees: ['ben', 'cleo', 'door'], peer: DEVICE('anna') };
  assert.deepEqual(words.partner(record, 'ben'), ['anna']);
  assert.deepEqual(words.partner({ ...record, kind: 'group' }, 'ben'), ['anna', 'cleo', 'door']);
  assert.deepEqual(words.partner({ ...record, kind: 'group' }), ['anna']);
  assert.deepEqual(words.partner({ ...record, kind: 'group', direction: 'outgoing', peer: DEVICE('ben') }), ['ben', 'cleo', 'door']);
  assert.equal(words.joinableWords({ users: ['anna', 'door'] }), 'Anna and Door are talking.');
  assert.equal(words.joinableWords({ users: ['anna'] }), 'Anna is talking.');
  assert.equal(words.callWords(['a', 'b', 'c']), 'Call 3 people');
  assert.equal(words.callWords(['anna']), 'Call Anna');
});

test('the line under the name of a group says what goes on', () => {
  const peers = [{ device: DEVICE('ben'), state: 'talking' }, { device: DEVICE('cleo'), state: 'connecting' }];
  const view = { kind: 'group', caller: DEVICE('anna'), since: 0, peers, roster: [{ user: 'ben', state: 'ringing' }, { user: 'anna', state: 'joined' }], media: 'video' };
  assert.equal(words.status({ ...view, state: 'talking' }, 65_000), '1:05 · 3 in the call');
  assert.equal(words.status({ ...view, state: 'talking', peers: [] }, 0), 'Waiting for the others…');
  assert.equal(words.status({ ...view, state: 'talking', peers: peers.slice(1) }, 0), 'Connecting…');
  assert.equal(words.status({ ...view, state: 'inviting' }, 0), 'Ringing…');
  assert.equal(words.status({ ...view, state: 'inviting', roster: [] }, 0), 'Calling…');
  assert.equal(words.status({ ...view, state: 'ringing' }, 0), 'Group video call with Ben');
});

test('the stream of a peer is that of its newest connected link, and of its first one before that', (t) => {
  const made = [];
  class Connection {
    connectionState = 'new';
    constructor() { made.push(this); }
    getReceivers() { return this.receivers ?? []; }
    getTransceivers() { return []; }
    async getStats() { return new Map(); }
    close() {}
  }
  class Stream { getTracks() { return []; } }
  Object.assign(globalThis, { RTCPeerConnection: Connection, MediaStream: Stream });
  t.after(() => { delete globalThis.RTCPeerConnection; delete globalThis.MediaStream; });
  const links = new Links({ settings: {}, tell: () => {} });
  const id = (user, number) => ({ call: 'c', peer: DEVICE(user), number });
  for (const link of [id('ben', 1), id('cleo', 1), id('ben', 2)]) links.open(link, 'video', false);
  t.after(() => [id('ben', 1), id('cleo', 1), id('ben', 2)].forEach((link) => links.close(link)));
  assert.equal(links.streamOf(DEVICE('ben')), links.stream(id('ben', 1)));
  made[0].connectionState = made[2].connectionState = 'connected';
  assert.equal(links.streamOf(DEVICE('ben')), links.stream(id('ben', 2)));
  made[2].connectionState = 'disconnected';
  assert.equal(links.streamOf(DEVICE('ben')), links.stream(id('ben', 1)));
  assert.equal(links.streamOf(DEVICE('cleo')), links.stream(id('cleo', 1)));
  assert.equal(links.streamOf(DEVICE('nobody')), null);
  made[1].receivers = [{ track: { kind: 'audio' }, getSynchronizationSources: () => [{ audioLevel: 0.5 }] }];
  assert.equal(links.levelOf(DEVICE('cleo')), 0, 'what is not played is not heard');
  links.gate(id('cleo', 1), { playAudio: true });
  assert.equal(links.levelOf(DEVICE('cleo')), 0.5);
});
