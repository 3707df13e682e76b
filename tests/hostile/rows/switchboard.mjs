// The hub between its users: one that sleeps, one that rings without end, names and devices that nobody has.

import assert from 'node:assert/strict';
import { setTimeout as pass } from 'node:timers/promises';

import { until } from '../../scenarios/process.mjs';
import { APP, STRANGER, STRANGER_PASSWORD } from '../../scenarios/transports/mqtt.mjs';

function invite(user, call, remaining = 30_000) {
  return {
    to: { user }, type: 'invite', call, kind: 'single', media: 'audio', callees: [user], remaining_ms: remaining, agent: 'browser', early: 'off',
  };
}

/** The hub's results to this client, by the id of what they answer. */
async function results(client, ids, ms = 10_000) {
  const told = () => new Map(client.heard.filter(({ type, re }) => type === 'result' && ids.includes(re)).map(({ re, code }) => [re, code]));
  await until('every message is answered', () => told().size === ids.length, { ms });
  return ids.map((id) => told().get(id));
}

async function sleepingSocket(lab) {
  const hub = await lab.hub();
  const door = await lab.client(hub, 'door', { agent: 'panel' });
  const asleep = await lab.client(hub, 'anna', { device: 'phone' });
  // Its socket stays open and takes what comes, as a sleeping phone's does; no program reads it.
  const [first] = await results(door, [door.send(invite('anna', 'c1'))]);
  assert.equal(first, 'ok');
  const awake = await lab.client(hub, 'anna', { device: 'phone' });
  const rings = await awake.next('invite');
  assert.equal(rings.call, 'c1');
  assert.ok(rings.remaining_ms <= 30_000);
  door.send({ to: { user: 'anna' }, type: 'cancel', call: 'c1', reason: 'answered_elsewhere' });
  // It sleeps through all of the next one, and wakes on the same socket.
  door.send(invite('anna', 'c2', 1_500));
  await pass(2_000);
  awake.send({ type: 'ping' });
  const missed = await awake.next('missed');
  assert.deepEqual([missed.call, missed.caller.user], ['c2', 'door']);
  assert.equal(asleep.heard.filter(({ type }) => type === 'missed').length, 0);
}

async function answered(lab) {
  const hub = await lab.hub();
  const door = await lab.client(hub, 'door', { agent: 'panel' });
  const phone = await lab.client(hub, 'anna', { device: 'phone' });
  door.send(invite('anna', 'c1', 1_000));
  const { from } = await phone.next('invite');
  phone.send({ to: from, type: 'ringing', call: 'c1', agent: 'browser', early: 'off', link: 0 });
  await door.next('ringing');
  await pass(1_500);
  const tablet = await lab.client(hub, 'anna', { device: 'tablet' });
  tablet.send({ type: 'ping' });
  await tablet.next('pong');
  assert.ok(!tablet.heard.some(({ type }) => type === 'missed'), 'a call that rang was not missed by the hub');
}

async function ringsWithoutEnd(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { ring: 10 });
  const mallory = await lab.client(hub, 'mallory');
  const ids = [];
  for (let n = 0; n < 40; n += 1) {
    ids.push(mallory.send(invite('door', `m${n}`, 1_000)));
    await pass(333);
  }
  const codes = await results(mallory, ids);
  const reached = codes.filter((code) => code === 'ok').length;
  assert.ok(reached >= 10 && reached <= 16, `10 at once, then one in 3 s: ${reached}`);
  assert.ok(codes.every((code) => ['ok', 'too_many'].includes(code)), codes.join(' '));
  assert.ok(await door.connected(), 'the panel is logged in');
  const status = await door.status();
  assert.equal(status.signaling.connects, 1, 'it was never thrown out');
  const anna = await lab.client(hub, 'anna');
  await pass(1_500);
  anna.send(invite('door', 'honest', 10_000));
  await anna.next('ringing');
}

async function invented(lab) {
  const hub = await lab.hub();
  const anna = await lab.client(hub, 'anna', { device: 'phone' });
  await anna.stop();
  const [mallory, door] = [await lab.client(hub, 'mallory'), await lab.client(hub, 'door', { agent: 'panel' })];
  // Invites to names that nobody has, and as many as may be to anna.
  const ids = [];
  for (let n = 0; n < 100; n += 1) ids.push(mallory.send(invite(`invented${n}`, `i${n}`, 500)));
  for (let n = 0; n < 70; n += 1) ids.push(mallory.send(invite('anna', `m${n}`)));
  const codes = await results(mallory, ids);
  assert.ok(codes.slice(100).filter((code) => code === 'queued').length <= 16, 'a share of what waits for anna');
  // Large messages to devices that nobody has.
  const offers = [];
  for (let n = 0; n < 90; n += 1) {
    offers.push(mallory.send({ to: { user: 'anna', device: `d${n}` }, type: 'offer', call: 'm', link: 1, sdp: 'x'.repeat(60_000) }));
  }
  const held = (await results(mallory, offers)).filter((code) => code === 'queued').length;
  assert.ok(held <= 8, `512 KiB of one sender: ${held}`);
  const own = await results(door, [
    door.send(invite('anna', 'c1')),
    door.send({ to: { user: 'anna', device: 'phone' }, type: 'hangup', call: 'c0', reason: 'hangup' }),
  ]);
  assert.deepEqual(own, ['queued', 'queued'], 'others have their share');
  const back = await lab.client(hub, 'anna', { device: 'phone' });
  back.send({ type: 'ping' });
  await back.next('pong');
  const calls = back.heard.filter(({ type }) => type === 'invite').map(({ call }) => call);
  assert.ok(calls.includes('c1'), calls.join(' '));
}

async function longList(lab) {
  const users = Array.from({ length: 1_200 }, (_, n) => `flat-${String(n).padStart(4, '0')}`);
  const hub = await lab.hub({ app: { users } });
  const anna = await lab.client(hub, 'flat-0000');
  const [refused] = await results(anna, [anna.send({ type: 'watch', users: ['*'] })]);
  assert.equal(refused, 'forbidden');
  const names = [];
  for (let after, page = 0; page < 20; page += 1) {
    anna.send({ type: 'list', after, limit: 200 });
    const listed = await anna.next('listed');
    names.push(...listed.users.map(({ user }) => user));
    if (!listed.after) break;
    after = listed.after;
  }
  assert.deepEqual(names, users);
  anna.send({ type: 'list', find: 'T-119' });
  const found = await anna.next('listed');
  assert.deepEqual(found.users.map(({ user }) => user), users.slice(1190));
}

async function chatter(lab) {
  const hub = await lab.hub();
  const anna = await lab.client(hub, 'anna');
  const ids = Array.from({ length: 300 }, () => anna.send({ type: 'ping' }));
  await until('every ping is answered', () => anna.heard.filter(({ type }) => type === 'pong').length === ids.length, { ms: 15_000 });
  assert.equal(anna.closed, null, 'read more slowly, not cut');
}

/** Accounts at the broker: one of another app, and a neighbour of the panel's own. */
function accounts(at) {
  return [
    { login: STRANGER, clientId: `${STRANGER}/panel`, password: STRANGER_PASSWORD },
    { login: `ben@${APP}`, clientId: `ben@${APP}/panel`, password: at.tickets.ben },
  ];
}

/** What `mosquitto_pub` says of these messages. */
async function publish(lab, at, { login, clientId, password }, topic, message, more = []) {
  const child = lab.child('mosquitto_pub', 'mosquitto_pub', [
    '-h', '127.0.0.1', '-p', String(at.broker.port), '-V', '5', '-d', '-q', '1',
    '-u', login, '-P', password, '-i', clientId, '-t', topic, '-m', message, ...more,
  ]);
  await until('mosquitto_pub has ended', () => !child.alive, { ms: 20_000 });
  return child.output;
}

/** The panel was never cut, and rings for a neighbour. */
async function untouched(lab, at, door) {
  const { signaling } = await door.status();
  assert.deepEqual([signaling.state, signaling.connects], ['up', 1]);
  const anna = await lab.panel(at, 'anna');
  await anna.call('door');
  await door.phase('ringing');
}

async function foreignClientId(lab) {
  const at = await lab.mqtt();
  const door = await lab.panel(at, 'door');
  for (const account of accounts(at)) {
    const said = await publish(lab, at, { ...account, clientId: `door@${APP}/panel` }, 'x', 'x');
    assert.match(said, /[Nn]ot authorized/, said);
  }
  await untouched(lab, at, door);
}

async function floodedInbox(lab) {
  const at = await lab.mqtt();
  const door = await lab.panel(at, 'door');
  const [stranger, ben] = accounts(at);
  const inbox = `callbox/1/${APP}/to/door@${APP}/from`;
  for (const from of [STRANGER, `door@${APP}`, `ben@${APP}`]) {
    assert.match(await publish(lab, at, stranger, `${inbox}/${from}`, 'x'), /RC:135/);
  }
  assert.match(await publish(lab, at, ben, `${inbox}/anna@${APP}`, 'x'), /RC:135/, 'in the name of another');
  const flood = () => publish(lab, at, ben, `${inbox}/ben@${APP}`, 'x'.repeat(60_000), ['--repeat', '300', '--repeat-delay', '0']);
  await flood();
  await untouched(lab, at, door);
  // While it is away, too: what waits for it is bounded, and it rings when it is back.
  await door.hangup();
  await door.stop();
  await flood();
  await door.start();
  await until('the door is logged in', () => door.connected(), { ms: 15_000 });
  const friend = await lab.panel(at, 'anna', { device: 'desk' });
  await friend.call('door');
  await door.phase('ringing', 15_000);
}

export default [
  {
    section: 'reached', name: 'a socket whose device is asleep', quick: true, run: sleepingSocket,
    tried: 'an invite into an open socket that nobody reads: it rings at the device that comes back, or is told as missed',
  },
  {
    section: 'reached', name: 'a device that rang', quick: true, run: answered,
    tried: 'ringing, and no missed call of it afterwards',
  },
  {
    section: 'fairness', name: 'a user who rings three times a second', seconds: 60, run: ringsWithoutEnd,
    tried: '40 invites to one panel: it stays logged in, and rings for somebody else',
  },
  {
    section: 'fairness', name: 'invented users and devices', quick: true, seconds: 40, run: invented,
    tried: '170 invites and 90 large messages to names nobody has: invites and messages of others are kept',
  },
  {
    section: 'fairness', name: 'more messages than allowed', quick: true, run: chatter,
    tried: '300 pings at once: all are answered, the session goes on',
  },
  {
    section: 'fairness', name: 'another account with my client id', seconds: 60, needs: ['mosquitto_pub', 'python3'], run: foreignClientId,
    tried: "an account of another app, and a neighbour's, with a panel's client id: refused, the panel is not cut and rings",
  },
  {
    section: 'fairness', name: 'a flood into my inbox', seconds: 90, needs: ['mosquitto_pub', 'python3'], run: floodedInbox,
    tried: 'from another app: refused; 300 messages of 60 kB from a neighbour, there and away: the panel rings for others',
  },
  {
    section: 'page', name: 'an app of 1200 users', quick: true, run: longList,
    tried: 'everybody at once is refused; pages of names and a search are answered',
  },
];
