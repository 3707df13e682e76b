// Who is here: everybody, or in a large house those whom the person knows or looked for; and what is not known is said.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { People } from '../web/people.js';

/** A hub that hears questions. */
function house(t) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  const asked = [];
  const people = new People({ me: 'anna', changed: () => {}, ask: (message) => `q${asked.push(message)}` });
  const answer = (code) => people.result({ re: `q${asked.length}`, code });
  const listed = (users, after) => people.listed({ re: `q${asked.length}`, users: users.map((user) => ({ user, online: true })), after });
  return { people, asked, answer, listed, last: () => asked.at(-1), shown: () => people.view.contacts.map(({ user }) => user) };
}

/** One where there are too many to watch everybody. */
function large(t, recent = ['door']) {
  const all = house(t);
  all.people.up(recent);
  all.answer('forbidden');
  return all;
}

test('nobody is said to be here only when the hub has said so', (t) => {
  const { people, answer } = house(t);
  people.up([]);
  assert.equal(people.view.scope, 'unknown');
  answer('ok');
  assert.equal(people.view.scope, 'all');
});

test('a refused watch of everybody: those who are known are watched, and there is a search', (t) => {
  const { people, last, answer, shown } = large(t, ['door', 'ben']);
  assert.deepEqual(last(), { type: 'watch', users: ['door', 'ben'] });
  assert.equal(answer('ok'), true);
  assert.equal(people.view.scope, 'some');
  people.presence({ user: 'door', device: 'panel', online: true });
  people.presence({ user: 'ben', online: false });
  assert.deepEqual(shown(), ['door', 'ben']);
  people.up(['door', 'ben', 'cleo']);
  assert.deepEqual(last(), { type: 'watch', users: ['door', 'ben', 'cleo'] }, 'a new session watches them again');
  people.met(['dora', 'door']);
  assert.deepEqual(last().users, ['dora', 'door'], 'as does a new call');
});

test('a search turns pages, watches what it finds, and bounds it', (t) => {
  const { people, last, listed, shown, asked } = large(t);
  people.find('flat');
  assert.deepEqual(last(), { type: 'list', find: 'flat', limit: 50 });
  listed(['flat-1', 'flat-2', 'anna'], 'flat-2');
  assert.deepEqual(shown(), ['flat-1', 'flat-2'], 'not oneself');
  assert.deepEqual(last(), { type: 'watch', users: ['door', 'flat-1', 'flat-2'] });
  assert.equal(people.view.search.more, true);
  people.more();
  assert.deepEqual(last(), { type: 'list', find: 'flat', after: 'flat-2', limit: 50 });
  listed(['flat-3']);
  assert.deepEqual(shown(), ['flat-1', 'flat-2', 'flat-3']);
  assert.equal(people.view.search.more, false);
  for (let n = 0; n < 10; n += 1) {
    people.find(`f${n}`);
    listed(Array.from({ length: 50 }, (_, k) => `f${n}-${k}`));
  }
  assert.ok(asked.filter(({ type }) => type === 'watch').every(({ users }) => users.length <= 256));
  people.find('');
  assert.equal(people.view.search.name, '');
});

test('pages without a name are turned by themselves, but not without end', (t) => {
  const { people, listed, asked } = large(t);
  people.find('z');
  for (let n = 0; n < 50; n += 1) {
    const lists = asked.filter(({ type }) => type === 'list').length;
    people.listed({ re: `q${asked.findLastIndex(({ type }) => type === 'list') + 1}`, users: [], after: `u${n}` });
    if (asked.filter(({ type }) => type === 'list').length === lists) break;
  }
  assert.equal(asked.filter(({ type }) => type === 'list').length, 10);
  assert.equal(people.view.search.more, true);
  listed(['late']);
});

test('a hub that cannot search still calls whoever is named in full', (t) => {
  for (const silent of [true, false]) {
    const { people, shown, answer } = large(t);
    people.find('flat-7');
    assert.deepEqual(shown(), []);
    if (silent) mock.timers.tick(5_000);
    else answer('bad_message');
    assert.deepEqual(shown(), ['flat-7']);
    assert.equal(people.view.contacts[0].known, false);
    mock.timers.reset();
  }
});

test('an answer that is late, foreign or malformed changes nothing', (t) => {
  const { people, shown } = large(t);
  people.find('a');
  people.find('b');
  people.listed({ re: 'q3', users: [{ user: 'late', online: true }] });
  people.listed({ re: 'q4', users: 'x' });
  people.listed({ re: 'q4', users: [null, { user: 7 }, { user: 'good' }] });
  assert.deepEqual(shown(), ['good']);
  assert.equal(people.result({ re: 'other', code: 'forbidden' }), false);
});
