// How the parties reach each other over a broker: panels only, and no hub anywhere.

import { randomBytes } from 'node:crypto';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { Broker } from '../broker.mjs';
import { run } from '../process.mjs';
import { MqttWire } from './mqtt_wire.mjs';

export { default as rows } from '../scenarios/outage.mjs';

export const APP = 1400000001;
const TICKET_SECONDS = 86_400;
/** The shortest that a panel takes: a broker that says nothing is noticed early. */
const KEEP_ALIVE_S = 5;
/** An account of another app at the same broker. */
export const STRANGER = 'mallory@1400000002';
export const STRANGER_PASSWORD = 'password-of-mallory';
const USERS = ['door', 'anna', 'ben'];
/** An account for each; the first of a user has the name of the user. */
const DEVICES = ['panel', 'phone', 'desk'];

/** The broker, and everything a panel has to know of it. */
export class Transport {
  /** What everybody is that is not the door. */
  static others = 'panel';
  /** Calls that came and went are known to a hub only. */
  static tellsMissed = false;
  /** Programs it cannot do without. */
  static needs = ['mosquitto', 'python3'];

  #above;
  #host;
  #wires = [];

  /** `turn`: a TURN server that the panels are told of, or nothing. `host`: the address at which the broker is reached. */
  constructor({ bin, folder, turn = null, host = '127.0.0.1' }) {
    this.#above = folder;
    this.#host = host;
    this.bin = bin;
    this.turn = turn;
    /** Each user's ticket. */
    this.tickets = {};
    this.broker = null;
  }

  /** Picks its address and starts. */
  async start() {
    this.folder = await mkdtemp(join(this.#above, 'broker-'));
    this.keyFile = join(this.folder, 'key');
    await writeFile(this.keyFile, randomBytes(32).toString('hex'), { mode: 0o600 });
    for (const user of USERS) this.tickets[user] = await this.#ticket(user);
    // Mosquitto compares passwords: it has to know each ticket.
    const accounts = Object.entries(this.tickets).flatMap(([user, ticket]) => DEVICES.map((device) => [`${user}@${APP}/${device}`, ticket]));
    const passwords = [...accounts, ...Object.entries(this.moreAccounts())];
    this.broker = await Broker.make(join(this.folder, 'broker'), Object.fromEntries(passwords), this.#host);
    await this.broker.start();
  }

  /** Accounts beside those of the devices: passwords by name. */
  moreAccounts() {
    return { [`${STRANGER}/panel`]: STRANGER_PASSWORD };
  }

  /** Starts again at the same address, with what it has kept. */
  restart() {
    return this.broker.start();
  }

  /** Ends as in a power cut. */
  crash() {
    return this.broker.kill();
  }

  /** The broker ends in good order: what it keeps is written. */
  pause() {
    return this.broker.stop();
  }

  /** Whether this user has logged in at the broker since it was started. */
  knows(user) {
    return this.broker.output.includes(` as ${user}@${APP}/`);
  }

  /** Ends, and everything in between with it. */
  async stop() {
    await Promise.all(this.#wires.map((wire) => wire.close()));
    await this.broker?.stop();
  }

  /** The part of a panel's configuration that speaks of signalling. */
  panel(user, device, wire) {
    return {
      user: { app: APP, user, device, ticket: this.tickets[user] },
      signaling: {
        mqtt: {
          brokers: [`mqtt://${this.#host}:${wire?.port ?? this.broker.port}`],
          keep_alive_s: KEEP_ALIVE_S,
          account: device === DEVICES[0] ? 'user' : 'device',
        },
      },
    };
  }

  /** ICE servers that a panel has to be told of: a broker knows none. */
  iceServers() {
    return this.turn ? [this.turn.iceServer()] : [];
  }

  /** A wire between one panel and the broker on which a scenario can delay or alter what is said. */
  async wire() {
    const wire = await MqttWire.open(this.broker.port);
    this.#wires.push(wire);
    return wire;
  }

  /** The last lines of its log. */
  tail(count) {
    return this.broker?.tail(count) ?? [];
  }

  async #ticket(user) {
    const made = await run(join(this.bin, 'callbox'), [
      'ticket', 'make', '--app', String(APP), '--key-file', this.keyFile, '--user', user, '--expire', String(TICKET_SECONDS),
    ]);
    return made.trim();
  }
}
