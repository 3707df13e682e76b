// A street of its own: a bridge with the hub or broker, and two houses, each in a network namespace at the end of a cable.

import { spawnSync } from 'node:child_process';

import { run } from '../scenarios/process.mjs';

/** Where the hub, or the broker, is. */
export const MIDDLE = '10.78.0.1';
const MARK = 'CALLBOX_NETWORK_STREET';
/** Where `ip netns` keeps names: a place of our own, so that none of them stays behind. */
const NAMES = '/run/netns';
const BITS = 24;
/** What a street of one's own takes: whatever is laid and started in it ends with it. */
const OWN = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];

/** Why this machine cannot have one, or null. */
export function obstacle() {
  if (process.env[MARK]) return null;
  const probe = `mkdir -p ${NAMES} && mount -t tmpfs street ${NAMES} && ip netns add probe`;
  const tried = spawnSync('unshare', [...OWN, 'sh', '-c', probe], { encoding: 'utf8' });
  if (tried.status === 0) return null;
  return `network namespaces cannot be made: ${(tried.error?.message ?? tried.stderr).trim()}`;
}

/** Runs this program in new namespaces, with more arguments; gives its exit status. */
export function enter(...more) {
  const done = spawnSync('unshare', [...OWN, process.execPath, ...process.argv.slice(1), ...more], {
    stdio: 'inherit', env: { ...process.env, [MARK]: '1' },
  });
  return done.status ?? 1;
}

/** Whether this program runs on a street of its own. */
export const isInside = () => Boolean(process.env[MARK]);

/** Lays the bridge. */
export async function lay() {
  await run('mkdir', ['-p', NAMES]);
  await run('mount', ['-t', 'tmpfs', 'street', NAMES]);
  await ip('link set lo up');
  await ip('link add bridge type bridge');
  await ip(`address add ${MIDDLE}/${BITS} dev bridge`);
  await ip('link set bridge up');
}

/** One house. Its cable is called `cable` inside. */
export class House {
  #last;

  /** Builds one and gives it an address. */
  static async build(name, last) {
    const house = new House(name, last);
    await ip(`netns add ${name}`);
    await ip(`link add ${name} type veth peer name cable netns ${name}`);
    await ip(`link set ${name} master bridge up`);
    await house.#inside('link set lo up');
    await house.#inside('link set cable up');
    await house.#inside(`address add ${house.address}/${BITS} dev cable`);
    return house;
  }

  constructor(name, last) {
    this.name = name;
    this.#last = last;
  }

  /** Its address now. */
  get address() {
    return `10.78.0.${this.#last}`;
  }

  /** What starts a program in it. */
  get wrapper() {
    return ['ip', 'netns', 'exec', this.name];
  }

  /** Its interface goes down. */
  down() {
    return this.#inside('link set cable down');
  }

  /** … and up. */
  up() {
    return this.#inside('link set cable up');
  }

  /** Its cable is pulled: the far end goes, and the carrier with it. */
  pull() {
    return ip(`link set ${this.name} down`);
  }

  /** … and put back. */
  plug() {
    return ip(`link set ${this.name} up`);
  }

  /** Something on the way breaks: nothing passes, and nobody here is told. */
  async block() {
    await ip(`link set ${this.name} nomaster`);
  }

  /** … and is mended. */
  async mend() {
    await ip(`link set ${this.name} master bridge`);
  }

  /** It gets another address in the place of its own. */
  async move() {
    const old = this.address;
    this.#last += 10;
    await this.#inside(`address del ${old}/${BITS} dev cable`);
    await this.#inside(`address add ${this.address}/${BITS} dev cable`);
  }

  #inside(line) {
    return ip(`-n ${this.name} ${line}`);
  }
}

function ip(line) {
  return run('ip', line.split(' '));
}
