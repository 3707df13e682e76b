// Child processes with an owner: started, heard, and ended by their own id.

import { execFile, spawn } from 'node:child_process';
import { createServer } from 'node:net';
import { promisify } from 'node:util';

const KEPT_LINES = 400;
const END_MS = 6_000;
/** Every child that runs: whatever happens here, none of them stays behind. */
const running = new Set();
process.on('exit', () => running.forEach((child) => child.kill('SIGKILL')));

/** One child process and the last lines it wrote. */
export class Child {
  #lines = [];
  /** What each stream has written of a line that is not ended. */
  #begun = new Map();
  #process;

  /** `settings` are those of `spawn`, such as `cwd` and `env`. */
  constructor(command, args, settings = {}) {
    this.#process = spawn(command, args, { ...settings, stdio: 'pipe' });
    // A child that has gone is noticed by its exit, not by what could not be written to it.
    this.#process.stdin.on('error', (error) => this.#keep(`standard input: ${error.message}`));
    for (const stream of [this.#process.stdout, this.#process.stderr]) this.#listen(stream);
    running.add(this.#process);
    this.exited = new Promise((done) => {
      this.#process.on('error', (error) => done(this.#keep(`not started: ${error.message}`)));
      this.#process.on('exit', (code, signal) => done(this.#keep(`exited: ${signal ?? code}`)));
    }).then(() => {
      running.delete(this.#process);
    });
  }

  /** Whether it still runs. */
  get alive() {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** Its process id. */
  get pid() {
    return this.#process.pid;
  }

  /** Sends it a signal, such as `SIGHUP`. */
  signal(name) {
    return this.#process.kill(name);
  }

  /** The last lines it wrote. */
  tail(count) {
    return this.#lines.slice(-count);
  }

  /** Everything that is kept of its output. */
  get output() {
    return [...this.#lines, ...this.#begun.values()].join('\n');
  }

  /** Types something. */
  type(text) {
    this.#process.stdin.write(text);
  }

  /** Asks it to end, and makes it end when it does not. */
  async stop() {
    if (!this.alive) return;
    this.#process.kill('SIGTERM');
    const hard = setTimeout(() => this.#process.kill('SIGKILL'), END_MS);
    await this.exited;
    clearTimeout(hard);
  }

  /** Ends it as a power cut would. */
  async kill() {
    if (!this.alive) return;
    this.#process.kill('SIGKILL');
    await this.exited;
  }

  /** A carriage return ends a line as well: a live line is written over and over. */
  #listen(stream) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => {
      const lines = ((this.#begun.get(stream) ?? '') + text).split(/[\r\n]+/);
      this.#begun.set(stream, lines.pop());
      lines.forEach((line) => this.#keep(line));
    });
  }

  #keep(line) {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}

/** Runs a command to its end and returns what it printed; an exit status other than 0 is an error. */
export async function run(command, args, { ms = 20_000 } = {}) {
  const { stdout } = await promisify(execFile)(command, args, { timeout: ms });
  return stdout;
}

/** A TCP port of the loopback interface that nobody uses now. */
export function freePort() {
  return new Promise((found, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
}

/** Waits until `check` gives something true and returns it; says what was seen last when it does not come in time. */
export async function until(what, check, { ms = 10_000, every = 100 } = {}) {
  const end = performance.now() + ms;
  let last;
  for (;;) {
    try {
      const seen = await check();
      if (seen) return seen;
      last = seen;
    } catch (error) {
      if (error instanceof Settled) throw error;
      last = error.message;
    }
    if (performance.now() >= end) throw new Error(`not within ${ms} ms: ${what} (last: ${JSON.stringify(last)})`);
    await sleep(every);
  }
}

/** Gives what `work` gives; an error when that takes longer. */
export async function within(ms, what, work) {
  let timer;
  const late = new Promise((_, failed) => {
    timer = setTimeout(() => failed(new Error(`${what} took longer than ${ms / 1_000} s`)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** An error that no waiting can cure. */
export class Settled extends Error {}

/** Waits. */
export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
