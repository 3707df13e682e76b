// Calls that nobody answers, or that somebody gives up.

import { setTimeout as sleep } from 'node:timers/promises';

import { ended, endedAt, stays, talking } from '../sight.mjs';

const HELD_MS = 1_200;

async function panelRejects(street) {
  const [panel, page] = await both(street);
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('reject');
  await ended(page, panel, 'rejected');
}

async function browserRejects(street) {
  const [panel, page] = await both(street);
  await panel.press('call', 'anna');
  await page.phase('ringing');
  await page.press('decline');
  await ended(page, panel, 'rejected');
}

/** A third party calls a panel that talks: told busy, and the first call goes on. Nobody is called back for it later. */
async function busy(street) {
  const [panel, page] = await both(street);
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  const third = await street.page('ben', { device: 'desk' });
  await third.call('door');
  await endedAt(third, 'busy');
  await talking(page, panel);
  await page.press('hangup');
  await ended(page, panel, 'hangup');
  await panel.stop();
  await panel.start();
  await stays(panel, 'idle', 1_000);
}

async function noAnswer(street) {
  const panel = await street.panel();
  const page = await street.page('anna', { query: { ring: 3 } });
  await page.call('door');
  await panel.phase('ringing');
  await stays(panel, 'ringing', 1_500);
  await ended(page, panel, 'no_answer', 5_000);
}

/** The cancel and the accept cross each other, in both directions: the inviter decides. */
async function cancelMeetsAccept(street) {
  const wire = await street.wire();
  const panel = await street.ownPanel({ wire });
  const page = await street.page();
  wire.edit((envelope) => envelope.type === 'accept' && sleep(HELD_MS));

  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await page.press('hangup');
  await ended(page, panel, 'cancelled');

  await panel.press('call', 'anna');
  await page.phase('ringing');
  await page.press('accept-video');
  await panel.press('hangup');
  await ended(page, panel, 'cancelled');
  await sleep(HELD_MS);
  await Promise.all([stays(page, 'idle', 1_000), stays(panel, 'idle', 1_000)]);
}

/** The caller changes their mind before the invite has arrived, in both directions: nobody is left ringing. */
async function cancelBeforeRinging(street) {
  const wire = await street.wire();
  const panel = await street.ownPanel({ wire });
  const page = await street.page();
  wire.edit((envelope) => envelope.type === 'invite' && sleep(HELD_MS));

  await page.call('door');
  await page.phase('inviting');
  await page.press('hangup');
  await sleep(HELD_MS);
  await ended(page, panel, 'cancelled');

  await panel.press('call', 'anna');
  await panel.press('hangup');
  await sleep(HELD_MS);
  await ended(page, panel, 'cancelled');
  await Promise.all([stays(page, 'idle', 1_000), stays(panel, 'idle', 1_000)]);
}

async function both(street) {
  return Promise.all([street.panel(), street.page()]);
}

export default [
  { name: 'rejected by the panel', run: panelRejects },
  { name: 'rejected by the browser', run: browserRejects },
  { name: 'busy', run: busy },
  { name: 'no answer', run: noAnswer },
  { name: 'cancelled while accept is on its way', run: cancelMeetsAccept },
  { name: 'cancelled before it rings', run: cancelBeforeRinging },
];
