// Several devices, both at once, one too late: who is reached, and who falls silent.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { endedAt, stays, talking } from '../sight.mjs';
import { until } from '../process.mjs';

const RING_S = 20;
const AWAY_MS = 2_000;
const HELD_MS = 600;

async function answeredElsewhere(street) {
  const panel = await street.panel();
  const phone = await street.page('anna', { device: 'phone' });
  const desk = await street.page('anna', { device: 'desk' });
  await panel.press('call', 'anna');
  await Promise.all([phone.phase('ringing'), desk.phase('ringing')]);
  await phone.press('accept-video');
  await endedAt(desk, 'answered_elsewhere');
  await talking(phone, panel);
  assert.equal(await desk.count('missed'), 0, 'a call that was answered is not missed');
}

/** Nobody is there when it is called, but soon after: it rings for the time that is left. */
async function backInTime(street) {
  const panel = await street.ownPanel({});
  const page = await street.page('anna', { query: { ring: RING_S } });
  await panel.stop();
  await until('the page knows', async () => (await page.words('contact-door'))?.includes('Away'));
  await page.call('door');
  await sleep(AWAY_MS);
  await stays(page, 'inviting', 200);
  await panel.start();
  await panel.phase('ringing');
  const left = await panel.remaining();
  assert.ok(left > 0 && left <= RING_S * 1_000 - AWAY_MS, `${left} ms are left of ${RING_S} s after ${AWAY_MS} ms`);
  await panel.press('accept');
  await talking(page, panel);
}

/** … and too late: it does not ring, but shows what was missed. */
async function backTooLate(street) {
  const panel = await street.ownPanel({});
  const page = await street.page('anna', { query: { ring: 2 } });
  await panel.stop();
  await page.call('door');
  await endedAt(page, 'offline', 10_000);
  await panel.start();
  await until('the panel shows a missed call', async () => (await panel.missed()).includes('anna'));
  await stays(panel, 'idle', 1_500);
}

/** Both press at the same moment, and neither invite has arrived by then: one call, no busy. */
async function glare(street) {
  const wire = await street.wire();
  const panel = await street.ownPanel({ wire });
  const page = await street.page();
  wire.edit((envelope) => envelope.type === 'invite' && sleep(HELD_MS));
  await Promise.all([page.call('door'), panel.press('call', 'anna')]);
  await talking(page, panel);
  assert.equal(await page.callId(), await panel.callId(), 'both are in the same call');
  assert.equal(await page.count('missed'), 0, 'nothing was missed');
}

export default [
  { name: 'answered elsewhere', run: answeredElsewhere },
  { name: 'panel back before the deadline', run: backInTime },
  { name: 'panel back after the deadline', run: backTooLate },
  { name: 'both call at once', run: glare },
];
