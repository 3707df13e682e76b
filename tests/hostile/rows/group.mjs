// A hostile member of a group call, and strangers who know its id, against two daemons that talk in it.

import assert from 'node:assert/strict';
import { setTimeout as pass } from 'node:timers/promises';

import { CONTENT, isTone } from '../../scenarios/content.mjs';
import { until } from '../../scenarios/process.mjs';

const MALLORY = { user: 'mallory', device: 'raw' };
const DOOR = { user: 'door', device: 'panel' };
const FLAT = { user: 'flat', device: 'panel' };
/** How long the honest two are watched while they are attacked, and when it is over. */
const WATCHED_MS = 3_000;
/** Threads that the links of one peer may add, and memory that a daemon may take. */
const MORE_THREADS = 60;
const MORE_KIB = 64 * 1024;
/** A rumour is believed after 5 s of silence. */
const BELIEVED_MS = 5_500;
/** The largest number of an entry. */
const LARGEST = 2 ** 30;

/** An entry as mallory writes it. */
const entry = (device, number, more = {}) => ({ device, number, agent: 'browser', place: 3, ...more });

/** The door calls flat and mallory, both are in, and the two daemons hear each other. */
async function group(lab, { limits } = {}) {
  const hub = await lab.hub(limits ? { limits } : {});
  const [door, flat] = [await lab.panel(hub, 'door'), await lab.panel(hub, 'flat')];
  const mallory = await lab.client(hub, 'mallory');
  await door.press('call', '--group', '--audio', 'flat', 'mallory');
  const { call } = await mallory.next('invite');
  await flat.phase('ringing');
  await flat.accept();
  const lies = new Liar(mallory, call);
  lies.say(DOOR, 'accept', { agent: 'browser' });
  await mallory.next('confirm');
  await lies.roster([DOOR, FLAT]);
  const parties = { hub, door, flat, mallory, call, lies };
  await talk(parties);
  await has(door, 'mallory');
  return { ...parties, before: (await door.status()).process };
}

/** What mallory says in a call, with an entry of her own that grows by one each time. */
class Liar {
  #client;
  #call;
  #number = 0;

  constructor(client, call) {
    this.#client = client;
    this.#call = call;
  }

  say(to, type, more) {
    return this.#client.send({ to, type, call: this.#call, ...more });
  }

  /** Her own entry, and these besides. */
  roster(to, others = [], own = {}) {
    this.#number += 1;
    for (const device of to) this.say(device, 'roster', { entries: [entry(MALLORY, this.#number, own), ...others] });
  }
}

const peers = async (panel) => (await panel.status()).view.call?.peers ?? [];
const has = (panel, user) => until(`${user} is a peer`, async () => (await peers(panel)).some(({ device }) => device.user === user));

/** The two daemons are in the call, see each other as talking, and hear each other's tone. */
async function talk({ door, flat }, ms = 15_000) {
  const pairs = [[door, 'flat'], [flat, 'door']];
  for (const [panel, other] of pairs) {
    await until(`${panel.name} talks with ${other}`, async () =>
      (await peers(panel)).some(({ device, state }) => device.user === other && state === 'talking'), { ms });
    await until(`${panel.name} hears ${other}`, async () => isTone(await panel.hears(), (CONTENT[other] ?? CONTENT.door).hz), { ms });
  }
}

/** The honest two never miss each other for a while, and their daemon stays as small as it was. */
async function goesOn(parties, ms = WATCHED_MS) {
  const { door, flat, call, before } = parties;
  const end = performance.now() + ms;
  let most = 0;
  await until('the talk was watched', async () => {
    for (const [panel, other] of [[door, 'flat'], [flat, 'door']]) {
      const { view, process } = await panel.status();
      const peer = view.call?.peers.find(({ device }) => device.user === other);
      assert.deepEqual([view.call?.call, peer?.state], [call, 'talking'], `${panel.name}: ${JSON.stringify(view.call?.peers)}`);
      most = Math.max(most, process.threads);
      assert.ok(process.rss_kib < before.rss_kib + MORE_KIB, `${before.rss_kib} KiB before, ${process.rss_kib} KiB now`);
    }
    return performance.now() >= end;
  }, { ms: 4 * ms, every: 50 });
  for (const panel of [door, flat]) {
    assert.ok(!panel.tail(2_000).some((line) => line.includes('code=TooMany')), `${panel.name} says more than the hub passes on`);
  }
  assert.ok(most < before.threads + MORE_THREADS, `${before.threads} threads before, ${most} at most`);
  await talk(parties);
  return `${before.threads} threads before, ${most} at most`;
}

/** A hang-up at the flat ends the call at the door as well, so nothing that matters waits behind the lies. */
async function ends({ door, flat, lies }) {
  for (const device of [DOOR, FLAT]) lies.say(device, 'hangup', { reason: 'hangup' });
  await flat.hangup();
  await Promise.all([flat.phase('idle'), door.phase('idle', 20_000)]);
}

/** Mallory says `tell(n)` so often, watched, and the call can be ended behind it. */
const lying = (times, tell) => async (lab) => {
  const parties = await group(lab);
  for (let n = 0; n < times; n += 1) await tell(parties.lies, n);
  const held = await goesOn(parties);
  await ends(parties);
  return held;
};

const theOthersLeft = lying(5, (lies, n) => lies.roster([DOOR, FLAT], [
  entry(FLAT, 50 * (n + 1), { left: 'hangup', place: 2 }), entry(DOOR, 50 * (n + 1), { left: 'hangup', place: 1 }),
]));

const hugeNumbers = lying(5, (lies, n) => lies.roster([DOOR, FLAT], [
  entry(FLAT, LARGEST - n, { left: 'hangup', place: 2 }), entry(DOOR, LARGEST - n, { left: 'hangup', place: 1 }),
]));

const contradictions = lying(40, async (lies, n) => {
  lies.roster([DOOR], [entry(FLAT, 10 + n, { left: 'hangup', place: 2 })]);
  lies.roster([FLAT], [entry(DOOR, 10 + n, { left: 'rejected', place: 1 })]);
  await pass(50);
});

const endlessChange = lying(300, (lies, n) => lies.roster([DOOR, FLAT], [
  entry(FLAT, 3 + n, { left: n % 2 ? 'hangup' : undefined, place: 2 + (n % 7) }),
]));

/** Nobody who was invented takes a seat, also when it has been silent for as long as it takes to be believed. */
async function inventedDevices(lab) {
  const parties = await group(lab);
  const { door, lies } = parties;
  for (let n = 0; n < 6; n += 1) {
    lies.roster([DOOR, FLAT], Array.from({ length: 31 }, (_, at) => entry({ user: `ghost-${n}-${at}`, device: 'd' }, 1, { place: 1 + at })));
  }
  const held = await goesOn(parties, BELIEVED_MS + 1_000);
  assert.deepEqual((await peers(door)).map(({ device }) => device.user).filter((user) => user.startsWith('ghost')), []);
  await ends(parties);
  return held;
}

/** Her roster names a second device of the flat, with a place before the flat's own: the flat stays. */
async function anotherUsersName(lab) {
  const parties = await group(lab);
  const { door, flat, lies, mallory, call } = parties;
  const twin = { user: 'flat', device: 'kitchen' };
  for (const device of [DOOR, FLAT]) {
    mallory.send({ to: device, type: 'roster', call, entries: [entry(twin, 1, { place: 1 })] });
    lies.roster([device], [entry(twin, 2, { place: 1 }), entry(FLAT, 2, { place: 9, agent: 'browser' })]);
  }
  const held = await goesOn(parties, BELIEVED_MS + 1_000);
  for (const panel of [door, flat]) {
    assert.ok(!(await peers(panel)).some(({ device }) => device.device === 'kitchen'), `${panel.name} has the invented device`);
  }
  await ends(parties);
  return held;
}

/** Links that are begun anew for mallory are few, whatever she says to cause them. */
const restarts = (cause) => async (lab) => {
  const parties = await group(lab);
  const { mallory, lies } = parties;
  mallory.skip();
  for (let n = 0; n < 150; n += 1) {
    cause(lies, n);
    await pass(20);
  }
  const held = await goesOn(parties);
  const offers = mallory.heard.filter(({ type, from }) => type === 'offer' && from.user === 'door').length;
  assert.ok(offers <= 16, `${offers} offers to mallory in 6 s`);
  await ends(parties);
  return `${offers} offers, ${held}`;
};

const joinsWithoutEnd = restarts((lies) => lies.say(DOOR, 'join', { agent: 'browser' }));
const comesAnewWithoutEnd = restarts((lies, n) => lies.roster([DOOR], [], { place: 4 + n }));
const comesAndGoes = restarts((lies, n) => lies.roster([DOOR], [], n % 2 ? { left: 'hangup' } : {}));

/** A stranger has learnt the call's id. */
async function strangers(lab) {
  const parties = await group(lab);
  const { hub, door, call } = parties;
  const eve = await lab.client(hub, 'eve');
  const say = (type, more) => eve.send({ to: DOOR, type, call, ...more });
  for (let n = 1; n <= 100; n += 1) {
    say('roster', { entries: [entry({ user: 'eve', device: 'raw' }, n), entry(FLAT, 40 + n, { left: 'hangup', place: 2 })] });
    say('join', { agent: 'browser' });
    say('accept', { agent: 'browser' });
  }
  const refused = await eve.next('cancel');
  assert.equal(refused.reason, 'rejected');
  const held = await goesOn(parties);
  assert.ok(!(await peers(door)).some(({ device }) => device.user === 'eve'));
  const told = eve.heard.filter(({ from }) => from?.user === 'door');
  assert.deepEqual([...new Set(told.map(({ type, reason }) => `${type} ${reason}`))], ['cancel rejected']);
  assert.ok(told.length <= 60, `${told.length} answers to a stranger`);
  await ends(parties);
  return `${told.length} answers, ${held}`;
}

/** A member rings a user outside, who declines each time: `invite(n)` says with which call. */
const rings = (callOf) => async (lab) => {
  const parties = await group(lab);
  const { hub, mallory, lies, call } = parties;
  const gate = await lab.panel(hub, 'gate');
  const end = performance.now() + 12_000;
  for (let n = 0; n < 60 && performance.now() < end; n += 1) {
    lies.roster([DOOR, FLAT], [], { invited: [{ user: 'gate', ring_s: 60 }] });
    mallory.send({
      to: { user: 'gate' }, type: 'invite', call: callOf(call, n), kind: 'group', media: 'audio', callees: ['gate'],
      remaining_ms: 30_000 + 5_000 * n, agent: 'browser', early: 'off',
    });
    await pass(60);
    if ((await gate.phaseNow()) === 'ringing') await gate.decline().catch(() => {});
    await pass(100);
  }
  const count = await gate.rang();
  assert.ok(count >= 1 && count <= 16, `10 at once, then one in 3 s: rang ${count} times`);
  const held = await goesOn(parties);
  lies.roster([DOOR, FLAT], [], { invited: [{ user: 'gate', ring_s: 60, ended: 'rejected' }] });
  await ends(parties);
  return `rang ${count} times, ${held}`;
};

const row = (name, run, tried, more = {}) => ({ section: 'fairness', name, tried, run, seconds: 60, ...more });

export default [
  row('a member says that the others left', theOthersLeft, 'greater numbers and `left` in the entries of both others', { quick: true }),
  row('a member writes the largest numbers', hugeNumbers, 'entries of both others with numbers at the end of the range, and `left`'),
  row('a member contradicts itself', contradictions, '40 times it tells one that the other left, and the other that the one did'),
  row('a member whose rosters change without end', endlessChange, '300 rosters at both, each with another entry of a third device'),
  row('a member invents devices', inventedDevices, '186 devices that nobody has, 31 a roster'),
  row('a member speaks in the name of another user', anotherUsersName, 'an entry of a second device of a member, with a place before it'),
  row('a member joins without end', joinsWithoutEnd, '150 times `join` in 3 s: few links are begun anew', { quick: true }),
  row('a member comes in anew without end', comesAnewWithoutEnd, '150 places in 3 s: few links are begun anew'),
  row('a member comes and goes without end', comesAndGoes, '75 times it leaves and comes in, in 3 s: few links are begun anew'),
  row('strangers with the id of a group call', strangers, 'rosters, joins and accepts of a user who is not on the roster', { quick: true }),
  row('a member rings a bystander again and again', rings((call) => call), '60 invites to the running call, each to ring longer than the last'),
  row('a member rings a bystander with other calls', rings((call, n) => `m${n}`), '60 group invites with ids of their own'),
];
