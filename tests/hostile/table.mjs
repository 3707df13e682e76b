// Runs the rows one after the other and prints each as it ends: section, what, tried, held.

import { within } from '../scenarios/process.mjs';
import { noteSkip, required } from '../scenarios/required.mjs';
import { Lab } from './lab.mjs';

/** How long a row may take that does not say otherwise, and how long the clean-up after any row. */
const DEADLINE_S = 30;
const CLOSE_MS = 20_000;
const TAIL = 30;
const WIDTHS = { section: 10, name: 52, result: 8, seconds: 6 };

/** One run of the table. */
export class Table {
  /** What became of each row: {section, name, tried, result, seconds, note, reason, tails}. */
  results = [];

  /** Prints what the columns mean. */
  head() {
    const { section, name, result, seconds } = WIDTHS;
    console.log(`${'section'.padEnd(section)}${'what'.padEnd(name)}${'held'.padEnd(result)}${'s'.padStart(seconds)}   tried`);
  }

  /** Runs one row; `missing` names what this machine lacks for it. */
  async run(row, world, missing) {
    if (missing.length) return this.skip(row, `not installed: ${missing.join(', ')}`);
    const began = performance.now();
    const outcome = { result: 'ok' };
    const lab = await Lab.open(world);
    const fail = (reason) => Object.assign(outcome, { result: 'FAIL', reason, tails: lab.tails(TAIL) });
    try {
      const note = await within((row.seconds ?? DEADLINE_S) * 1_000, 'the row', row.run(lab));
      if (typeof note === 'string') outcome.note = note;
    } catch (error) {
      fail(error.stack?.includes('/tests/hostile/rows/') ? `${error.message} (${place(error)})` : error.message);
    }
    try {
      await within(CLOSE_MS, 'cleaning up', lab.close());
    } catch (error) {
      if (outcome.result === 'ok') fail(`after it: ${error.message}`);
    }
    this.#note(row, { ...outcome, seconds: Number(((performance.now() - began) / 1_000).toFixed(1)) });
  }

  /** Notes that a row cannot run here; where everything has to run, that is a failure. */
  skip(row, reason) {
    if (required()) return this.fail(row, `cannot run here: ${reason}`);
    noteSkip(`hostile: ${row.name}`, reason);
    this.#note(row, { result: 'SKIPPED', reason });
  }

  /** Notes a failure of a row that did not come to run. */
  fail(row, reason) {
    this.#note(row, { result: 'FAIL', reason });
  }

  /** Takes over what another run of this program has printed already. */
  take(results) {
    this.results.push(...results);
  }

  /** Prints the failures once more, for whoever reads only the end, and the closing line. */
  close() {
    for (const { name, reason } of this.results.filter(({ result }) => result === 'FAIL')) console.log(`FAIL ${name}: ${reason}`);
    const count = (wanted) => this.results.filter(({ result }) => result === wanted).length;
    console.log(`${count('ok')} passed, ${count('FAIL')} failed, ${count('SKIPPED')} skipped`);
    return { failed: count('FAIL') > 0, results: this.results };
  }

  #note({ section, name, tried }, outcome) {
    const result = { section, name, tried, ...outcome };
    this.results.push(result);
    print(result);
  }
}

/** Where in its file a row has failed. */
function place(error) {
  return /rows\/[^:)]+:\d+/.exec(error.stack)[0];
}

function print({ section, name, tried, result, seconds, note, reason, tails }) {
  const time = seconds === undefined ? '' : seconds.toFixed(1);
  const head = `${section.padEnd(WIDTHS.section)}${name.padEnd(WIDTHS.name)}${result.padEnd(WIDTHS.result)}${time.padStart(WIDTHS.seconds)}`;
  console.log(`${head}   ${tried}${note ? ` → ${note}` : ''}`);
  if (reason) console.log(`    ${reason}`);
  for (const { name: who, lines } of tails ?? []) console.log([`    --- ${who}`, ...lines].join('\n    '));
}
