// Group calls of pages: everybody is seen by everybody, a call between two grows, who left joins again.

import assert from 'node:assert/strict';

import { until } from '../process.mjs';

/** Four pages on shared cores take their time to connect with each other. */
const CONNECTS_MS = 30_000;
/** The camera's picture is this wide; to a page that shows several it is half as wide. */
const SMALL_WIDTH = 320;

/** What a page sees of the others: `{user: {state, moves}}`, and the width of what it sends on each link. */
function look(page) {
  return page.tab.evaluate(async () => {
    const { peers } = window.callbox.view;
    const videoOf = ({ user, device }) => document.querySelector(`.tile[data-key="${user}/${device}"] video`) ?? document.querySelector('[data-testid=remote-video]');
    const reports = (await window.callbox.stats()).flat();
    const sent = reports.filter(({ type, kind }) => type === 'outbound-rtp' && kind === 'video').map(({ frameWidth }) => frameWidth ?? 0);
    return { peers: Object.fromEntries(peers.map(({ device, state }) => [device.user, { state, frames: videoOf(device).getVideoPlaybackQuality().totalVideoFrames }])), sent };
  });
}

/** This page talks with exactly these users, and the picture of each of them moves. */
async function sees(page, users) {
  let before = {};
  await until(`${page.name} sees ${users.join(', ')}`, async () => {
    const { peers } = await look(page);
    const found = Object.entries(peers);
    const moves = found.every(([user, { state, frames }]) => state === 'talking' && frames > (before[user]?.frames ?? Infinity));
    before = peers;
    if (moves && found.length === users.length && users.every((user) => peers[user])) return true;
    throw new Error(JSON.stringify(peers));
  }, { ms: CONNECTS_MS });
}

/** Each of these pages sees all the others. */
function allSee(pages) {
  const userOf = ({ name }) => name.split('/')[0];
  return Promise.all(pages.map((page) => sees(page, pages.filter((other) => other !== page).map(userOf))));
}

async function add(page, user) {
  await page.press('people');
  await page.press('sheet-add');
  await page.press(`pick-${user}`);
  await page.tab.locator('#add-submit').click();
  await page.press('sheet-close');
}

async function grows(street) {
  const users = ['anna', 'ben', 'carl', 'dora'];
  const [anna, ben, carl, dora] = await Promise.all(users.map((user) => street.other(user)));
  await anna.call('ben');
  await ben.phase('ringing');
  await ben.accept();
  await Promise.all([anna.phase('talking'), ben.phase('talking')]);
  await add(ben, 'carl');
  await carl.phase('ringing');
  await carl.accept();
  await allSee([anna, ben, carl]);
  await add(carl, 'dora');
  await dora.phase('ringing');
  await dora.accept();
  await allSee([anna, ben, carl, dora]);
  await until('anna sends small pictures', async () => {
    const { sent } = await look(anna);
    if (sent.length === 3 && sent.every((width) => width > 0 && width <= SMALL_WIDTH)) return true;
    throw new Error(`widths ${sent}`);
  }, { ms: CONNECTS_MS });
  await anna.hangup();
  await anna.phase('idle');
  await allSee([ben, carl, dora]);
  await anna.press('join');
  await allSee([anna, ben, carl, dora]);
  await Promise.all([anna, ben, carl].map((page) => page.hangup()));
  await dora.phase('idle');
  assert.equal(await dora.lastReason(), 'hangup');
}

/** The panel talks with exactly so many others, hears somebody, and shows moving pictures. */
function talksWith(door, count) {
  return until(`the door talks with ${count}`, async () => {
    const { view, media } = await door.status();
    const peers = view.call?.peers ?? [];
    const links = media.links.filter(({ video_frames: frames }) => frames > 0);
    if (peers.length === count && peers.every(({ state }) => state === 'talking') && links.length === count) return true;
    throw new Error(JSON.stringify({ peers, shown: links.length }));
  }, { ms: CONNECTS_MS });
}

/** A panel rings two pages as a group; it leaves, the pages go on, and it joins again. */
async function panelAndPages(street) {
  const door = await street.door();
  const [anna, ben] = await Promise.all(['anna', 'ben'].map((user) => street.other(user)));
  await door.press('call', 'anna', 'ben', '--group');
  for (const page of [anna, ben]) {
    await page.phase('ringing');
    await page.accept();
  }
  await Promise.all([talksWith(door, 2), sees(anna, ['ben', 'door']), sees(ben, ['anna', 'door'])]);
  await door.hangup();
  await door.phase('idle');
  await allSee([anna, ben]);
  await door.press('join');
  await Promise.all([talksWith(door, 2), sees(anna, ['ben', 'door']), sees(ben, ['anna', 'door'])]);
  await Promise.all([anna.hangup(), ben.hangup()]);
  await door.phase('idle');
  const { record } = await door.status();
  assert.deepEqual([record.kind, record.parties.length], ['group', 2]);
}

const panels = 'several pages are needed: a panel shows no tiles';
const unknown = 'the broker of this transport knows neither carl nor dora';

export default [
  { name: 'a panel and two pages talk as a group', run: panelAndPages, seconds: 120, nightly: true, notOver: { mqtt: panels } },
  { name: 'a call of two pages grows to four', run: grows, seconds: 180, nightly: true, notOver: { mqtt: panels, gateway: unknown } },
];
