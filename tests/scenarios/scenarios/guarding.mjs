// What must not pass: media of a stranger, and media of somebody who has not picked up.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { CONTENT, isTone } from '../content.mjs';
import { endedAt, ended, stays, talking } from '../sight.mjs';
import { until } from '../process.mjs';

/** How long it rings with every link ready while nothing may pass. */
const WATCH_MS = 3_000;
const LOOK_MS = 150;

/** A link that cannot come up is tried again, but not in a flood. */
const MOST_OFFERS = 8;
const NOTHING = { audio: 0, video: 0, frames: 0 };

/** Somebody between the two has changed the fingerprint that one of them reads (`way`: `in` the door, `out` anna). */
function falseFingerprint(way, early) {
  return async (street) => {
    const wire = await street.wire();
    const door = await street.ownDoor({ wire, early });
    const anna = await street.other();
    let offers = 0;
    wire.edit((envelope, to) => {
      if (envelope.type === 'offer') offers += 1;
      if (to === way && envelope.sdp) envelope.sdp = envelope.sdp.replace(/(a=fingerprint:\S+ )(\S+)/g, (line, head, digits) => head + flip(digits));
    });
    await anna.call('door');
    if (early === 'off') {
      await door.phase('ringing');
      await door.accept();
    }
    await ended(anna, door, 'media_failed', 20_000);
    assert.ok(offers > 0, 'the false fingerprint was told');
    assert.ok(offers <= MOST_OFFERS, `${offers} offers: links are tried again without a pause`);
    assert.deepEqual(await anna.reached(), NOTHING, 'nothing reached anna');
    assert.deepEqual(await door.reached(), NOTHING, 'the door let nothing through');
  };
}

/** Flips every hexadecimal digit. */
const flip = (digits) => digits.replace(/[0-9a-f]/gi, (digit) => (15 - parseInt(digit, 16)).toString(16).toUpperCase());

/** Anna calls: before the door picks up, the path is ready and nothing of the door comes along it. */
async function doorNotHeardBeforeAccept(street) {
  const [anna, door] = await street.both();
  await anna.call('door');
  await door.phase('ringing');
  await secured(anna, door);
  await Promise.all([stays(door, 'ringing', WATCH_MS), nothingComes(anna, CONTENT.door, WATCH_MS)]);
  assert.deepEqual(await anna.reached(), NOTHING, 'nothing reached anna');
  await door.accept();
  await talking(anna, door);
}

/** The door calls: before anna picks up, nothing of her comes to the door. */
async function annaNotHeardBeforeAccept(street) {
  const [anna, door] = await street.both();
  await door.call('anna');
  await anna.phase('ringing');
  await secured(anna, door);
  await Promise.all([stays(anna, 'ringing', WATCH_MS), nothingComes(door, CONTENT.anna, WATCH_MS)]);
  await saysNothing(anna);
  await anna.accept();
  await talking(anna, door);
}

/** The visitor's picture may be seen before anybody picks up, where the operator allows it; the callee's may not. */
async function preview(street) {
  const door = await street.ownDoor({ early: 'preview' });
  const anna = await street.other('anna', { early: 'preview' });
  await door.call('anna');
  await anna.phase('ringing');
  await until('anna is shown who is at the door', async () => (await anna.frame(CONTENT.door)) !== null);
  await saysNothing(anna);
  assert.equal(isTone(await anna.hears(), CONTENT.door.hz), false, 'she sees the visitor and hears nothing');
  await anna.decline();
  await endedAt(door, 'rejected');
}

/** Without any early media: a small picture of the visitor comes with the ring. */
async function pictured(street) {
  const door = await street.ownDoor({ early: 'off' });
  const anna = await street.other();
  await door.call('anna');
  await anna.phase('ringing');
  await until('anna is shown who rings', async () => (await anna.pictured()) === CONTENT.door.name);
  await saysNothing(anna);
  assert.equal((await anna.carried()).received.video, 0, 'no link carries it');
  await anna.accept();
  await talking(anna, door);
  assert.equal(await anna.pictured(), null, 'the picture that moves is in its place');
}

/** For so long a party shows no picture of this content and plays no tone of it. */
async function nothingComes(party, content, ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    assert.equal(await party.frame(content), null, `${party.name} shows ${content.name}’s picture`);
    assert.equal(isTone(await party.hears(), content.hz), false, `${party.name} plays ${content.name}’s tone`);
    await sleep(LOOK_MS);
  }
}

async function saysNothing(party) {
  const { sent } = await party.carried();
  assert.deepEqual(sent, { audio: 0, video: 0 }, `nothing left ${party.name}`);
}

async function secured(anna, door) {
  await until('anna’s link is up', () => anna.secured());
  await until('the door’s link is up', () => door.secured());
}

export default [
  { name: 'false fingerprint, early connect', run: falseFingerprint('in', 'connect'), quick: true },
  { name: 'false fingerprint, after accept', run: falseFingerprint('in', 'off') },
  { name: 'false fingerprint at anna', run: falseFingerprint('out', 'off') },
  { name: 'the door not heard before accept', run: doorNotHeardBeforeAccept },
  { name: 'anna not heard before accept', run: annaNotHeardBeforeAccept },
  { name: 'visitor previewed before accept', run: preview },
  { name: 'visitor pictured while it rings', run: pictured, quick: true, notOver: { mqtt: 'a panel shows who rings by its link alone' } },
];
