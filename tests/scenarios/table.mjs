// Runs the rows one after the other and prints each as it ends.

import { writeFile } from 'node:fs/promises';

import { within } from './process.mjs';
import { noteSkip, required } from './required.mjs';

/** How long a row may take that does not say otherwise. */
const DEADLINE_S = 30;
const SWEEP_MS = 20_000;
const TAIL = 30;
/** The steps of a call's set-up, as its timing record names them, and their headings. */
const STEPS = { ringing_ms: 'ring', accept_ms: 'accept', ice_ms: 'ice', dtls_ms: 'dtls', first_audio_ms: 'audio', first_frame_shown_ms: 'frame' };

/** One run of the table. */
export class Table {
  #street;
  #transport;
  #others;
  #rows = [];

  /** `transport` is its name, `others` what everybody is that is not the door. */
  constructor(street, transport, others) {
    this.#street = street;
    this.#transport = transport;
    this.#others = others;
  }

  /** Prints what the columns mean. */
  head() {
    const steps = Object.values(STEPS).map((step) => step.padStart(7)).join('');
    const over = `over ${this.#transport}; anna is a ${this.#others}`;
    console.log(`${over.padEnd(44)}${'result'.padEnd(8)}${'s'.padStart(5)}   side   ${steps}   (ms since the invite)`);
  }

  /** Runs one scenario; `missing` names what this machine lacks for it. */
  async run(scenario, missing) {
    const started = performance.now();
    const row = { name: scenario.name, result: 'ok', timings: { anna: {}, door: {} } };
    const strange = scenario.notOver?.[this.#transport];
    if (strange) Object.assign(row, { result: 'n/a', reason: strange });
    else if (missing.length) Object.assign(row, { result: required() ? 'FAIL' : 'SKIPPED', reason: `not installed: ${missing.join(', ')}` });
    else {
      try {
        await within((scenario.seconds ?? DEADLINE_S) * 1_000, 'the scenario', scenario.run(this.#street));
        row.timings = await this.#street.timings();
      } catch (error) {
        Object.assign(row, { result: 'FAIL', reason: error.message, tails: this.#street.tails(TAIL) });
      }
      await this.#sweep(row);
    }
    if (row.result === 'SKIPPED') noteSkip(`scenario over ${this.#transport}: ${row.name}`, row.reason);
    row.seconds = Number(((performance.now() - started) / 1_000).toFixed(1));
    this.#rows.push(row);
    print(row);
    return row;
  }

  /** Prints what failed once more, for whoever sees only the end, and the closing line, writes the JSON, and tells whether everything held. */
  async close(file) {
    for (const { name, reason } of this.#rows.filter(({ result }) => result === 'FAIL')) console.log(`FAIL ${name}: ${reason}`);
    const count = (result) => this.#rows.filter((row) => row.result === result).length;
    console.log(`${count('ok')} passed, ${count('FAIL')} failed, ${count('SKIPPED')} skipped, ${count('n/a')} not applicable`);
    if (file) await writeFile(file, `${JSON.stringify({ transport: this.#transport, rows: this.#rows }, null, 2)}\n`);
    return this.#rows.length > 0 && count('FAIL') === 0;
  }

  async #sweep(row) {
    try {
      await within(SWEEP_MS, 'cleaning up', this.#street.sweep({ everything: row.result === 'FAIL' }));
    } catch (error) {
      if (row.result === 'ok') Object.assign(row, { result: 'FAIL', reason: `after it: ${error.message}`, tails: this.#street.tails(TAIL) });
      await within(SWEEP_MS, 'cleaning up', this.#street.sweep({ everything: true }));
    }
  }
}

function print(row) {
  const head = `${row.name.padEnd(44)}${row.result.padEnd(8)}${row.seconds.toFixed(1).padStart(5)}`;
  const sides = Object.entries(row.timings).filter(([, steps]) => Object.keys(steps).length);
  const lines = sides.map(([side, steps]) => `   ${side.padEnd(7)}${Object.keys(STEPS).map((step) => String(steps[step] ?? '–').padStart(7)).join('')}`);
  console.log(`${head}${lines[0] ?? ''}`);
  for (const line of lines.slice(1)) console.log(`${' '.repeat(head.length)}${line}`);
  if (row.reason) console.log(`    ${row.reason}`);
  for (const { name, lines: tail } of row.tails ?? []) console.log([`    --- ${name}`, ...tail].join('\n    '));
}
