// The broker is away for a minute: what goes on without it, what works again when it is back, and what must not come back.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { until } from '../process.mjs';
import { ended, endedAt, inCall, stays, talking } from '../sight.mjs';

const OUTAGE_MS = 60_000;
const LOOK_MS = 10_000;
/** Who waits for a broker calls again so long after its return (docs/protocol.md, 12.1). */
const BACK_MS = 5_000;
/** What is kept for somebody comes within this time of their connecting. */
const AFTERMATH_MS = 3_000;
/** A ring that outlasts the outage. */
const LONG_RING_S = 90;
const ROW_S = OUTAGE_MS / 1_000 + 60;

async function whileIdle(street) {
  const { transport, anna, door } = await own(street);
  await away(transport, door);
  await sleep(OUTAGE_MS);
  const back = await returns(transport);
  await within(back, 'a call rings', async () => {
    await until('anna can call', () => anna.connected(), { ms: BACK_MS });
    await anna.call('door');
    await door.phase('ringing', BACK_MS);
  });
  await door.accept();
  await talking(anna, door);
  assert.equal(await door.rang(), 1, 'it rang once');
}

/** Media needs no broker; the end of the call does, and comes as soon as it can. */
async function whileTalking(street) {
  const { transport, anna, door } = await own(street);
  await inCall(anna, door);
  await away(transport, door);
  const end = performance.now() + OUTAGE_MS;
  while (performance.now() < end) {
    await talking(anna, door);
    await sleep(Math.min(LOOK_MS, Math.max(0, end - performance.now())));
  }
  await talking(anna, door);
  const back = await returns(transport);
  await anna.hangup();
  await within(back, 'the hang-up arrives', () => ended(anna, door, 'hangup'));
  await inCall(anna, door);
  assert.equal(await door.rang(), 2, 'each of the two calls rang once');
}

/** It rings on, for the time that is left, and can be answered when the broker is back. */
async function whileRinging(street) {
  const { transport, anna, door } = await own(street, { ring: LONG_RING_S });
  await anna.call('door');
  await door.phase('ringing');
  await until('the path is ready', () => door.secured());
  await away(transport, door);
  await Promise.all([stays(door, 'ringing', OUTAGE_MS), stays(anna, 'inviting', OUTAGE_MS)]);
  const left = await door.remaining();
  assert.ok(left <= LONG_RING_S * 1_000 - OUTAGE_MS, `${left} ms are left`);
  const back = await returns(transport);
  await door.accept();
  await within(back, 'both talk', () => Promise.all([door.phase('talking'), anna.phase('talking')]));
  await talking(anna, door);
  assert.equal(await door.rang(), 1, 'it rang once');
}

/** Given up while nobody could be told: the door falls silent when it can hear, and does not ring again. */
async function givenUpMeanwhile(street) {
  const { transport, anna, door } = await own(street, { ring: LONG_RING_S });
  await anna.call('door');
  await door.phase('ringing');
  await away(transport, door);
  await anna.hangup();
  await endedAt(anna, 'cancelled');
  await stays(door, 'ringing', OUTAGE_MS);
  const back = await returns(transport);
  await within(back, 'the door falls silent', () => endedAt(door, 'cancelled'));
  await stays(door, 'idle', AFTERMATH_MS);
  await inCall(anna, door);
  assert.equal(await door.rang(), 2, 'each of the two calls rang once');
}

/** … and for a door that was not there: the invite that waited in the broker is of a call that is decided. */
async function givenUpForNobody(street) {
  const { transport, anna, door } = await own(street, { ring: LONG_RING_S });
  await door.stop();
  await anna.call('door');
  await stays(anna, 'inviting', 1_000);
  await transport.pause();
  await anna.hangup();
  await endedAt(anna, 'cancelled');
  await sleep(OUTAGE_MS);
  const back = await returns(transport);
  await within(back, 'anna is back', () => until('anna is back', () => transport.knows('anna'), { ms: BACK_MS }));
  await door.start();
  await stays(door, 'idle', AFTERMATH_MS);
  assert.equal(await door.rang(), 0, 'it did not ring');
  await inCall(anna, door);
}

async function own(street, settings) {
  const transport = await street.ownTransport({});
  const door = await street.ownDoor({ transport, config: { callers: { longest_ring_s: LONG_RING_S } } });
  const anna = await street.other('anna', { transport, ...settings });
  return { transport, anna, door };
}

/** The broker is gone, and the door knows it. A browser at a gateway need not: its own line stands. */
async function away(transport, door) {
  await transport.pause();
  await until(`${door.name} has noticed`, async () => !(await door.connected()));
}

/** The moment of the broker's return. */
async function returns(transport) {
  await transport.restart();
  return performance.now();
}

/** Something comes true, and soon enough after the return. */
async function within(back, what, come) {
  await come();
  const ms = performance.now() - back;
  assert.ok(ms <= BACK_MS, `${what} ${Math.round(ms)} ms after the broker’s return, ${BACK_MS} are allowed`);
}

const rows = [
  { name: 'broker gone for a minute while idle', run: whileIdle },
  { name: 'broker gone for a minute in a call', run: whileTalking },
  { name: 'broker gone for a minute while it rings', run: whileRinging },
  { name: 'given up while the broker is gone', run: givenUpMeanwhile },
  { name: 'given up for a door that was not there', run: givenUpForNobody },
];

export default rows.map((row) => ({ ...row, needs: ['mosquitto'], seconds: ROW_S }));
