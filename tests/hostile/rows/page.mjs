// The page in a browser that withholds things, among other tabs, foreign links and hubs that send it away.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';

import { BarePage } from '../../scenarios/bare_page.mjs';
import { Page } from '../../scenarios/page.mjs';
import { sleep, until } from '../../scenarios/process.mjs';

/** How often a page pings the hub of these rows, in seconds. */
const HEARTBEAT_S = 5;
const id = () => randomBytes(16).toString('hex');

/** An invite to Anna, as a panel sends it. */
function invite(call, ms = 30_000) {
  return { to: { user: 'anna' }, type: 'invite', call, kind: 'single', media: 'video', callees: ['anna'], remaining_ms: ms, agent: 'panel', early: 'off' };
}

/** Text that a person can read at an element, once it is there. */
function shown(page, control, pattern, ms = 8_000) {
  return until(`${page.name} shows ${pattern}`, async () => {
    const text = await page.words(control);
    return text !== null && pattern.test(text);
  }, { ms });
}

/** A page of its own context where `script` runs before the page's own. */
async function preparedPage(lab, at, user, script, query = {}) {
  const page = await lab.emptyPage(user);
  await page.tab.addInitScript(script);
  await page.enter(await at.page(user, 'phone', query));
  return page;
}

/** Another tab of the same browser context. */
async function secondTab(lab, page, address) {
  const tab = lab.own('second tab', new Page(page.tab.context(), await page.tab.context().newPage(), 'second tab'));
  await tab.tab.goto(address);
  return tab;
}

async function freezes(lab) {
  const hub = await lab.hub({ server: { heartbeat_s: HEARTBEAT_S } });
  const page = await BarePage.open(lab, await hub.page('anna', 'phone'));
  const state = (wanted, ms) => until(`the page is ${wanted}`, async () => (await page.value('document.documentElement.dataset.state')) === wanted, { ms });
  await state('idle', 10_000);
  const door = await lab.client(hub, 'door', { agent: 'panel', device: 'panel' });
  await page.value('globalThis.froze = []; document.addEventListener("freeze", () => froze.push("freeze")); 1');
  await page.freeze();
  await sleep(HEARTBEAT_S * 2_200);
  const first = id();
  door.send(invite(first));
  await page.thaw();
  // The browser may have closed the socket meanwhile: the page is back at once, and the hub has kept the invite.
  await state('ringing', 3_000);
  assert.deepEqual(await page.value('froze'), ['freeze']);
  await door.next('ringing', 3_000);
  door.send({ to: { user: 'anna' }, type: 'cancel', call: first, reason: 'cancelled' });
  await state('idle', 3_000);
  // Decided while the page is frozen, and thawed past the deadline: what the other side says counts, not the late timer.
  const second = id();
  door.send(invite(second, 8_000));
  await state('ringing', 3_000);
  await door.next('ringing', 3_000);
  await page.freeze();
  const over = { type: 'cancel', call: second, reason: 'answered_elsewhere', by: { user: 'anna', device: 'tablet' } };
  door.send({ to: { user: 'anna' }, ...over });
  await sleep(11_000);
  await page.thaw();
  const again = await door.next(['ringing', 'reject'], 3_000).catch(() => null);
  if (again) door.send({ to: { user: 'anna', device: 'phone' }, ...over });
  await state('idle', 5_000);
  assert.deepEqual(door.heard.filter(({ type }) => type === 'reject'), []);
  assert.equal(await page.value('callbox.endReason'), 'answered_elsewhere');
}

async function sentAway(lab) {
  const hub = await lab.hub({ limits: { devices_per_user: 1 } });
  const other = await lab.client(hub, 'anna', { device: 'tablet' });
  const anna = await lab.emptyPage('anna/phone');
  await anna.tab.goto(await hub.page('anna', 'phone'));
  await shown(anna, 'notice-text', /tries again by itself/);
  await other.stop();
  await anna.phase('idle', 50_000);
}

async function takesOver(lab) {
  const hub = await lab.hub();
  const anna = await lab.page(hub, 'anna');
  const ben = await lab.page(hub, 'ben');
  await anna.call('ben');
  await ben.phase('ringing');
  await ben.accept();
  await Promise.all([anna.phase('talking'), ben.phase('talking')]);
  await until('sound passes', async () => (await ben.reached()).audio > 0);
  const tab = await secondTab(lab, anna, await hub.page('anna', 'phone'));
  await shown(tab, 'elsewhere', /A call goes on there/);
  assert.equal(await anna.connected(), true, 'it asks before it logs in');
  await tab.press('here');
  await tab.phase('idle');
  const before = (await ben.reached()).audio;
  // Long enough for what the other side would ask of a device that came back.
  await sleep(6_000);
  assert.deepEqual([await anna.phaseNow(), await ben.phaseNow()], ['talking', 'talking']);
  assert.ok((await ben.reached()).audio > before, 'the talk goes on');
  await anna.press('mic');
  await shown(ben, 'call-chips', /muted/);
  await anna.hangup();
  await ben.phase('idle', 3_000);
  assert.equal(await ben.lastReason(), 'hangup', 'the other side is told at once');
  await shown(anna, 'home', /open in another tab/);
  await tab.tab.close();
  await until('the first tab is back by itself', () => anna.connected(), { ms: 10_000 });
  const third = await secondTab(lab, anna, await hub.page('anna', 'phone'));
  await third.press('here');
  await third.phase('idle');
  await third.press('signout');
  await anna.tab.getByTestId('signin').waitFor();
}

async function replaced(lab) {
  const hub = await lab.hub();
  const anna = await lab.page(hub, 'anna');
  const ben = await lab.page(hub, 'ben');
  await anna.call('ben');
  await ben.phase('ringing');
  await ben.accept();
  await Promise.all([anna.phase('talking'), ben.phase('talking')]);
  await until('sound passes', async () => (await ben.reached()).audio > 0);
  await lab.client(hub, 'anna', { device: 'phone' });
  await until('the page is replaced', async () => !(await anna.connected()));
  await sleep(3_000);
  assert.deepEqual([await anna.phaseNow(), await ben.phaseNow()], ['talking', 'talking']);
  await ben.hangup();
  await anna.phase('offline', 20_000);
  await shown(anna, 'home', /open in another tab/);
}

async function ticketRunsOut(lab) {
  const hub = await lab.hub();
  const anna = await lab.emptyPage('anna/phone');
  const address = new URL(await hub.page('anna', 'phone'));
  const fragment = new URLSearchParams(address.hash.slice(1));
  fragment.set('ticket', await hub.ticket('anna', 8));
  address.hash = fragment;
  const ben = await lab.page(hub, 'ben');
  await anna.enter(address.href);
  await anna.call('ben');
  await ben.phase('ringing');
  await ben.accept();
  await anna.phase('talking');
  await until('the ticket has run out', async () => !(await anna.connected()), { ms: 15_000 });
  await sleep(2_000);
  assert.deepEqual([await anna.phaseNow(), await ben.phaseNow()], ['talking', 'talking']);
  await anna.hangup();
  await shown(anna, 'home', /Your sign-in ran out on/);
}

async function withoutCalls(lab) {
  const hub = await lab.hub();
  const anna = await preparedPage(lab, hub, 'anna', () => {
    delete globalThis.RTCPeerConnection;
  });
  const door = await lab.client(hub, 'door', { agent: 'panel', device: 'panel' });
  await shown(anna, 'home', /calls switched off/);
  const call = id();
  door.send({ ...invite(call), early: 'preview' });
  await door.next('ringing', 5_000);
  door.send({ to: { user: 'anna', device: 'phone' }, type: 'picture', call, jpeg: '/9j/4AAQSkZJRg==' });
  await anna.phase('ringing');
  await anna.press('accept-audio');
  door.send({ to: { user: 'anna', device: 'phone' }, type: 'confirm', call });
  await anna.phase('talking');
  await shown(anna, 'call-status', /Connecting/);
  await until('it says that media failed', async () => (await anna.lastReason()) === 'media_failed', { ms: 20_000 });
}

async function badIceServers(lab) {
  const hub = await lab.hub();
  const bad = ['stun:127.0.0.1:3478?transport=udp', 'turn:127.0.0.1', 'http://x', 'stun:', 7, 'turns:127.0.0.1:99999'];
  const anna = await lab.emptyPage('anna/phone');
  await anna.tab.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    server.onMessage((text) => {
      const message = JSON.parse(text);
      if (message.type === 'welcome') message.ice_servers = [...bad.map((url) => ({ urls: [url] })), { urls: ['stun:127.0.0.1:1'] }, null, 'x', {}];
      socket.send(JSON.stringify(message));
    });
  });
  await anna.enter(await hub.page('anna', 'phone'));
  const ben = await lab.page(hub, 'ben');
  await shown(anna, 'home', /server that can’t be used/);
  await anna.call('ben');
  await ben.phase('ringing');
  await ben.accept();
  await Promise.all([anna.phase('talking'), ben.phase('talking')]);
  await until('sound passes', async () => (await ben.reached()).audio > 0);
}

async function nothingKept(lab) {
  const hub = await lab.hub();
  const anna = await lab.emptyPage('anna/phone');
  await anna.tab.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB']) {
      Object.defineProperty(globalThis, name, { get() { throw new DOMException('blocked', 'SecurityError'); } });
    }
    Object.defineProperty(Navigator.prototype, 'locks', { get() { throw new DOMException('blocked', 'SecurityError'); } });
    Object.defineProperty(Notification, 'permission', { get() { throw new DOMException('blocked', 'SecurityError'); } });
    globalThis.BroadcastChannel = class { constructor() { throw new DOMException('blocked', 'SecurityError'); } };
    globalThis.AudioContext = class { constructor() { throw new DOMException('blocked', 'NotSupportedError'); } };
    HTMLCanvasElement.prototype.getContext = () => null;
  });
  await anna.enter(await hub.page('anna', 'phone'));
  await shown(anna, 'home', /keeps nothing/);
  await anna.restart();
  await anna.phase('idle');
  const door = await lab.client(hub, 'door', { agent: 'panel', device: 'panel' });
  door.send(invite(id()));
  await anna.phase('ringing');
}

async function freshStorage(lab) {
  const hub = await lab.hub();
  const anna = await lab.emptyPage('anna/phone');
  await anna.tab.goto(`http://127.0.0.1:${hub.port}/`);
  const paste = async (text) => {
    await anna.tab.getByTestId('signin-link').fill(text);
    await anna.press('link-submit');
  };
  await paste('https://elsewhere.example/#app=1&user=anna&ticket=x');
  await shown(anna, 'signin-error', /belongs to https:\/\/elsewhere\.example/);
  await paste('hello');
  await shown(anna, 'signin-error', /isn’t a whole sign-in link/);
  await paste(await hub.page('anna', 'phone'));
  await anna.phase('idle');
  await anna.restart();
  await anna.phase('idle');
}

async function largeHouse(lab) {
  const hub = await lab.hub({ app: { users: Array.from({ length: 1_200 }, (_, n) => `flat-${n}`).concat(['anna', 'ben']) } });
  const ben = await lab.client(hub, 'ben', { device: 'phone' });
  const anna = await lab.page(hub, 'anna');
  await shown(anna, 'nobody', /too many people to list/);
  await anna.tab.getByTestId('search-name').fill('ben');
  await anna.call('ben');
  await ben.next('invite', 5_000);
  const { call } = ben.heard.find(({ type }) => type === 'invite');
  ben.send({ to: { user: 'anna', device: 'phone' }, type: 'reject', call, reason: 'rejected' });
  await anna.phase('idle');
  await anna.tab.getByTestId('search-name').fill('');
  await shown(anna, 'contact-ben', /Here now/);
  await ben.stop();
  await anna.knowsAway('ben');
}

async function signInFromOutside(lab) {
  const hub = await lab.hub();
  const anna = await lab.page(hub, 'anna');
  const stored = () => anna.tab.evaluate(() => JSON.parse(localStorage.getItem('callbox.signin')).user);
  const open = async (address) => {
    await anna.tab.goto('about:blank');
    await anna.tab.goto(address);
  };
  await open(await hub.page('mallory', 'phone'));
  await anna.phase('idle');
  assert.equal(await anna.words('me'), 'Anna');
  await shown(anna, 'notice-switch', /sign this page in as Mallory/);
  await anna.restart();
  await anna.phase('idle');
  assert.equal(await stored(), 'anna');
  await anna.press('stay');
  assert.equal(new URL(anna.tab.url()).hash, '');
  // While the page is open.
  await anna.tab.evaluate((hash) => { location.hash = hash; }, new URL(await hub.page('mallory', 'phone')).hash);
  await shown(anna, 'notice-switch', /Mallory/);
  assert.equal(await anna.words('me'), 'Anna');
  await anna.press('stay');
  // A link that the hub refuses restores what was.
  const bad = new URL(await hub.page('mallory', 'phone'));
  bad.hash = bad.hash.replace('user=mallory', 'user=anna');
  await open(bad.href);
  await shown(anna, 'notice-ok', /still signed in as Anna/);
  await anna.phase('idle');
  assert.equal(await stored(), 'anna');
  // And one that the person wants is taken.
  await open(await hub.page('ben', 'phone'));
  await anna.press('switch');
  await until('it is Ben', async () => (await anna.words('me')) === 'Ben');
  await until('it is remembered', async () => (await stored()) === 'ben');
}

/** A reverse proxy that asks the hub by the hub's own name, so that the hub does not know its page again. */
async function carelessProxy(lab, hub) {
  const headers = (given) => ({ ...given, host: `127.0.0.1:${hub.port}` });
  const server = createServer((asked, answer) => {
    const onward = request({ port: hub.port, host: '127.0.0.1', path: asked.url, method: asked.method, headers: headers(asked.headers) }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    asked.pipe(onward);
  });
  server.on('upgrade', (asked, socket) => {
    const onward = connect(hub.port, '127.0.0.1', () => {
      const lines = Object.entries(headers(asked.headers)).map(([name, value]) => `${name}: ${value}`);
      onward.write(`GET ${asked.url} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
      onward.pipe(socket).pipe(onward);
    });
    for (const end of [onward, socket]) end.on('error', () => [onward, socket].forEach((each) => each.destroy()));
  });
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  lab.own('proxy', {
    tail: () => [],
    stop: () => new Promise((closed) => {
      server.close(closed);
      server.closeAllConnections();
    }),
  });
  return `http://127.0.0.1:${server.address().port}`;
}

async function originNotWelcome(lab) {
  const hub = await lab.hub();
  const origin = await carelessProxy(lab, hub);
  const anna = await lab.emptyPage('anna/phone');
  await anna.tab.goto(await hub.page('anna', 'phone', { origin }));
  await shown(anna, 'home', /can’t reach its hub.*does not accept pages of http:\/\/127\.0\.0\.1/, 15_000);
  await hub.configure({ server: { origins: [origin] } });
  hub.signal('SIGHUP');
  await anna.phase('idle', 30_000);
  assert.doesNotMatch(await anna.words('home'), /can’t reach its hub/);
}

async function addressesBeforeAccept(lab) {
  const hub = await lab.hub();
  const anna = await lab.page(hub, 'anna');
  const mallory = await lab.client(hub, 'mallory', { agent: 'panel', device: 'panel' });
  const call = id();
  mallory.send({ ...invite(call), early: 'preview' });
  const ringing = await mallory.next('ringing', 5_000);
  assert.equal(ringing.early, 'off');
  await sleep(1_500);
  assert.deepEqual(mallory.heard.filter(({ type }) => ['offer', 'answer', 'candidate'].includes(type)), []);
  mallory.send({ to: { user: 'anna' }, type: 'cancel', call, reason: 'cancelled' });
  await anna.phase('idle');
  const door = await lab.client(hub, 'door', { agent: 'panel', device: 'panel' });
  door.send({ ...invite(id()), early: 'preview' });
  assert.equal((await door.next('ringing', 5_000)).early, 'preview', 'the link names the door as a panel');
}

const row = (name, run, tried, more = {}) => ({ section: 'page', browser: true, name, run, tried, ...more });

export default [
  row('a page that is frozen', freezes, 'the browser freezes the page for two heartbeats while a door rings, and past the deadline of a call that is decided', { quick: true, seconds: 60 }),
  row('a hub that has no place', sentAway, 'a user with too many devices: the page waits and comes in when there is a place', { seconds: 75 }),
  row('a second tab in a talk', takesOver, 'the same sign-in in another tab, which asks, takes over, and carries the talk to its end', { quick: true, seconds: 60 }),
  row('replaced from another browser in a talk', replaced, 'the same device logs in elsewhere while the page talks', { seconds: 60 }),
  row('a ticket that runs out in a talk', ticketRunsOut, 'a ticket of eight seconds, and a talk that is longer', { seconds: 60 }),
  row('a browser without calls', withoutCalls, 'no RTCPeerConnection: it rings, shows, times and ends by itself', { seconds: 60 }),
  row('ICE servers that no browser takes', badIceServers, 'six unusable addresses and three that are none, and a call', { quick: true, seconds: 45 }),
  row('a browser that keeps nothing', nothingKept, 'storage, locks, channels, sound and canvas refuse: it signs in and rings', { quick: true }),
  row('opened with fresh storage', freshStorage, 'no sign-in: a link is pasted, three times', { quick: true }),
  row('more people than can be watched', largeHouse, '1202 users: the page says so, searches, calls and watches', { quick: true, seconds: 45 }),
  row('a sign-in from outside', signInFromOutside, 'links of another user, opened and set from outside, and one that the hub refuses', { quick: true, seconds: 60 }),
  row('an origin that the hub does not accept', originNotWelcome, 'a reverse proxy that hides the page’s host: the page shows the hub’s words, and comes in when the operator has mended it', { quick: true, seconds: 60 }),
  row('addresses before accept', addressesBeforeAccept, 'a stranger rings with early connect, then a panel that the link names', { quick: true, seconds: 45 }),
];
