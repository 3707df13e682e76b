// What must not pass: media of a stranger, and media of somebody who has not picked up.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { isTone, TONES } from '../content.mjs';
import { endedAt, ended, stays, talking } from '../sight.mjs';
import { until } from '../process.mjs';

/** How long it rings with every link ready while nothing may pass. */
const WATCH_MS = 3_000;
const LOOK_MS = 150;

/** A link that cannot come up is tried again, but not in a flood. */
const MOST_OFFERS = 8;

/** Somebody between the two has changed the fingerprint that one of them reads (`way`: `in` the panel, `out` the page). */
function falseFingerprint(way, early) {
  return async (street) => {
    const wire = await street.wire();
    const panel = await street.ownPanel({ wire, early });
    const page = await street.page();
    let offers = 0;
    wire.edit((envelope, to) => {
      if (envelope.type === 'offer') offers += 1;
      if (to === way && envelope.sdp) envelope.sdp = envelope.sdp.replace(/(a=fingerprint:\S+ )(\S+)/g, (line, head, digits) => head + flip(digits));
    });
    await page.call('door');
    if (early === 'off') {
      await panel.phase('ringing');
      await panel.press('accept');
    }
    await ended(page, panel, 'media_failed', 20_000);
    assert.ok(offers <= MOST_OFFERS, `${offers} offers: links are tried again without a pause`);
    const { received, framesDecoded } = await page.carried();
    assert.deepEqual({ ...received, framesDecoded }, { audio: 0, video: 0, framesDecoded: 0 }, 'nothing reached the page');
    const { first_audio_ms: audio, first_frame_shown_ms: frame } = await panel.timing();
    assert.deepEqual({ audio, frame }, { audio: undefined, frame: undefined }, 'the panel let nothing through');
  };
}

/** Flips every hexadecimal digit. */
const flip = (digits) => digits.replace(/[0-9a-f]/gi, (digit) => (15 - parseInt(digit, 16)).toString(16).toUpperCase());

/** The page calls: before the panel picks up, the path is ready and nothing of the panel comes along it. */
async function panelNotHeardBeforeAccept(street) {
  const [panel, page] = await Promise.all([street.panel(), street.page()]);
  await page.call('door');
  await panel.phase('ringing');
  await secured(page, panel);
  await stays(panel, 'ringing', WATCH_MS);
  const { received, framesDecoded } = await page.carried();
  assert.deepEqual({ ...received, framesDecoded }, { audio: 0, video: 0, framesDecoded: 0 }, 'nothing reached the page');
  assert.equal(await page.hears(), null);
  await panel.press('accept');
  await talking(page, panel);
}

/** The panel calls: before the page picks up, nothing of the page comes to the panel. */
async function pageNotHeardBeforeAccept(street) {
  const [panel, page] = await Promise.all([street.panel(), street.page()]);
  await panel.press('call', 'anna');
  await page.phase('ringing');
  await secured(page, panel);
  await Promise.all([stays(page, 'ringing', WATCH_MS), nothingComes(panel, WATCH_MS)]);
  const { sent } = await page.carried();
  assert.deepEqual(sent, { audio: 0, video: 0 }, 'nothing left the page');
  await page.press('accept-video');
  await talking(page, panel);
}

/** The visitor's picture may be seen before anybody picks up, where the operator allows it; the callee's may not. */
async function preview(street) {
  const panel = await street.ownPanel({ early: 'preview' });
  const page = await street.page();
  await panel.press('call', 'anna');
  await page.phase('ringing');
  await until('the page shows who is at the door', async () => (await page.frame()) !== null);
  const { sent } = await page.carried();
  assert.deepEqual(sent, { audio: 0, video: 0 }, 'nothing left the page');
  assert.equal(await page.hears(), null);
  await page.press('decline');
  await endedAt(panel, 'rejected');
}

/** For so long the panel shows no picture of a browser and plays no tone of one. */
async function nothingComes(panel, ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    assert.equal(await panel.frame(), null, 'a picture of the page');
    assert.equal(isTone(await panel.hears(), TONES.browser), false, 'the tone of the page');
    await sleep(LOOK_MS);
  }
}

async function secured(page, panel) {
  await until('the page’s link is up', async () => (await page.carried()).connected > 0);
  await until('the panel’s link is up', () => panel.secured());
}

export default [
  { name: 'false fingerprint, early connect', run: falseFingerprint('in', 'connect') },
  { name: 'false fingerprint, after accept', run: falseFingerprint('in', 'off') },
  { name: 'false fingerprint at the browser', run: falseFingerprint('out', 'off') },
  { name: 'panel not heard before accept', run: panelNotHeardBeforeAccept },
  { name: 'page not heard before accept', run: pageNotHeardBeforeAccept },
  { name: 'visitor previewed before accept', run: preview },
];
