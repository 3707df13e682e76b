// Several devices, both at once, one too late: who is reached, and who falls silent.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { endedAt, stays, talking } from '../sight.mjs';
import { until } from '../process.mjs';

const RING_S = 20;
const AWAY_MS = 2_000;
const HELD_MS = 600;

async function answeredElsewhere(street) {
  const [phone, desk, door] = await Promise.all([street.other('anna', { device: 'phone' }), street.other('anna', { device: 'desk' }), street.door()]);
  await door.call('anna');
  await Promise.all([phone.phase('ringing'), desk.phase('ringing')]);
  await phone.accept();
  await endedAt(desk, 'answered_elsewhere');
  await talking(phone, door);
  assert.equal(await desk.missed(), 0, 'a call that was answered is not missed');
}

/** Nobody is there when it is called, but soon after: it rings for the time that is left. */
async function backInTime(street) {
  const door = await street.ownDoor();
  const anna = await street.other('anna', { ring: RING_S });
  await door.stop();
  await anna.knowsAway('door');
  await anna.call('door');
  await sleep(AWAY_MS);
  await stays(anna, 'inviting', 200);
  await door.start();
  await door.phase('ringing');
  const left = await door.remaining();
  assert.ok(left > 0 && left <= RING_S * 1_000 - AWAY_MS, `${left} ms are left of ${RING_S} s after ${AWAY_MS} ms`);
  await door.accept();
  await talking(anna, door);
}

/** … and too late: it does not ring, but shows what was missed, where there is somebody to tell. */
async function backTooLate(street) {
  const door = await street.ownDoor();
  const anna = await street.other('anna', { ring: 2 });
  await door.stop();
  await anna.call('door');
  await endedAt(anna, 'offline', 10_000);
  await door.start();
  if (street.tellsMissed) await until('the door shows a missed call', async () => (await door.missed()) === 1);
  await stays(door, 'idle', 1_500);
}

/** The page is loaded again while it rings: it rings on, for the time that is left. */
async function startsAgainWhileItRings(street) {
  const [anna, door] = await street.both();
  await door.call('anna');
  await anna.phase('ringing');
  await anna.restart();
  await anna.phase('ringing');
  await stays(door, 'inviting', 200);
  await anna.accept();
  await talking(anna, door);
}

/** It rings at a panel whose process is gone then. */
async function killedRinging(street) {
  const door = await street.ownDoor();
  const anna = await street.other();
  await anna.call('door');
  await door.phase('ringing');
  // Written beside the loop, a few milliseconds after it rings.
  await until('the door has written the invite down', () => door.keepsInvite());
  await door.vanish();
  return { anna, door };
}

/** The panel is back in time: it rings on, once more. */
async function killedWhileItRings(street) {
  const { anna, door } = await killedRinging(street);
  await door.start();
  await door.phase('ringing');
  assert.equal(await anna.phaseNow(), 'inviting');
  await door.accept();
  await talking(anna, door);
}

/** … and she gives up while it is gone: what is decided does not ring. */
async function givenUpMeanwhile(street) {
  const { anna, door } = await killedRinging(street);
  await anna.hangup();
  await endedAt(anna, 'cancelled');
  await door.start();
  await stays(door, 'idle', 1_500);
  assert.equal(await door.rang(), 0, 'it has not rung again');
}

/** Both press at the same moment, and neither invite has arrived by then: one call, no busy. */
async function glare(street) {
  const wire = await street.wire();
  const door = await street.ownDoor({ wire });
  const anna = await street.other();
  wire.edit((envelope) => envelope.type === 'invite' && sleep(HELD_MS));
  await Promise.all([anna.call('door'), door.call('anna')]);
  await talking(anna, door);
  assert.equal(await anna.callId(), await door.callId(), 'both are in the same call');
  assert.equal(await anna.missed(), 0, 'nothing was missed');
}

const declines = 'a panel that is asked to stop declines first; for one that is killed there is a row';

export default [
  { name: 'answered elsewhere', run: answeredElsewhere },
  { name: 'panel back before the deadline', run: backInTime, quick: true },
  { name: 'panel back after the deadline', run: backTooLate },
  { name: 'anna starts again while it rings', run: startsAgainWhileItRings, quick: true, notOver: { mqtt: declines } },
  { name: 'panel killed while it rings', run: killedWhileItRings, quick: true },
  { name: 'given up while the panel is killed', run: givenUpMeanwhile },
  { name: 'both call at once', run: glare, quick: true },
];
