// The loop between inputs and effects: late timers, effects that throw, inputs that come while one is worked on.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Loop } from '../web/loop.js';
import { Station } from '../web/station.js';

const ME = { user: 'anna', device: 'phone' };
const DOOR = { user: 'door', device: 'panel' };
const INVITE = { type: 'invite', call: 'c1', kind: 'single', media: 'video', callees: ['anna'], remaining_ms: 30_000, agent: 'browser', early: 'preview' };
const NO_DOOR = { handle: () => [], deadline: () => null };

/** A station in its loop, with a clock that a test moves. */
class Bench {
  now = 0;
  done = [];
  broken = () => false;
  queued = [];

  constructor(t) {
    mock.timers.enable({ apis: ['setTimeout'] });
    t.mock.method(console, 'error', () => {});
    t.after(() => mock.timers.reset());
    this.station = new Station({ me: ME, ids: () => 'own' });
    this.loop = new Loop({
      station: this.station, door: NO_DOOR, painted: () => {}, clock: () => this.now,
      carryOut: (effect) => {
        if (this.broken(effect)) throw new Error('this browser cannot');
        this.done.push(effect);
      },
      settled: async () => { for (const input of this.queued.splice(0)) this.loop.feed(input); },
    });
  }

  hear(message) {
    this.loop.feed({ type: 'heard', from: DOOR, message });
  }

  /** Time passes, and only then do timers fire. */
  async jump(ms) {
    this.now += ms;
    mock.timers.tick(ms);
    await new Promise((done) => setImmediate(done));
  }

  records() {
    return this.done.filter((effect) => effect.do === 'record').map(({ record }) => record.reason);
  }
}

test('what is queued counts, not a deadline that a sleeping page has missed', async (t) => {
  const bench = new Bench(t);
  bench.hear(INVITE);
  bench.queued.push({ type: 'heard', from: DOOR, message: { type: 'cancel', call: 'c1', reason: 'answered_elsewhere' } });
  await bench.jump(60_000);
  assert.deepEqual(bench.records(), ['answered_elsewhere']);
  assert.equal(bench.done.some(({ message }) => message?.type === 'reject'), false);
});

test('a deadline that nothing has decided still ends the ring', async (t) => {
  const bench = new Bench(t);
  bench.hear(INVITE);
  await bench.jump(60_000);
  assert.deepEqual(bench.records(), ['no_answer']);
});

test('each effect stands alone: whichever one throws, all others are carried out', (t) => {
  const plain = new Bench(t);
  plain.hear(INVITE);
  const all = plain.done.map((effect) => effect.do);
  assert.ok(all.length >= 5, all.join(' '));
  for (let broken = 0; broken < all.length; broken += 1) {
    mock.timers.reset();
    const bench = new Bench(t);
    let n = 0;
    bench.broken = () => n++ === broken;
    bench.hear(INVITE);
    assert.deepEqual(bench.done.map((effect) => effect.do), all.toSpliced(broken, 1));
  }
});

test('a link that cannot be made has failed, and the call still rings and ends', async (t) => {
  const bench = new Bench(t);
  let tries = 0;
  bench.broken = (effect) => effect.do === 'open' && (tries += 1) > 0;
  // The callee of a browser offers, and offers the next link when one has failed.
  bench.hear({ ...INVITE, agent: 'browser' });
  await bench.jump(1_000);
  assert.equal(bench.station.view().state, 'ringing');
  bench.loop.feed({ type: 'pressed', action: 'accept', media: 'video' });
  bench.hear({ type: 'confirm', call: 'c1' });
  for (let second = 0; second < 20; second += 1) await bench.jump(1_000);
  assert.deepEqual(bench.records(), ['media_failed']);
  assert.ok(tries >= 2 && tries <= 40, `${tries} tries: the station knows that it has failed, and nothing spins`);
});

test('what happens while an input is worked on waits its turn', (t) => {
  const bench = new Bench(t);
  const states = [];
  bench.broken = (effect) => {
    if (effect.do === 'tone' && effect.tone === 'ring') bench.loop.feed({ type: 'pressed', action: 'reject' });
    states.push([effect.do, bench.station.view().state]);
    return false;
  };
  bench.hear(INVITE);
  const [last] = states.filter(([what]) => what === 'show');
  assert.deepEqual(last, ['show', 'ringing'], 'the effects of the invite come first');
  assert.equal(bench.station.view().state, 'idle');
});
