// The scenario table: `node run.mjs --transport websocket [--bin DIR] [--json FILE] [--only NAME] [--quick] [--all] [--times N]`.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { CONTENT, makeContent } from './content.mjs';
import { launch } from './page.mjs';
import { missing } from './programs.mjs';
import { rows } from './scenarios/rows.mjs';
import { Street } from './street.mjs';
import { Table } from './table.mjs';

const TRANSPORTS = ['websocket', 'mqtt', 'gateway'];

const { values: options } = parseArgs({
  options: {
    transport: { type: 'string', default: 'websocket' },
    bin: { type: 'string', default: resolve(import.meta.dirname, '../../target/release') },
    json: { type: 'string' },
    quick: { type: 'boolean', default: false },
    all: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    times: { type: 'string', default: '1' },
  },
});

// Whoever interrupts it leaves no processes and no files behind: see what waits for `exit`.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.exitCode = await main();

async function main() {
  if (!TRANSPORTS.includes(options.transport)) return refuse(`--transport ${options.transport}: one of ${TRANSPORTS.join(', ')}`);
  const { Transport, rows: own = [] } = await import(`./transports/${options.transport}.mjs`);
  const all = [...rows, ...own];
  const chosen = choose(all);
  if (!chosen.length) return refuse(`--only ${options.only}: one of\n  ${all.map(({ name }) => name).join('\n  ')}`);
  const absent = [...missing(['gst-launch-1.0', ...Transport.needs]), ...missing(['callbox', 'callbox-hub'], options.bin)];
  if (absent.length) return refuse(`not there: ${absent.join(', ')} (make setup, cargo build --release)`);

  const folder = await mkdtemp(join(tmpdir(), 'callbox-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const chromium = Transport.others === 'browser' ? await launch(await makeContent(folder, CONTENT.anna)) : null;
  const street = new Street({ Transport, bin: resolve(options.bin), folder, chromium });
  const table = new Table(street, options.transport, Transport.others);
  table.head();
  try {
    for (const scenario of chosen) await table.run(scenario, missing(scenario.needs ?? []));
  } finally {
    await street.sweep({ everything: true });
    await chromium?.close();
  }
  if (options.json) await mkdir(dirname(resolve(options.json)), { recursive: true });
  return (await table.close(options.json)) ? 0 : 1;
}

/** The rows that were asked for, in the table's order; `--times` repeats them, by default the first one. */
function choose(rows) {
  const times = Number(options.times);
  const usual = options.all || options.only ? rows : rows.filter(({ nightly }) => !nightly);
  const all = options.quick ? rows.filter(({ quick }) => quick) : usual;
  const named = options.only ? all.filter(({ name }) => options.only.some((part) => name.includes(part))) : all;
  if (!(times > 1)) return named;
  return Array.from({ length: times }, () => (options.only ? named : all.slice(0, 1))).flat();
}

function refuse(text) {
  console.error(`scenarios: ${text}`);
  return 2;
}
