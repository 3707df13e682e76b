// What strangers can make a station do: ring for long, ring others' callees out, cause links without end.

import assert from 'node:assert/strict';
import { setTimeout as pass } from 'node:timers/promises';

import { until } from '../../scenarios/process.mjs';

const invite = (user, call, remaining) => ({
  to: { user }, type: 'invite', call, kind: 'single', media: 'audio', callees: [user], remaining_ms: remaining, agent: 'browser', early: 'off',
});

async function bell(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door');
  const [mallory, anna] = [await lab.client(hub, 'mallory'), await lab.client(hub, 'anna')];
  mallory.send(invite('door', 'm1', 600_000));
  await door.phase('ringing');
  await door.call('anna');
  assert.equal((await anna.next('invite')).from.user, 'door');
  const refused = await mallory.next('reject');
  assert.deepEqual([refused.call, refused.reason], ['m1', 'busy']);
  // Who rings those who ring us picks up.
  await door.hangup();
  await door.phase('idle');
  anna.send(invite('door', 'a1', 30_000));
  await door.phase('ringing');
  await door.call('anna');
  assert.equal((await anna.next('accept')).call, 'a1');
}

async function longestRing(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { config: { callers: { allow: ['*'], longest_ring_s: 2 } } });
  const mallory = await lab.client(hub, 'mallory');
  mallory.send(invite('door', 'm1', 600_000));
  await door.phase('ringing');
  const over = await mallory.next('reject', 6_000);
  assert.deepEqual([over.call, over.reason], ['m1', 'no_answer']);
  await door.phase('idle');
}

async function oneOfAGroup(lab) {
  const hub = await lab.hub({ app: { users: ['door', 'anna'] } });
  const door = await lab.panel(hub, 'door', { ring: 20 });
  const anna = await lab.client(hub, 'anna');
  await door.press('call', 'nobody', 'anna');
  const { from, call } = await anna.next('invite');
  anna.send({ to: from, type: 'ringing', call, agent: 'browser', early: 'off', link: 0 });
  await pass(2_500);
  await door.phase('inviting');
  assert.ok(!anna.heard.some(({ type }) => type === 'cancel'), 'anna may still answer');
  anna.send({ to: from, type: 'reject', call, reason: 'busy' });
  await door.phase('idle');
  assert.equal(await door.lastReason(), 'busy');
}

async function linksWithoutEnd(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { ring: 20 });
  const anna = await lab.client(hub, 'anna');
  await door.call('anna', 'audio');
  const { from, call } = await anna.next('invite');
  for (let n = 0; n < 60; n += 1) {
    anna.send({ to: from, type: 'ringing', call, agent: 'browser', early: 'connect', link: 0 });
    await pass(50);
  }
  await pass(1_000);
  const offers = anna.heard.filter(({ type }) => type === 'offer').length;
  assert.ok(offers >= 1 && offers <= 14, `${offers} offers in 4 s`);
  await door.phase('inviting');
}

async function ignoredPress(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door');
  await door.accept().catch(() => {});
  await until('the log says why a press was ignored', () => door.tail(40).join('\n').includes('nobody rings'), { ms: 5_000 });
}

export default [
  {
    section: 'fairness', name: 'an invite of ten minutes and the bell button', quick: true, run: bell,
    tried: 'a stranger rings for ten minutes, and a visitor presses the bell',
  },
  {
    section: 'fairness', name: 'an invite of ten minutes and nobody there', quick: true, run: longestRing,
    tried: 'a stranger rings for ten minutes at a panel with `longest_ring_s = 2`',
  },
  {
    section: 'reached', name: 'one callee of a ring group whom nobody knows', quick: true, run: oneOfAGroup,
    tried: 'a panel rings two users, and the hub knows one of them',
  },
  {
    section: 'sdp', name: 'a device that is restarted without end', run: linksWithoutEnd,
    tried: '60 times in 3 s a callee says that it was restarted and has no link',
  },
  {
    section: 'devices', name: 'a press that comes to nothing', quick: true, run: ignoredPress,
    tried: 'accept is pressed while nobody rings: the log says why nothing happened',
  },
];
