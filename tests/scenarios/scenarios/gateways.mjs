// Several hubs before one broker: it does not matter who is at which, and any of them may die.

import assert from 'node:assert/strict';

import { until } from '../process.mjs';
import { ended, endedAt, talking } from '../sight.mjs';

const RING_S = 40;

/** Anna is at one hub, Ben at the other: he rings her, and learns that she declines. */
async function acrossHubs(street) {
  const [anna, ben] = [await street.other('anna', { hub: 0 }), await street.other('ben', { device: 'desk', hub: 1 })];
  await ben.call('anna');
  await anna.phase('ringing');
  await anna.decline();
  await ended(ben, anna, 'rejected');
}

/** Her hub dies while it rings: she rings on at the other one, for the time that is left, and picks up there. */
async function hubKilledWhileRinging(street) {
  const transport = await street.ownTransport({});
  const door = await street.ownDoor({ transport, ring: RING_S });
  const anna = await street.other('anna', { transport });
  await door.call('anna');
  await anna.phase('ringing');
  await transport.crashOneHub();
  await until('anna has noticed', async () => !(await anna.connected()));
  await until('anna is at the other hub', () => anna.connected());
  assert.equal(await anna.phaseNow(), 'ringing');
  assert.equal(await anna.rang(), 1, 'it rang once');
  await anna.accept();
  await talking(anna, door);
  await door.hangup();
  await endedAt(anna, 'hangup');
}

export default [
  { name: 'a call from hub to hub', run: acrossHubs, quick: true },
  { name: 'a hub killed while it rings', run: hubKilledWhileRinging, quick: true },
];
