// Doors that are opened from the other end, and a door that is not.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { ended, inCall, talking } from '../sight.mjs';
import { until } from '../process.mjs';

/** Longer than a challenge is good for. */
const LATE_MS = 6_000;

/** Waits until the button is there, presses it, and waits for what becomes of it. */
async function unlock(anna, outcome = 'open') {
  await until('the door is offered to anna', () => anna.mayUnlock());
  await anna.unlock();
  await until(`anna is told: ${outcome}`, async () => (await anna.unlocked()) === outcome, { ms: 10_000 });
}

/** Nobody has to answer any more. */
async function whileItRings(street) {
  const door = await street.ownDoor({ opensTo: ['anna'] });
  const anna = await street.other();
  await door.call('anna');
  await anna.phase('ringing');
  await until('the door is offered to anna', () => anna.mayUnlock());
  await anna.unlock();
  await ended(anna, door, 'answered_elsewhere');
  assert.deepEqual(await door.tries(), ['anna/phone ok']);
}

async function inACall(street) {
  const door = await street.ownDoor({ opensTo: ['anna'] });
  const anna = await street.other();
  await inCall(anna, door);
  await unlock(anna);
  await talking(anna, door);
  await anna.hangup();
  await ended(anna, door, 'hangup');
  assert.deepEqual(await door.tries(), ['anna/phone ok']);
}

/** What the network held back is not carried out later. */
async function heldBack(street) {
  const wire = await street.wire();
  const door = await street.ownDoor({ wire, opensTo: ['anna'] });
  const anna = await street.other();
  await inCall(anna, door);
  wire.edit((envelope) => envelope.type === 'command' && envelope.challenge && sleep(LATE_MS));
  await unlock(anna, 'failed');
  await sleep(LATE_MS);
  await anna.hangup();
  await ended(anna, door, 'hangup');
  assert.deepEqual(await door.tries(), ['anna/phone expired']);
}

async function notListed(street) {
  const door = await street.ownDoor({ opensTo: ['ben'] });
  const anna = await street.other();
  await inCall(anna, door);
  assert.equal(await anna.mayUnlock(), false);
}

export default [
  { name: 'door opened while it rings', run: whileItRings },
  { name: 'door opened in a call', run: inACall, quick: true },
  { name: 'door: a command comes too late', run: heldBack, seconds: 45 },
  { name: 'door: not for everybody', run: notListed },
];
