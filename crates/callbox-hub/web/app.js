// Wires the parts: what happens goes into the station, what it decides goes to signalling, links, media and view.

import { Capture, WakeLock } from './media.js';
import { Door } from './door.js';
import { Links } from './links.js';
import { noticesOf } from './notices.js';
import { Notifier } from './notify.js';
import { Rung } from './rung.js';
import { makeId, Signaling } from './signaling.js';
import { Station } from './station.js';
import { Store } from './store.js';
import { Tones } from './tones.js';
import { View } from './view.js';
import { doorWords, ending, isMissed, nameOf, refusal } from './words.js';

const query = new URLSearchParams(location.search);
const SETTINGS = {
  relay: query.get('relay') === '1',
  codec: ['h264', 'vp8'].includes(query.get('codec')) ? query.get('codec') : null,
  ring: Math.min(600, Math.max(1, Number(query.get('ring')) || 30)) * 1_000,
};
/** How long a word about the end of a call stays. */
const ENDED_MS = { brief: 4_000, long: 12_000 };
const EPOCH = performance.timeOrigin;

const store = new Store();
const view = new View((name, detail) => wish(name, detail));
const tones = new Tones();
const wakeLock = new WakeLock();
const notifier = new Notifier();
const rung = new Rung(store);
const links = new Links({ settings: SETTINGS, tell: (link, event, more) => feed({ type: 'link', link, event, ...more }) });
const capture = new Capture((tracks) => captured(tracks));

let credentials = null;
let station = null;
let door = null;
let signaling = null;
let timer = null;
let dismissal = null;
let painting = false;
const model = fresh();

function fresh() {
  return {
    me: '', line: 'off', presence: new Map(), recent: [], ended: null, reason: null, blocked: null, stream: null,
    capture: null, facing: 'user', cameras: 1, mayAsk: false, timing: {},
  };
}

// ---- the loop: one input, then everything that follows from it ----

function feed(input) {
  if (!station) return;
  const effects = station.handle(performance.now(), input);
  for (const effect of [...effects, ...door.handle(performance.now(), input, station.view())]) carryOut(effect);
  clearTimeout(timer);
  const deadline = Math.min(station.deadline() ?? Infinity, door.deadline() ?? Infinity);
  if (deadline < Infinity) timer = setTimeout(() => feed({ type: 'tick' }), Math.max(0, deadline - performance.now()) + 1);
  paint();
}

function carryOut(effect) {
  switch (effect.do) {
    case 'send': return signaling.send(effect.to, effect.message);
    case 'prepare': return prepare(effect.media);
    case 'release': return release();
    case 'open': return links.open(effect.link, effect.media, effect.offerer);
    case 'offer': case 'answer': case 'candidate': return links.heard(effect.link, effect.do, effect);
    case 'gate': return links.gate(effect.link, effect.flow);
    case 'close': return links.close(effect.link);
    case 'use': return use(effect.link);
    case 'tone': return tones.play(effect.tone);
    case 'record': return ended(effect.record);
    default: return undefined;
  }
}

function prepare(media) {
  model.ended = null;
  model.reason = null;
  capture.want({ audio: true, video: media === 'video' });
}

function release() {
  capture.release();
  links.send({ audio: null, video: null });
  model.capture = null;
  model.facing = 'user';
}

async function captured(tracks) {
  model.capture = tracks;
  links.send(tracks);
  feed({ type: 'capture', audio: Boolean(tracks.audio), video: Boolean(tracks.video) });
  const devices = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  model.cameras = devices.filter(({ kind }) => kind === 'videoinput').length;
  paint();
}

/** This link's picture and sound are the ones to show from now on. */
function use(link) {
  model.stream = link && links.stream(link);
  if (!link) return;
  view.remote.requestVideoFrameCallback?.(() => feed({ type: 'link', link, event: 'first_frame_shown' }));
}

function ended(record) {
  if (record.reason === 'busy' && record.direction === 'incoming') {
    model.recent = store.remember(model.me, { ...record, at: Date.now(), fresh: true });
    return;
  }
  const opened = door.opened(record.call);
  model.reason = record.reason;
  model.timing = record.timing;
  model.recent = store.remember(model.me, { ...record, opened, at: Date.now(), fresh: isMissed(record) });
  show({ ...record, opened });
}

function show(record) {
  model.ended = record;
  clearTimeout(dismissal);
  const brief = ['hangup', 'cancelled', 'rejected'].includes(record.reason) && !isMissed(record);
  dismissal = setTimeout(() => wish('dismiss'), brief ? ENDED_MS.brief : ENDED_MS.long);
}

// ---- what the hub says ----

function told(event) {
  switch (event.type) {
    case 'up':
      links.iceServers = event.iceServers;
      model.line = 'up';
      feed({ type: 'signaling', up: true });
      return ringOn(rung.back(model.me));
    case 'down':
      model.line = 'down';
      return feed({ type: 'signaling', up: false });
    case 'heard': return heard(event.from, event.message);
    case 'presence': return present(event);
    case 'missed': return missed(event);
    case 'result': return feed(event);
    case 'refused': return refused(event);
    default: return undefined;
  }
}

function heard(from, message) {
  rung.heard(from, message);
  feed({ type: 'heard', from, message });
}

/** What rang when this page went. */
function ringOn(invite) {
  if (invite) heard(invite.from, invite.message);
}

function present({ user, device, online }) {
  const devices = model.presence.get(user) ?? new Set();
  if (!device) devices.clear();
  else if (online) devices.add(device);
  else devices.delete(device);
  model.presence.set(user, devices);
  feed({ type: 'presence', user, device, online });
}

function missed({ call, caller, media, ago_ms: age }) {
  const record = { call, direction: 'incoming', media, caller, callees: [model.me], reason: 'no_answer', talked: 0, at: Date.now() - age, fresh: true };
  model.recent = store.remember(model.me, record);
  paint();
}

async function refused({ reason, code, text }) {
  if (reason === 'replaced') {
    model.line = 'off';
    model.blocked = { icon: 'leave', text: 'Callbox is open in another tab or window of this browser.', button: 'Use it here', wish: 'here' };
    feed({ type: 'pressed', action: 'leave' });
    return paint();
  }
  const expired = code === 70001 || reason === 'ticket_expired';
  if (expired && credentials.demo && (await enter(credentials.user))) return undefined;
  leave();
  return signIn(refusal({ reason, code, text }));
}

/** This device has its network back, or another one: what stood on the old one is of no use. */
function moved() {
  signaling?.renew();
  feed({ type: 'network' });
}

// ---- what the person wishes ----

function wish(name, detail = {}) {
  switch (name) {
    case 'enter': return enter(detail.user);
    case 'signout': return signOut();
    case 'here': return start(credentials);
    case 'allow': return allow();
    case 'sound': return paint();
    case 'call': return call(detail);
    case 'again': return again();
    case 'dismiss': return dismiss();
    case 'accept-video': return feed({ type: 'pressed', action: 'accept', media: 'video' });
    case 'accept-audio': return feed({ type: 'pressed', action: 'accept', media: 'audio' });
    case 'decline': return feed({ type: 'pressed', action: 'reject' });
    case 'hangup': return feed({ type: 'pressed', action: 'hangup' });
    case 'unlock': return feed({ type: 'pressed', action: 'unlock' });
    case 'mic': return feed({ type: 'pressed', action: 'microphone', on: !station.view().mic });
    case 'camera': return camera();
    case 'flip': return flip();
    default: return undefined;
  }
}

function call({ users, media }) {
  if (model.line !== 'up') return;
  feed({ type: 'pressed', action: 'call', users, media });
}

function again() {
  const { direction, caller, callees, media } = model.ended;
  call({ users: direction === 'incoming' ? [caller.user] : callees, media });
}

function dismiss() {
  clearTimeout(dismissal);
  model.ended = null;
  paint();
}

/** A camera that is off is given back, so that its lamp goes out. */
function camera() {
  const on = !(station.view().camera && model.capture?.video !== null);
  feed({ type: 'pressed', action: 'camera', on });
  capture.want({ audio: true, video: on });
}

async function flip() {
  model.facing = await capture.flip();
  paint();
}

async function allow() {
  await Capture.ask();
  await notifier.ask();
  await askState();
}

async function askState() {
  model.mayAsk = await Capture.mayAsk();
  paint();
}

// ---- sign in and out ----

async function enter(user) {
  const ticket = await store.demoTicket(user);
  if (!ticket) return signIn('That name can’t come in here. Use letters, digits, _ and -.'), false;
  credentials = { ...ticket, device: store.device, demo: true };
  store.keep(credentials);
  start(credentials);
  return true;
}

function start({ app, user, device, ticket }) {
  leave();
  Object.assign(model, fresh(), { me: user, line: 'connecting', recent: store.recent(user) });
  station = new Station({ me: { user, device }, ids: makeId, ring: SETTINGS.ring });
  const url = new URL('ws', document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = url.hash = '';
  door = new Door(makeId);
  signaling = new Signaling({ url: url.href, credentials: { app, user, device, ticket }, tell: told });
  signaling.start();
  askState();
}

function leave() {
  feed({ type: 'pressed', action: 'leave' });
  signaling?.stop();
  clearTimeout(timer);
  station = door = signaling = null;
}

function signOut() {
  leave();
  store.forget();
  credentials = null;
  signIn();
}

async function signIn(error = '') {
  view.signIn({ demo: await store.demoRuns(), user: store.lastUser, error });
}

// ---- paint ----

function paint() {
  if (painting || !station) return;
  painting = true;
  queueMicrotask(() => {
    painting = false;
    if (station) paintNow();
  });
}

function paintNow() {
  const now = performance.now();
  const shown = station.view();
  if (shown.state !== 'idle') model.timing = shown.timing;
  wakeLock.hold(['inviting', 'accepting', 'talking'].includes(shown.state));
  notifier.ringing(shown.state === 'ringing' ? { call: shown.call, text: `${nameOf(shown.caller.user)} is calling` } : null);
  announce(shown);
  view.paint({
    ...model, view: shown, door: door.view(), clock: now, now: EPOCH + now, notices: noticesOf(model, { audible: tones.audible, possible: Capture.possible }), own: model.capture?.video ?? null,
    contacts: [...model.presence].filter(([user]) => user !== model.me).map(([user, devices]) => ({ user, online: devices.size > 0 }))
      .sort((a, b) => b.online - a.online || a.user.localeCompare(b.user, undefined, { numeric: true })),
  });
}

let announced = '';
let announcedDoor = null;
function announce({ state, call: id, caller }) {
  const opens = door.view();
  if (opens && opens.phase !== announcedDoor && opens.phase !== 'shut') view.say(doorWords(opens));
  announcedDoor = opens?.phase;
  const mark = `${state} ${id}`;
  if (mark === announced) return;
  const was = announced.split(' ')[0];
  announced = mark;
  if (state === 'ringing') view.say(`${nameOf(caller.user)} is calling`);
  else if (state === 'talking') view.say('Connected');
  else if (state === 'idle' && was && model.ended) view.say(ending(model.ended).words);
}

// ---- the world ----

// The browser tells when it has no network at all, and some of them tell of another one.
addEventListener('online', () => moved());
let network = navigator.connection?.type;
navigator.connection?.addEventListener('change', () => {
  const { type } = navigator.connection;
  if (type !== network && type !== 'none') moved();
  network = type;
});
addEventListener('pagehide', () => {
  if (station) rung.goes(model.me, station.view());
  leave();
});
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
addEventListener('hashchange', () => boot());
document.addEventListener('visibilitychange', () => document.hidden || signaling?.probe());
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => {
    if (station?.view().state === 'idle' && model.recent.some((entry) => entry.fresh)) setTimeout(() => {
      model.recent = store.seen(model.me);
      paint();
    }, 3_000);
    setTimeout(paint, 100);
  });
}
view.remote.addEventListener('resize', paint);
view.remote.addEventListener('playing', paint);
setInterval(() => {
  const now = station?.view();
  if (now && now.state !== 'idle') view.tick(now, performance.now());
}, 250);
setInterval(paint, 30_000);

/** A read-only look inside, for tests and for people who look for a fault. */
Object.defineProperty(globalThis, 'callbox', {
  value: Object.freeze({
    get state() { return document.documentElement.dataset.state; },
    get call() { return station?.view().call ?? null; },
    get links() { return station?.view().links ?? []; },
    get endReason() { return model.reason; },
    get timing() { return { ...model.timing }; },
    get line() { return model.line; },
    get view() { return structuredClone(station?.view() ?? null); },
    get door() { return door?.view() ?? null; },
    stats: () => links.stats(),
  }),
});

function boot() {
  credentials = store.fromFragment() ?? store.credentials;
  if (credentials) start(credentials);
  else signIn();
}

boot();
