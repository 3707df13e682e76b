// A panel in a house where things are broken: addresses, disks, time zones, and callers who ring all night.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Child, until } from '../../scenarios/process.mjs';

/** Listens and never accepts: once its queue is full, the kernel drops what else knocks, as a broken router does. */
const SWALLOWS = `
import socket, sys, time
port = int(sys.argv[1])
listener = socket.socket(socket.AF_INET6)
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("::1", port)); listener.listen(0)
queue = []
for _ in range(4):
    knock = socket.socket(socket.AF_INET6); knock.setblocking(False); knock.connect_ex(("::1", port)); queue.append(knock)
time.sleep(0.2)
print("full", flush=True)
time.sleep(120)
`;

/** A name whose first address (IPv6) swallows packets and whose second (IPv4) is the server's; gives what starts a program that knows it. */
async function brokenName(lab, port) {
  const hosts = join(lab.folder, 'hosts');
  await writeFile(hosts, '127.0.0.1 localhost\n::1 house.test\n127.0.0.1 house.test\n');
  const hole = lab.child('hole', 'python3', ['-c', SWALLOWS, String(port)]);
  await until('the first address swallows packets', () => hole.output.includes('full'), { ms: 10_000 });
  return ['unshare', '--map-root-user', '--mount', 'sh', '-c', `mount --bind ${hosts} /etc/hosts && exec "$@"`, 'sh'];
}

async function webSocketByBrokenName(lab) {
  const hub = await lab.hub();
  const wrapper = await brokenName(lab, hub.port);
  const config = { signaling: { websocket: { url: `ws://house.test:${hub.port}/ws` } } };
  // It waits until the panel is connected.
  const door = await lab.panel(hub, 'door', { wrapper, config });
  const findings = await doctor(lab, door, wrapper);
  const told = findings.filter(({ subject }) => subject === 'hub');
  assert.ok(told.some(({ verdict }) => verdict === 'ok'), JSON.stringify(told));
  assert.ok(told.some(({ verdict, text }) => verdict === 'warn' && text.includes('[::1]')), JSON.stringify(told));
}

async function brokerByBrokenName(lab) {
  const broker = await lab.mqtt();
  const { port } = broker.broker;
  const wrapper = await brokenName(lab, port);
  await lab.panel(broker, 'door', { wrapper, config: { signaling: { mqtt: { brokers: [`mqtt://house.test:${port}`] } } } });
}

/** What `callbox doctor` finds. */
async function doctor(lab, panel, wrapper = []) {
  const [program, ...args] = [...wrapper, join(lab.bin, 'callbox'), 'doctor', '--json', '--config', panel.configFile];
  const child = lab.own('doctor', new Child(program, args));
  await child.exited;
  const line = child.output.split('\n').find((text) => text.startsWith('{"findings"'));
  return JSON.parse(line).findings;
}

async function lostTimeZone(lab) {
  const hub = await lab.hub();
  const door = await lab.panel(hub, 'door', { config: { do_not_disturb: { time_zone: 'Nowhere/At_All' } } });
  await until('the fault is shown', async () => (await door.status()).faults.includes('time zone'));
  const zone = (await doctor(lab, door)).find(({ subject }) => subject === 'time zone');
  assert.equal(zone?.verdict, 'warn');
  assert.match(zone.fix, /apt install .*tzdata-legacy/);
}

/** The invite of a stranger, who gives it up at once. */
async function ring(stranger, call) {
  stranger.send({
    type: 'invite', to: { user: 'door' }, call, kind: 'single', media: 'audio', callees: ['door'],
    remaining_ms: 10_000, agent: 'browser', early: 'off',
  });
  await stranger.next('reject', 5_000);
}

async function ringsWashRecords(lab) {
  const hub = await lab.hub();
  const file = join(lab.folder, 'calls.jsonl');
  const config = { callers: { allow: ['anna'] }, records: { path: file, max_entries: 10 } };
  const door = await lab.panel(hub, 'door', { config });
  const lines = async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(Boolean).map((line) => JSON.parse(line));
  await door.call('anna', 'audio');
  await door.phase('inviting');
  await door.hangup();
  await until('the own call is recorded', async () => (await lines()).some(({ direction }) => direction === 'outgoing'));
  // The hub lets one user ring the same one so often in a row, and no more.
  for (const user of ['mallory', 'eve', 'trudy']) {
    const stranger = await lab.client(hub, user);
    for (let n = 0; n < 8; n += 1) await ring(stranger, `${user}-${n}`);
  }
  await until('the last ring is recorded', async () => (await lines()).some(({ call }) => call === 'trudy-7'));
  const kept = await lines();
  assert.ok(kept.length <= 10, `${kept.length} records`);
  assert.ok(kept.some(({ direction }) => direction === 'outgoing'), 'the own call is still there');
}

async function fullDisk(lab) {
  const hub = await lab.hub();
  const disk = join(lab.folder, 'disk');
  const fill = `mkdir -p ${disk} && mount -t tmpfs -o size=16k none ${disk} && (cat /dev/zero > ${disk}/fill 2>/dev/null; true) && exec "$@"`;
  const wrapper = ['unshare', '--map-root-user', '--mount', 'sh', '-c', fill, 'sh'];
  const config = { callers: { allow: ['ben'] }, records: { path: join(disk, 'calls.jsonl') } };
  const door = await lab.panel(hub, 'door', { wrapper, config });
  const stranger = await lab.client(hub, 'anna');
  await ring(stranger, 'full-1');
  await until('the fault is shown', async () => (await door.status()).fault_texts.records?.includes('No space left'));
  // It rings all the same.
  const ben = await lab.client(hub, 'ben');
  ben.send({
    type: 'invite', to: { user: 'door' }, call: 'full-2', kind: 'single', media: 'audio', callees: ['door'],
    remaining_ms: 10_000, agent: 'browser', early: 'off',
  });
  await ben.next('ringing', 5_000);
}

export default [
  {
    section: 'infra', name: 'a hub whose name has an address that swallows packets', quick: true, seconds: 40,
    tried: 'IPv6 first, and nothing comes back; IPv4 works', needs: ['unshare', 'python3'], run: webSocketByBrokenName,
  },
  {
    section: 'infra', name: 'a broker whose name has an address that swallows packets', quick: true, seconds: 30,
    tried: 'IPv6 first, and nothing comes back; IPv4 works', needs: ['unshare', 'python3', 'mosquitto', 'mosquitto_passwd'],
    run: brokerByBrokenName,
  },
  {
    section: 'devices', name: 'a time zone that the system lacks', quick: true, seconds: 30,
    tried: 'do_not_disturb.time_zone names a zone whose package is not installed', run: lostTimeZone,
  },
  {
    section: 'fairness', name: 'rings that wash records away', quick: false, seconds: 40,
    tried: '24 refused invites of three strangers into a file of 10 records, after one call of its own', run: ringsWashRecords,
  },
  {
    section: 'devices', name: 'a disk that is full', quick: true, seconds: 30,
    tried: 'records on a file system without room', needs: ['unshare'], run: fullDisk,
  },
];
