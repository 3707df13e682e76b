// What happens when the network goes: `node run.mjs [--bin DIR] [--json FILE] [--cut SECONDS] [--transport NAME] [--only WORDS]`.
// Two daemons with test pictures and tones, each in a network namespace, over a hub and over a broker. Needs root.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { noteSkip, required } from '../scenarios/required.mjs';
import { rows } from './rows.mjs';
import { enter, isInside, lay, obstacle } from './street.mjs';
import { Town } from './town.mjs';

const TRANSPORTS = ['websocket', 'mqtt'];

const { values: options } = parseArgs({
  options: {
    transport: { type: 'string', multiple: true, default: TRANSPORTS },
    bin: { type: 'string', default: resolve(import.meta.dirname, '../../target/release') },
    cut: { type: 'string', default: '60' },
    json: { type: 'string' },
    only: { type: 'string', multiple: true, default: [''] },
    short: { type: 'boolean', default: false },
  },
});

// Whoever interrupts it leaves no processes and no files behind: see what waits for `exit`.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.exitCode = isInside() ? await main() : start();

function start() {
  const why = obstacle();
  if (!why) return enter();
  console.log(`${required() ? 'FAIL' : 'SKIPPED'}: ${why}`);
  if (required()) return 1;
  noteSkip('network', why);
  return 0;
}

async function main() {
  const folder = await mkdtemp(join(tmpdir(), 'callbox-network-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  await lay();
  const cut = Number(options.cut) * 1_000;
  const done = [];
  console.log(`${'network'.padEnd(58)}${'result'.padEnd(8)}${'s'.padStart(6)}   ms from the return to the first frame on the new link`);
  for (const transport of options.transport) {
    const { Transport } = await import(`../scenarios/transports/${transport}.mjs`);
    for (const row of chosen()) done.push(await go(row, transport, new Town({ Transport, folder, bin: resolve(options.bin) }), cut));
  }
  const failed = done.filter(({ result }) => result !== 'ok').length;
  console.log(`${done.length - failed} passed, ${failed} failed`);
  if (options.json) {
    await mkdir(dirname(resolve(options.json)), { recursive: true });
    await writeFile(options.json, `${JSON.stringify({ cut_s: cut / 1_000, rows: done }, null, 2)}\n`);
  }
  return done.length && !failed ? 0 : 1;
}

function chosen() {
  return rows.filter((row) => options.only.some((words) => row.name.includes(words)) && (row.short || !options.short));
}

async function go(row, transport, town, cut) {
  const began = performance.now();
  const told = { name: row.name, transport, result: 'ok' };
  try {
    await town.open();
    Object.assign(told, await row.run(town, cut));
  } catch (error) {
    Object.assign(told, { result: 'FAIL', reason: error.message, tails: town.tails(40) });
  }
  await town.close();
  told.seconds = Number(((performance.now() - began) / 1_000).toFixed(1));
  print(told);
  return told;
}

function print({ name, transport, result, seconds, reason, ms, tails }) {
  console.log(`${`${transport}: ${name}`.padEnd(58)}${result.padEnd(8)}${seconds.toFixed(1).padStart(6)}   ${ms ? Object.entries(ms).map(([who, value]) => `${who} ${value}`).join(', ') : ''}`);
  if (reason) console.log(`    ${reason}`);
  for (const { name: who, lines } of tails ?? []) console.log([`    --- ${who}`, ...lines].join('\n    '));
}
