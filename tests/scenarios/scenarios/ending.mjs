// How a call that was answered ends, and what does not end it.

import { ended, endedAt, inCall, talking } from '../sight.mjs';
import { until } from '../process.mjs';

/** A peer has vanished after 6 s without media and 5 s without a device (docs/protocol.md); and a little for the checks. */
const VANISHED_MS = 12_000;

async function annaHangsUp(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  await anna.hangup();
  await ended(anna, door, 'hangup');
}

async function doorHangsUp(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  await door.hangup();
  await ended(anna, door, 'hangup');
}

/** The page is loaded again, the daemon started again: the call is over, and the next one can be made. */
async function annaStartsAgain(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  await anna.restart();
  await Promise.all([door.phase('idle'), anna.phase('idle')]);
  await door.call('anna');
  await anna.phase('ringing');
  await anna.decline();
  await ended(anna, door, 'rejected');
}

/** The transport is gone for a while: the two go on talking, and can still end it when it is back. */
async function transportKilled(street) {
  const transport = await street.ownTransport({});
  const door = await street.ownDoor({ transport });
  const anna = await street.other('anna', { transport });
  await inCall(anna, door);
  await transport.crash();
  await until('anna has noticed', async () => !(await anna.connected()));
  await talking(anna, door);
  await transport.restart();
  await until('anna is back', () => anna.connected());
  await until('the door is back', () => door.connected());
  await talking(anna, door);
  await anna.hangup();
  await ended(anna, door, 'hangup');
}

/** The panel loses its power: anna is told why the call ended, and when the panel is back it can be called. */
async function doorKilled(street) {
  const door = await street.ownDoor();
  const anna = await street.other();
  await inCall(anna, door);
  await door.vanish();
  await endedAt(anna, 'network_lost', VANISHED_MS);
  await until('a person can read why', async () => (await anna.why())?.includes('lost'));
  await door.start();
  await inCall(anna, door);
}

/** Anna is gone without a word, as with an empty battery. */
async function annaGone(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  await anna.vanish();
  await endedAt(door, 'network_lost', VANISHED_MS);
}

export default [
  { name: 'hung up by anna', run: annaHangsUp },
  { name: 'hung up at the door', run: doorHangsUp },
  { name: 'anna starts again in a call', run: annaStartsAgain },
  { name: 'transport killed in a call', run: transportKilled, quick: true },
  { name: 'panel killed in a call', run: doorKilled, seconds: 45 },
  { name: 'anna gone in a call', run: annaGone },
];
