// What must hold when the network goes. Each row gives what it measured: {ms: {who: milliseconds}}.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../scenarios/process.mjs';
import { endedAt, inCall, stays, talking } from '../scenarios/sight.mjs';

/** The next link flows so soon after the return, and calls work again. */
const LINK_MS = 2_000;
const CALLS_MS = 5_000;
/** Silence is noticed after 6 s; a device whose process died is waited for 5 s more (docs/protocol.md, section 5). */
const NOTICED_MS = 7_500;
const MISSED_MS = 11_000;
/** For the checks themselves: a status is asked for ten times a second, and the machine is small. */
const SLACK_MS = 1_500;

/** Between two panels the one that was called offers. */
const cutOf = { offers: 'door', answers: 'anna' };

/** A cut in a call: both are told, the call goes on, and on a new link. */
function inTalk(who, cut, mend, seconds) {
  return async (town, long) => {
    const { anna, door } = town;
    await inCall(anna, door);
    const call = await door.callId();
    const before = await newest(anna);
    await cut(town.house(who));
    const ms = Math.min(long, seconds?.(long) ?? long);
    const gone = performance.now();
    if (ms > NOTICED_MS) {
      await Promise.all([anna, door].map((party) => until(`${party.name} shows that the connection is lost`, () => party.lost(), { ms: NOTICED_MS + SLACK_MS })));
    }
    await sleep(Math.max(0, ms - (performance.now() - gone)));
    const returned = await now(() => mend(town.house(who)));
    const measured = await flows(town, before, returned);
    await talking(anna, door);
    assert.equal(await door.callId(), call, 'it is the same call');
    assert.equal(await door.rang(), 1, 'it rang once');
    for (const party of [anna, door]) assert.ok(!(await party.lost()), `${party.name} shows that all is well`);
    await until('the old link is gone', async () => (await anna.links()).length === 1 && (await door.links()).length === 1);
    await anna.hangup();
    await Promise.all([endedAt(anna, 'hangup'), endedAt(door, 'hangup')]);
    return { ms: measured };
  };
}

/** Another address while the call goes on: there is no silence to be noticed. */
function moved(who) {
  return async (town) => {
    const { anna, door } = town;
    await inCall(anna, door);
    const before = await newest(anna);
    const returned = await now(() => town.house(who).move());
    const measured = await flows(town, before, returned);
    await talking(anna, door);
    await until('the old link is gone', async () => (await anna.links()).length === 1 && (await door.links()).length === 1);
    return { ms: measured };
  };
}

/** Whoever was cut off can be called again. */
async function whileIdle(town, long) {
  const { anna, door } = town;
  await town.house('door').down();
  await sleep(long);
  const returned = await now(() => town.house('door').up());
  await until('the door is back', () => door.connected(), { ms: CALLS_MS });
  await anna.call('door');
  await door.phase('ringing');
  soon('it rings', returned);
  await door.accept();
  await talking(anna, door);
  assert.equal(await door.rang(), 1, 'it rang once');
}

/** It rings on for the time that is left, and can be answered. */
async function whileRinging(town, long) {
  const { anna, door } = town;
  await anna.call('door');
  await door.phase('ringing');
  await town.house('door').down();
  await stays(door, 'ringing', long);
  const returned = await now(() => town.house('door').up());
  await door.accept();
  await Promise.all([door.phase('talking'), anna.phase('talking')]);
  soon('both talk', returned);
  await talking(anna, door);
  assert.equal(await door.rang(), 1, 'it rang once');
}

/** What was given up while nobody could be told does not ring again. */
async function givenUp(town, long) {
  const { anna, door } = town;
  await anna.call('door');
  await door.phase('ringing');
  await town.house('door').down();
  await until('the door knows that it is offline', async () => !(await door.connected()));
  await anna.hangup();
  await endedAt(anna, 'cancelled');
  await stays(door, 'ringing', long);
  const returned = await now(() => town.house('door').up());
  await endedAt(door, 'cancelled', CALLS_MS);
  soon('the door falls silent', returned);
  await stays(door, 'idle', 3_000);
  await inCall(anna, door);
  assert.equal(await door.rang(), 2, 'each of the two calls rang once');
}

/** Nobody here is told that the way is cut: sockets are silent, and are tried again. */
async function unnoticed(town, long) {
  const { anna, door } = town;
  await inCall(anna, door);
  await town.house('door').block();
  await sleep(long);
  const returned = await now(() => town.house('door').mend());
  await until('both are in the call again', async () => !(await anna.lost()) && !(await door.lost()), { ms: CALLS_MS });
  soon('media flows again', returned);
  const flowed = Date.now() - returned;
  await talking(anna, door);
  await anna.hangup();
  await endedAt(door, 'hangup', CALLS_MS);
  soon('the hang-up arrives', returned + flowed);
  assert.equal(await door.rang(), 1, 'it rang once');
  return { ms: { again: flowed } };
}

/** The process is gone, not the network. */
async function killed(town) {
  const { anna, door } = town;
  await inCall(anna, door);
  const gone = performance.now();
  await door.vanish();
  await until('the connection is shown as lost', () => anna.lost(), { ms: NOTICED_MS + SLACK_MS });
  await endedAt(anna, 'network_lost', MISSED_MS + SLACK_MS);
  const noticed = Math.round(performance.now() - gone);
  assert.ok(noticed <= MISSED_MS + SLACK_MS, `missed after ${noticed} ms`);
  assert.match(await anna.why(), /network_lost/, 'a person reads why');
  await door.start();
  await inCall(anna, door);
  return { ms: { missed: noticed } };
}

/** How many milliseconds after the return each shows the first frame of a link that is newer than `before`. */
async function flows({ anna, door }, before, returned) {
  const seen = (party) => party.steps().find(({ step, number }) => step === 'first_frame_shown' && number > before);
  const parties = [['anna', anna], ['door', door]];
  await Promise.all(parties.map(([name, party]) => until(`a new link flows at ${name}`, () => seen(party), { ms: 20_000, every: 50 })));
  const measured = Object.fromEntries(parties.map(([name, party]) => [name, seen(party).at_ms - returned]));
  for (const [name, ms] of Object.entries(measured)) assert.ok(ms <= LINK_MS, `a new link flows at ${name} after ${ms} ms, ${LINK_MS} are allowed`);
  return measured;
}

async function newest(party) {
  return Math.max(...(await party.links()).map((link) => Number(/#(\d+)/.exec(link)[1])));
}

/** When something was done, on the clock of the daemons. */
async function now(work) {
  const at = Date.now();
  await work();
  return at;
}

function soon(what, returned) {
  const ms = Date.now() - returned;
  assert.ok(ms <= CALLS_MS, `${what} ${ms} ms after the return, ${CALLS_MS} are allowed`);
}

const down = (house) => house.down();
const up = (house) => house.up();
const pull = (house) => house.pull();
const plug = (house) => house.plug();
const blink = () => 2_000;

export const rows = [
  ...Object.entries(cutOf).flatMap(([role, who]) => [
    { name: `interface down in a call, at who ${role}`, run: inTalk(who, down, up), short: role === 'answers' },
    { name: `another address in a call, at who ${role}`, run: moved(who), short: role === 'offers' },
  ]),
  { name: 'cable pulled in a call', run: inTalk('door', pull, plug) },
  { name: 'interface down for two seconds in a call', run: inTalk('anna', down, up, blink) },
  { name: 'way cut in a call, and nobody there notices', run: unnoticed },
  { name: 'interface down while idle', run: whileIdle },
  { name: 'interface down while it rings', run: whileRinging },
  { name: 'given up while the interface is down', run: givenUp },
  { name: 'killed in a call', run: killed },
];
