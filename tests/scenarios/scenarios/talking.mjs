// Calls that are answered: who calls, with what, over which path.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { TONES } from '../content.mjs';
import { until } from '../process.mjs';
import { ended, hears, talking } from '../sight.mjs';
import { startTurn } from '../turn.mjs';

/** Longer than a link may be silent. */
const LIVENESS_MS = 8_000;
const A_WHILE_MS = 20_000;
const AT_ONCE_MS = 1_000;

/** A browser calls the panel; a person there presses the button. */
async function browserCallsPanel(street) {
  const [panel, page] = await both(street);
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
}

async function panelCallsBrowser(street) {
  const [panel, page] = await both(street);
  await panel.press('call', 'anna');
  await page.phase('ringing');
  await page.press('accept-video');
  await talking(page, panel);
}

/** A call in which nothing happens stays on its first link: liveness is not mistaken for silence. */
async function oneLink(street) {
  const [panel, page] = await both(street);
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  const links = await panel.links();
  await sleep(LIVENESS_MS);
  await talking(page, panel);
  assert.deepEqual(await panel.links(), links);
  assert.match(links.join(), /#1 with/);
}

/** A panel that has run for a while is not late: what reaches it is heard at once. */
async function heardAtOnce(street) {
  const [panel, page] = await both(street);
  await until('the panel has run for a while', async () => (await panel.uptime()) >= A_WHILE_MS, { ms: A_WHILE_MS });
  await page.call('door', 'audio');
  await panel.phase('ringing');
  await panel.press('accept');
  await until('sound reaches the panel', async () => (await panel.timing()).first_audio_ms !== undefined);
  await hears('it is heard at once', panel, TONES.browser, AT_ONCE_MS);
}

async function voiceOnly(street) {
  const [panel, page] = await both(street);
  await page.call('door', 'audio');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel, { pageSees: false, panelSees: false });
  const { received, sent } = await page.carried();
  assert.deepEqual({ received: received.video, sent: sent.video }, { received: 0, sent: 0 }, 'no picture travels');
}

async function noCamera(street) {
  const panel = await street.ownPanel({ camera: false });
  const page = await street.page();
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel, { pageSees: false });
}

/** Both sides may use the TURN server's addresses alone. */
async function relayOnly(street) {
  const turn = await startTurn(street.folder);
  street.adopt('turnserver', turn);
  const transport = await street.ownTransport({ turn });
  const panel = await street.ownPanel({ transport, relay: true });
  const page = await street.page('anna', { transport, query: { relay: 1 } });
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  const { pairs } = await page.carried();
  assert.ok(pairs.length > 0, 'a pair of candidates is selected');
  for (const pair of pairs) assert.deepEqual(pair, { local: 'relay', remote: 'relay' });
}

/** Both sides speak one video codec alone. */
function oneCodec(codec, mime) {
  return async (street) => {
    const panel = await street.ownPanel({ codec });
    const page = await street.page('anna', { query: { codec } });
    await page.call('door');
    await panel.phase('ringing');
    await panel.press('accept');
    await talking(page, panel);
    const { codecs } = await page.carried();
    assert.deepEqual(codecs.filter((name) => name.startsWith('video/')), [mime]);
    await page.press('hangup');
    await ended(page, panel, 'hangup');
  };
}

async function both(street) {
  return Promise.all([street.panel(), street.page()]);
}

export default [
  { name: 'browser calls panel', run: browserCallsPanel },
  { name: 'panel calls browser', run: panelCallsBrowser },
  { name: 'one link for the whole call', run: oneLink },
  { name: 'heard at once by a panel that has run long', run: heardAtOnce },
  { name: 'voice only', run: voiceOnly },
  { name: 'no camera on the panel', run: noCamera },
  { name: 'relay only', run: relayOnly, needs: ['turnserver'] },
  { name: 'VP8 only', run: oneCodec('vp8', 'video/VP8') },
  { name: 'H.264 only', run: oneCodec('h264', 'video/H264') },
];
