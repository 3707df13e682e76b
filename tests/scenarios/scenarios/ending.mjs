// How a call that was answered ends, and what does not end it.

import { ended, endedAt, talking } from '../sight.mjs';
import { until } from '../process.mjs';

/** A peer has vanished after 6 s without media and 5 s without a device (docs/protocol.md); and a little for the checks. */
const VANISHED_MS = 12_000;

async function browserHangsUp(street) {
  const [page, panel] = await inCall(street);
  await page.press('hangup');
  await ended(page, panel, 'hangup');
}

async function panelHangsUp(street) {
  const [page, panel] = await inCall(street);
  await panel.press('hangup');
  await ended(page, panel, 'hangup');
}

async function pageReload(street) {
  const [page, panel] = await inCall(street);
  await page.reload();
  await Promise.all([panel.phase('idle'), page.phase('idle')]);
  await panel.press('call', 'anna');
  await page.phase('ringing');
  await page.press('decline');
  await ended(page, panel, 'rejected');
}

/** The transport is gone for a while: the two go on talking, and can still end it when it is back. */
async function transportKilled(street) {
  const transport = await street.ownTransport({});
  const panel = await street.ownPanel({ transport });
  const page = await street.page('anna', { transport });
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  await transport.crash();
  await until('the page has noticed', async () => !(await page.connected()));
  await talking(page, panel);
  await transport.restart();
  await until('the page is back', () => page.connected());
  await until('the panel is back', () => panel.connected());
  await talking(page, panel);
  await page.press('hangup');
  await ended(page, panel, 'hangup');
}

async function panelKilled(street) {
  const panel = await street.ownPanel({});
  const page = await street.page();
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  await panel.kill();
  await endedAt(page, 'network_lost', VANISHED_MS);
  await until('a person can read why', async () => (await page.words('ended-words'))?.includes('lost'));
}

/** The browser is gone without a word, as with an empty battery. */
async function browserGone(street) {
  const [page, panel] = await inCall(street);
  await page.crash();
  await endedAt(panel, 'network_lost', VANISHED_MS);
}

async function inCall(street) {
  const [panel, page] = await Promise.all([street.panel(), street.page()]);
  await page.call('door');
  await panel.phase('ringing');
  await panel.press('accept');
  await talking(page, panel);
  return [page, panel];
}

export default [
  { name: 'hung up by the browser', run: browserHangsUp },
  { name: 'hung up by the panel', run: panelHangsUp },
  { name: 'page reload in a call', run: pageReload },
  { name: 'transport killed in a call', run: transportKilled },
  { name: 'panel killed in a call', run: panelKilled },
  { name: 'browser gone in a call', run: browserGone },
];
