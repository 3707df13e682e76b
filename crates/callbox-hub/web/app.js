// Wires the parts: what a person, the hub, the browser and other tabs say goes to the session; what follows goes to the edges and the view.

import { Announcer } from './announce.js';
import { attempt } from './attempt.js';
import { clockFault, hubTime, ticketTimes } from './clocks.js';
import { demoRuns, demoTicket } from './demo.js';
import { Effects } from './effects.js';
import { lookInside } from './inside.js';
import { Links } from './links.js';
import { Capture, WakeLock } from './media.js';
import { noticesOf } from './notices.js';
import { Notifier } from './notify.js';
import { OriginQuestion } from './origin.js';
import { Session } from './session.js';
import { foreignOrigin, readLink, SignIn } from './signin.js';
import { makeId } from './signaling.js';
import { Store } from './store.js';
import { Tabs } from './tabs.js';
import { Tones } from './tones.js';
import { View } from './view.js';
import { nameOf, partner, refusal, waiting } from './words.js';

const query = new URLSearchParams(location.search);
const SETTINGS = {
  relay: query.get('relay') === '1',
  codec: ['h264', 'vp8'].includes(query.get('codec')) ? query.get('codec') : null,
  ring: Math.min(600, Math.max(1, Number(query.get('ring')) || 30)) * 1_000,
};
const EPOCH = performance.timeOrigin;
const TAB = makeId();

const store = new Store();
const view = new View((name, detail) => wish(name, detail));
const tones = new Tones();
const wakeLock = new WakeLock();
const notifier = new Notifier();
const announcer = new Announcer((text) => view.say(text));
const origin = new OriginQuestion({ base: document.baseURI, page: location.origin });
const links = new Links({ settings: SETTINGS, tell: (link, event, more) => feed({ type: 'link', link, event, ...more }) });
const capture = new Capture((tracks) => effects.captured(tracks));
const signIn = new SignIn({ store, start: (credentials) => begin(credentials) });
const model = { mayAsk: false, mayNotify: false, failed: null, ...fresh() };
/** What each device of a group call sends. */
const peers = { stream: (device) => links.streamOf(device), level: (device) => links.levelOf(device) };
const effects = new Effects({ model, store, links, capture, tones, view }, { session: () => session, painted: paint });

let session = null;
let tabs = null;
let painting = false;
/** What is done as soon as no call is left: another sign-in, or the sign-in page. */
let afterCall = null;

function fresh() {
  return {
    me: '', line: 'off', recent: [], ended: null, reason: null, stream: null, capture: null, facing: 'user', cameras: 1, timing: {},
    /** What stands in the way of a call, in words. */
    said: null, elsewhere: false, ice: [],
  };
}

const feed = (input) => session?.feed(input);

// ---- a sign-in begins ----

/** Logs in with these, unless another tab does so already. */
async function begin(credentials, { steal = false } = {}) {
  leave();
  Object.assign(model, fresh(), { me: credentials.user, line: 'connecting', recent: store.recent(credentials.user) });
  const { app, user, device } = credentials;
  const mine = (tabs = new Tabs({ key: `${app}/${user}/${device}`, id: TAB, told: fromTab, state: () => session?.view.state ?? 'idle' }));
  const other = steal ? null : await mine.other();
  if (mine !== tabs) return;
  if (other) return occupied(credentials, other);
  await mine.own({ steal });
  if (mine === tabs) run(credentials);
}

function run(credentials) {
  const url = new URL('ws', document.baseURI);
  url.protocol = url.protocol.replace('http', 'ws');
  url.search = url.hash = '';
  session = new Session({
    credentials, url: url.href, ring: SETTINGS.ring, store,
    edges: { carryOut: (effect) => effects.carryOut(effect), painted: paint, tell: told, pass: (message) => tabs?.pass(message) },
  });
  if (tabs.carried) session.carry(tabs.carried);
  session.start();
  askPermissions();
  paint();
}

/** Another tab of this browser runs this sign-in. */
function occupied(credentials, { state }) {
  view.elsewhere({ name: nameOf(credentials.user), state });
  tabs.wait();
}

function leave() {
  session?.stop();
  tabs?.close();
  session = tabs = afterCall = null;
}

/** Does it now, or when the call of now is over. */
function whenIdle(then) {
  if (session && session.view.state !== 'idle') afterCall = then;
  else then();
}

async function signInPage(error = '') {
  const demo = await demoRuns();
  if (!session) view.signIn({ demo, user: store.lastUser, error, lasting: store.lasting });
}

// ---- what the hub says of the sign-in ----

function told(event) {
  switch (event.type) {
    case 'up':
      Object.assign(model, { line: 'up', said: null, ice: links.use(event.iceServers) });
      if (event.again) return paint();
      signIn.welcomed();
      return linkIsRead();
    case 'down':
      model.line = 'down';
      return paint();
    case 'missed': return missed(event);
    case 'unreached': return unreached(event.times);
    case 'waits': return waits(event);
    case 'refused': return refused(event);
    default: return undefined;
  }
}

async function unreached(times) {
  const here = session;
  const text = await origin.unreached(times);
  if (text === undefined || here !== session || model.line === 'up') return;
  model.said = text && { kind: 'origin', text };
  paint();
}

function missed({ call, caller, media, ago_ms: age }) {
  // What this page knows of the call itself counts.
  if (store.recent(model.me).some((entry) => entry.call === call)) return;
  const record = { call, direction: 'incoming', media, caller, callees: [model.me], reason: 'no_answer', talked: 0, at: Date.now() - age, fresh: true };
  model.recent = store.remember(model.me, record);
  paint();
}

/** The hub sends us away, and we ask again: it says why. */
async function waits({ reason, code, text }) {
  const here = session;
  const { demo, user } = here.credentials;
  if (demo && (code === 70001 || reason === 'ticket_expired')) {
    const ticket = await demoTicket(user);
    if (here !== session) return;
    if (ticket) {
      const renewed = { ...here.credentials, ...ticket };
      signIn.renewed(renewed);
      return here.renew(renewed);
    }
  }
  if (code === 70001 && signIn.hasOlder) return refused({ code, text: 'It has run out.' });
  model.line = 'waiting';
  const words = waiting({ reason, code, text, clock: await whoseClock(here, code) });
  if (here !== session || model.line === 'up') return;
  model.said = { kind: code === 70001 ? 'expired' : 'waiting', text: words };
  paint();
}

/** Which clock is wrong, when the hub refuses a ticket for its time. */
async function whoseClock({ credentials }, code) {
  if (code !== 70001 && code !== 70003) return null;
  const [times, hub] = await Promise.all([ticketTimes(credentials.ticket), hubTime(document.baseURI)]);
  const here = Date.now();
  return { fault: clockFault({ times, hub, here }), times, hub, here };
}

/** The hub refuses for good. A call goes on: media does not need the hub. */
function refused({ reason, code, text }) {
  model.line = 'off';
  session.cutOff();
  if (reason === 'replaced') return tabs.replaced(displaced());
  const words = refusal({ code, text });
  const before = signIn.refused();
  linkIsRead();
  return whenIdle(() => {
    if (!before) {
      leave();
      return signInPage(words);
    }
    model.failed = `That link doesn’t work. ${words} You are still signed in as ${nameOf(before.user)}.`;
    return signIn.restore();
  });
}

/** The same device is logged in by another session. Returns the call that goes on here, or null. */
function displaced() {
  Object.assign(model, { line: 'off', elsewhere: true, said: null });
  const call = session?.yield() ?? null;
  paint();
  return call;
}

// ---- what other tabs say ----

function fromTab(event) {
  switch (event.type) {
    case 'yield':
      tabs.wait();
      return displaced();
    case 'free': return session && !model.elsewhere ? undefined : whenIdle(() => signIn.credentials && begin(signIn.credentials));
    case 'carry': return session?.carry(event.call);
    case 'out': return whenIdle(() => signOut());
    default: return session?.passed(event);
  }
}

// ---- what the person wishes ----

const WISHES = {
  enter: ({ user }) => enter(user),
  link: ({ text }) => paste(text),
  signout: () => signOut(),
  here: () => whenIdle(() => begin(signIn.credentials, { steal: true })),
  other: () => whenIdle(() => signOut()),
  switch: () => whenIdle(() => signIn.answer(true)),
  stay: () => { signIn.answer(false); linkIsRead(); },
  ok: () => { model.failed = null; paint(); },
  allow: async () => { await Capture.ask(); askPermissions(); },
  notify: async () => { await notifier.ask(); askPermissions(); },
  sound: () => paint(),
  find: ({ name }) => session?.people.find(name),
  more: () => session?.people.more(),
  call: (detail) => call(detail),
  add: ({ users }) => press('add', { users }),
  join: ({ call: id }) => press('join', { call: id }),
  again: () => again(),
  dismiss: () => effects.dismiss(),
  'accept-video': () => press('accept', { media: 'video' }),
  'accept-audio': () => press('accept', { media: 'audio' }),
  decline: () => press('reject'),
  hangup: () => press('hangup'),
  unlock: () => press('unlock'),
  mic: () => press('microphone', { on: !session.view.mic }),
  camera: () => camera(),
  flip: async () => { model.facing = await capture.flip(); paint(); },
};

function wish(name, detail = {}) {
  return WISHES[name]?.(detail);
}

function press(action, more = {}) {
  feed({ type: 'pressed', action, ...more });
}

function call({ users, media, kind }) {
  if (model.line === 'up') press('call', { users, media, ...(kind && { kind }) });
}

function again() {
  const { kind, media, direction, caller, callees } = model.ended;
  const users = kind === 'group' ? partner(model.ended, model.me) : direction === 'incoming' ? [caller.user] : callees;
  call({ users, media, kind });
}

/** A camera that is off is given back, so that its lamp goes out. */
function camera() {
  const on = !(session.view.camera && model.capture?.video !== null);
  press('camera', { on });
  capture.want({ audio: true, video: on });
}

async function askPermissions() {
  model.mayNotify = Notifier.permission === 'default';
  model.mayAsk = await Capture.mayAsk();
  paint();
}

async function enter(user) {
  const ticket = await demoTicket(user);
  if (ticket) signIn.enter({ ...ticket, device: store.device, demo: true });
  else signInPage('That name can’t come in here. Use letters, digits, _ and -.');
}

function paste(text) {
  const elsewhere = foreignOrigin(text, location.origin);
  const link = readLink(text, store.device);
  if (elsewhere) signInPage(`This link belongs to ${elsewhere}. Open it there.`);
  else if (!link) signInPage('This isn’t a whole sign-in link. Copy all of it, up to its last character.');
  else signIn.enter(link);
}

function signOut() {
  // A tab that waits for this sign-in must not take it up again.
  if (signIn.credentials) tabs?.pass({ type: 'out' });
  signIn.signOut();
  leave();
  signInPage();
}

// ---- paint ----

function paint() {
  if (painting || !session) return;
  painting = true;
  queueMicrotask(() => {
    painting = false;
    if (session) paintNow();
  });
}

function paintNow() {
  const now = performance.now();
  const shown = session.view;
  if (shown.state === 'idle' && afterCall) {
    const then = afterCall;
    afterCall = null;
    return then();
  }
  if (shown.state !== 'idle') model.timing = shown.timing;
  wakeLock.hold(['inviting', 'accepting', 'talking'].includes(shown.state));
  notifier.ringing(shown.state === 'ringing' ? { call: shown.call, text: `${nameOf(shown.caller.user)} is calling` } : null);
  const door = session.door.view();
  announcer.tell(shown, door, model.ended);
  const notices = noticesOf({ ...model, offered: signIn.offered, lasting: store.lasting }, { tones, capturable: Capture.possible, connectable: Links.possible });
  return view.paint({ ...model, view: shown, door, clock: now, now: EPOCH + now, notices, own: model.capture?.video ?? null, people: session.people.view, peers });
}

// ---- the world ----

/** The sign-in of the address is in use, or answered: it leaves the address, unless this browser can keep it nowhere else. */
function linkIsRead() {
  if (store.lasting && !signIn.offered && location.hash) history.replaceState(null, '', location.pathname + location.search);
  paint();
}

// The browser tells when it has no network at all, and some of them tell of another one.
addEventListener('online', () => session?.moved());
attempt('the kind of network', () => {
  let network = navigator.connection?.type;
  navigator.connection?.addEventListener('change', () => {
    const { type } = navigator.connection;
    if (type !== network && type !== 'none') session?.moved();
    network = type;
  });
});
addEventListener('pagehide', () => {
  session?.goes();
  leave();
});
addEventListener('pageshow', ({ persisted }) => persisted && location.reload());
addEventListener('hashchange', () => {
  const link = readLink(location.hash, store.device);
  if (link) signIn.offer(link, session !== null && session.view.state !== 'idle');
  paint();
});
document.addEventListener('visibilitychange', () => document.hidden || session?.woke());
document.addEventListener('resume', () => session?.woke());
for (const event of ['pointerdown', 'keydown']) {
  addEventListener(event, () => {
    if (session?.view.state === 'idle' && model.recent.some((entry) => entry.fresh)) setTimeout(() => {
      model.recent = store.seen(model.me);
      paint();
    }, 3_000);
    setTimeout(paint, 100);
  });
}
view.remote.addEventListener('resize', paint);
view.remote.addEventListener('playing', paint);
setInterval(() => session && session.view.state !== 'idle' && view.tick(session.view, performance.now()), 250);
setInterval(paint, 30_000);

lookInside({ model, links, session: () => session });
if (!signIn.open(readLink(location.hash, store.device))) signInPage();
