// The states that are looked at: each is a model of the page as `view.js` paints it, as plain data.

const device = (user, name = 'phone') => ({ user, device: name });
const USERS = ['anna', 'ben', 'front-door', 'flat-3', 'maria-luisa', 'grandma'];
const NOW = 90_000;
const me = 'cleo';
const contacts = [...USERS, 'janitor', 'back-door'].map((user, n) => ({ user, online: n < 5, known: true }));
const recent = [
  { call: 'r1', kind: 'group', direction: 'outgoing', media: 'video', caller: device(me), callees: ['anna', 'ben', 'flat-3'], reason: 'hangup', talked: 754_000, at: NOW - 120_000 },
  { call: 'r2', direction: 'incoming', media: 'video', caller: device('front-door'), callees: [me], reason: 'no_answer', talked: 0, at: NOW - 480_000, fresh: true },
];

function model(view, more = {}) {
  const people = { scope: 'all', search: null, contacts };
  return { me, line: 'up', recent, ended: null, reason: null, notices: [], capture: { audio: true, video: true }, facing: 'user', cameras: 2, elsewhere: false, said: null, door: null, clock: NOW, now: NOW, people, view, ...more };
}

const idle = (more) => model({ state: 'idle', call: null, links: [], parties: [], timing: {}, ...more });
const base = { call: 'c', direction: 'outgoing', media: 'video', caller: device(me), mic: true, camera: true, since: 0, links: [{ connected: true }], parties: [], timing: {}, waiting: [], rings: true, lost: false, still: null };

/** A one-to-one call. */
const single = (state, more = {}, extra = {}) => model({ ...base, state, callees: ['anna'], peer: state === 'talking' ? device('anna') : null, remote: { audio: true, video: true }, early: 'off', ...more }, { picture: true, ...extra });

/** A group of `count` others. Of six, each shows another mark. */
function group(count, more = {}, extra = {}) {
  const users = USERS.slice(0, count);
  const peers = users.map((user, n) => ({ device: device(user), state: 'talking', audio: n !== 1, video: n !== 2 || count < 4, speaking: n === 0, ...extra.peer?.[n] }));
  const roster = [...users.map((user) => ({ user, state: 'joined' })), ...(extra.roster ?? [])];
  return model({ ...base, state: 'talking', kind: 'group', callees: users, peers, roster, may_add: count < 5, peer: null, ...more }, extra);
}

const EVERYBODY = [
  { user: 'maria-luisa', state: 'ringing' }, { user: 'janitor', state: 'declined' }, { user: 'flat-7', state: 'busy' }, { user: 'grandma', state: 'no_answer' },
  { user: 'back-door', state: 'offline' }, { user: 'flat-9', state: 'left' }, { user: 'flat-4', state: 'invited' },
];

/** Name → `{model, press}`: the steps of `press` are test ids, `long:` and `type:` among them. */
export const STATES = {
  'start': { model: idle() },
  'start-joinable': { model: idle({ joinable: { call: 'c9', users: ['anna', 'front-door'], media: 'video' } }) },
  'start-picking': { model: idle(), press: ['select', 'pick-anna', 'pick-ben', 'pick-flat-3'] },
  'start-long-press': { model: idle(), press: ['long:contact-ben'] },
  'single-ringing': { model: single('ringing', { direction: 'incoming', caller: device('anna') }, { picture: false }) },
  'single-inviting': { model: single('inviting', {}, { picture: false }) },
  'single-talking': { model: single('talking') },
  'single-growable': { model: single('talking', { may_add: true }) },
  'single-growable-sheet': { model: single('talking', { may_add: true }), press: ['people'] },
  'single-door': { model: single('talking', {}, { door: { phase: 'shut', code: null, state: null, tamper: false } }) },
  'single-silent': { model: single('talking', {}, { silent: true, door: { phase: 'shut', code: null, state: null, tamper: false } }) },
  'group-inviting': { model: group(3, { state: 'inviting', peers: [], roster: USERS.slice(0, 3).map((user) => ({ user, state: 'ringing' })) }) },
  'group-ringing': { model: group(3, { state: 'ringing', direction: 'incoming', caller: device('anna'), peers: [], early: 'off' }) },
  'group-waiting': { model: group(0, { peers: [], roster: [{ user: 'anna', state: 'ringing' }] }) },
  'group-1': { model: group(1) },
  'group-2': { model: group(2) },
  'group-3': { model: group(3) },
  'group-4': { model: group(4) },
  'group-5': { model: group(5) },
  'group-6': { model: group(6, {}, { peer: { 3: { state: 'lost' }, 4: { state: 'connecting' } } }) },
  'group-4-door': { model: group(4, {}, { door: { phase: 'shut', code: null, state: null, tamper: false } }) },
  'group-4-silent': { model: group(4, {}, { silent: true, door: { phase: 'shut', code: null, state: null, tamper: false } }) },
  'group-2-pinned': { model: group(2), press: ['pin-ben'] },
  'group-4-pinned': { model: group(4), press: ['pin-ben'] },
  'group-6-pinned': { model: group(6, {}, { peer: { 3: { state: 'lost' } } }), press: ['pin-anna'] },
  'sheet-roster': { model: group(2, {}, { roster: EVERYBODY }), press: ['people'] },
  'sheet-full': { model: group(5), press: ['people'] },
  'sheet-add': { model: group(2), press: ['people', 'sheet-add', 'pick-flat-3', 'pick-grandma'] },
};
