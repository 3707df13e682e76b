// Calls that nobody answers, or that somebody gives up.

import { setTimeout as sleep } from 'node:timers/promises';

import { ended, endedAt, inCall, stays, talking } from '../sight.mjs';

const HELD_MS = 1_200;

async function doorDeclines(street) {
  const [anna, door] = await street.both();
  await anna.call('door');
  await door.phase('ringing');
  await door.decline();
  await ended(anna, door, 'rejected');
}

async function annaDeclines(street) {
  const [anna, door] = await street.both();
  await door.call('anna');
  await anna.phase('ringing');
  await anna.decline();
  await ended(anna, door, 'rejected');
}

/** A third party calls a panel that talks: told busy, and the first call goes on. Nobody is called back for it later. */
async function busy(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  const third = await street.other('ben', { device: 'desk' });
  await third.call('door');
  await endedAt(third, 'busy');
  await talking(anna, door);
  await anna.hangup();
  await ended(anna, door, 'hangup');
  await door.restart();
  await stays(door, 'idle', 1_000);
}

async function noAnswer(street) {
  const [anna, door] = await street.both({ ring: 3 });
  await anna.call('door');
  await door.phase('ringing');
  await stays(door, 'ringing', 1_500);
  await ended(anna, door, 'no_answer', 5_000);
}

/** The cancel and the accept cross each other, in both directions: the inviter decides. */
async function cancelMeetsAccept(street) {
  const wire = await street.wire();
  const door = await street.ownDoor({ wire });
  const anna = await street.other();
  wire.edit((envelope) => envelope.type === 'accept' && sleep(HELD_MS));

  await anna.call('door');
  await door.phase('ringing');
  await door.accept();
  await anna.hangup();
  await ended(anna, door, 'cancelled');

  await door.call('anna');
  await anna.phase('ringing');
  await anna.accept();
  await door.hangup();
  await ended(anna, door, 'cancelled');
  await sleep(HELD_MS);
  await Promise.all([stays(anna, 'idle', 1_000), stays(door, 'idle', 1_000)]);
}

/** The caller changes their mind before the invite has arrived, in both directions: nobody is left ringing. */
async function cancelBeforeRinging(street) {
  const wire = await street.wire();
  const door = await street.ownDoor({ wire });
  const anna = await street.other();
  wire.edit((envelope) => envelope.type === 'invite' && sleep(HELD_MS));

  await anna.call('door');
  await anna.phase('inviting');
  await anna.hangup();
  await sleep(HELD_MS);
  await ended(anna, door, 'cancelled');

  await door.call('anna');
  await door.hangup();
  await sleep(HELD_MS);
  await ended(anna, door, 'cancelled');
  await Promise.all([stays(anna, 'idle', 1_000), stays(door, 'idle', 1_000)]);
}

export default [
  { name: 'declined at the door', run: doorDeclines, quick: true },
  { name: 'declined by anna', run: annaDeclines },
  { name: 'busy', run: busy },
  { name: 'no answer', run: noAnswer },
  { name: 'cancelled while accept is on its way', run: cancelMeetsAccept, quick: true },
  { name: 'cancelled before it rings', run: cancelBeforeRinging },
];
