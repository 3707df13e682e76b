// Callbox among attackers and other people's infrastructure: `node run.mjs [--bin DIR] [--json FILE] [--only WORDS]… [--section NAME]…
// [--quick]`. README.md tells how to write a row.

import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { enter, isInside, lay, obstacle } from '../network/street.mjs';
import { missing } from '../scenarios/programs.mjs';
import { World } from './lab.mjs';
import { Table } from './table.mjs';

const ROWS = join(import.meta.dirname, 'rows');
const CHROMIUM = process.env.CHROMIUM ?? 'chromium';

const { values: options } = parseArgs({
  options: {
    bin: { type: 'string', default: resolve(import.meta.dirname, '../../target/release') },
    json: { type: 'string' },
    only: { type: 'string', multiple: true, default: [''] },
    section: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    // What the run outside asks of the one inside the namespaces: write the results here.
    inside: { type: 'string' },
  },
});

// An interrupted run leaves no processes and no files behind: both are removed on `exit`.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
process.exitCode = isInside() ? await inside() : await outside();

async function outside() {
  const rows = await chosen();
  if (!rows.length) return refuse('no row is called like this');
  const absent = missing(['callbox', 'callbox-hub'], options.bin);
  if (absent.length) return refuse(`not built: ${absent.join(', ')} (make binaries, or --bin DIR)`);
  const folder = await ownFolder();
  const table = new Table();
  table.head();
  await runAll(table, folder, rows.filter(({ namespaces }) => !namespaces));
  const isolated = rows.filter(({ namespaces }) => namespaces);
  if (isolated.length) await runIsolated(table, folder, isolated);
  const { failed, results } = table.close();
  if (options.json) {
    await mkdir(dirname(resolve(options.json)), { recursive: true });
    await writeFile(options.json, `${JSON.stringify({ rows: results }, null, 2)}\n`);
  }
  return failed ? 1 : 0;
}

/** Rows in namespaces are run by this program, started again inside; where that cannot be, they are skipped. */
async function runIsolated(table, folder, rows) {
  const why = obstacle();
  if (why) return rows.forEach((row) => table.skip(row, why));
  const file = join(folder, 'inside.json');
  enter('--inside', file);
  const results = await readFile(file, 'utf8').then(JSON.parse, () => []);
  table.take(results);
  for (const row of rows.filter(({ name }) => !results.some((result) => result.name === name))) table.fail(row, 'the run inside the namespaces ended before it');
}

async function inside() {
  const folder = await ownFolder();
  await lay();
  const table = new Table();
  await runAll(table, folder, (await chosen()).filter(({ namespaces }) => namespaces));
  await writeFile(options.inside, JSON.stringify(table.results));
  return 0;
}

async function runAll(table, folder, rows) {
  const world = new World({ bin: resolve(options.bin), folder });
  try {
    for (const row of rows) await table.run(row, world, missing([...(row.needs ?? []), ...(row.browser ? [CHROMIUM] : [])]));
  } finally {
    await world.close();
  }
}

/** The rows that were asked for, by the names of their files and in the order they are written. */
async function chosen() {
  const files = (await readdir(ROWS)).filter((name) => name.endsWith('.mjs')).sort();
  const all = (await Promise.all(files.map(async (name) => (await import(join(ROWS, name))).default))).flat();
  return all.filter(({ name, section, tried, quick }) =>
    options.only.some((words) => `${name} ${tried}`.includes(words)) && (options.section?.includes(section) ?? true) && (quick || !options.quick));
}

async function ownFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'callbox-hostile-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function refuse(text) {
  console.error(`hostile: ${text}`);
  return 2;
}
