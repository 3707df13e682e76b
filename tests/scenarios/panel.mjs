// A party at a panel: one daemon with its own configuration, and the control socket through which a scenario sees and presses.

import { once } from 'node:events';
import { mkdtemp, readdir, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { Child, run, Settled, until } from './process.mjs';
import { inlineList, merge, toml } from './toml.mjs';

/** A sense that has not been renewed for so long is not of this moment. */
const FRESH_MS = 1_000;
/** How long a daemon may take to let somebody listen. */
const LISTEN_MS = 5_000;

/** One panel. */
export class Panel {
  #bin;
  #child = null;
  #folder;
  #socket;
  /** How often each sense was renewed when it was last looked at: {call, count, at}. */
  #senses = new Map();
  #rang = 0;
  #unlocked = null;
  #steps = [];
  #wrapper;

  /**
   * Makes a panel of this user. `wire` is what lies between it and the transport, `config` more of its configuration (an object of
   * sections, merged over the rest; `null` takes away), `wrapper` what starts the daemon.
   */
  static async make({ bin, folder, transport, user, device = 'panel', wire, wrapper = [], config = {}, ...settings }) {
    const own = await mkdtemp(join(folder, `${user}-`));
    const panel = new Panel(bin, own, `${user}/${device}`, wrapper);
    await panel.configure(merge(
      transport.panel(user, device, wire), usual(settings, transport.iceServers()),
      { control: { socket: panel.#socket }, records: { path: join(own, 'records.jsonl') } }, config,
    ));
    return panel;
  }

  /** `wrapper`: what starts the daemon, when it is not started by itself. */
  constructor(bin, folder, name, wrapper) {
    this.name = name;
    this.#wrapper = wrapper;
    this.#bin = join(bin, 'callbox');
    this.#folder = folder;
    this.#socket = join(folder, 'ctl');
  }

  /** Writes its configuration anew: for a daemon that is not started yet, or reloads it. */
  async configure(config) {
    this.config = config;
    await writeFile(this.configFile, toml(config));
  }

  /** Where its configuration is. */
  get configFile() {
    return join(this.#folder, 'panel.toml');
  }

  /** The process id of its daemon. */
  get pid() {
    return this.#child?.pid;
  }

  /** Whether the invite that rings is on disk, for the daemon that comes after this one. */
  async keepsInvite() {
    const name = (await readdir(this.#folder)).find((file) => file.endsWith('.ringing'));
    return name !== undefined && (await stat(join(this.#folder, name))).size > 0;
  }

  /** Sends its daemon a signal, such as `SIGHUP`. */
  signal(name) {
    return this.#child.signal(name);
  }

  /** Starts the daemon and waits until it is reachable for callers. */
  async start() {
    const [program, ...args] = [...this.#wrapper, this.#bin, 'run', '--config', this.configFile];
    this.#child = new Child(program, args);
    await until(`${this.name} is connected`, async () => {
      if (!this.#child.alive) throw new Settled(`the daemon has ended: ${this.#child.output}`);
      return this.connected();
    });
    await this.#listen();
  }

  /** What `callbox ctl status` tells, asked without starting a program each time. */
  status() {
    return new Promise((told, failed) => {
      const socket = connect(this.#socket);
      socket.setTimeout(5_000, () => socket.destroy(new Error('the daemon does not answer')));
      socket.on('error', failed);
      const lines = createInterface({ input: socket });
      // The socket itself reports what goes wrong with it.
      lines.on('error', () => {});
      lines.once('line', (line) => {
        socket.end();
        told(JSON.parse(line));
      });
      lines.once('close', () => failed(new Error('the daemon has hung up')));
      socket.write('{"do":"status"}\n');
    });
  }

  /** A command on the control socket, which is a button pressed by other means. */
  press(...command) {
    return run(this.#bin, ['ctl', '--socket', this.#socket, ...command], { ms: 5_000 });
  }

  /** Calls somebody. */
  call(user, media = 'video') {
    return this.press('call', user, ...(media === 'audio' ? ['--audio'] : []));
  }

  /** Picks up. */
  accept() {
    return this.press('accept');
  }

  /** Declines. */
  decline() {
    return this.press('reject');
  }

  /** Ends the call, or gives it up. */
  hangup() {
    return this.press('hangup');
  }

  /** Whether there is a door at the other end that may be opened from here. */
  async mayUnlock() {
    return (await this.status()).view.call?.door === true;
  }

  /** Opens it; what became of it is told by `unlocked`. */
  async unlock() {
    this.#unlocked = null;
    this.#unlocked = await this.press('unlock').then(() => 'open', () => 'failed');
  }

  /** What became of the last attempt to open a door: `open` or `failed`. */
  async unlocked() {
    return this.#unlocked;
  }

  /** Who tried to open its door in the last call, and the outcome. */
  async tries() {
    const news = (await this.status()).record?.door ?? [];
    return news.filter(({ event }) => event === 'unlock').map(({ by, outcome }) => `${by} ${outcome}`);
  }

  /** Waits for a state of its station. */
  phase(wanted, ms = 8_000) {
    return until(`${this.name} is ${wanted}`, async () => (await this.phaseNow()) === wanted, { ms });
  }

  /** Whether the daemon runs. */
  get alive() {
    return Boolean(this.#child?.alive);
  }

  /** The state of its station. */
  async phaseNow() {
    return (await this.status()).view.phase;
  }

  /** Whether its signalling is up. */
  async connected() {
    return (await this.status()).signaling.state === 'up';
  }

  /** How long the daemon runs, in milliseconds. */
  async uptime() {
    return (await this.status()).uptime_ms;
  }

  /** The call it is in. */
  async callId() {
    return (await this.status()).view.call?.call;
  }

  /** How much longer it rings, in milliseconds. */
  async remaining() {
    return (await this.status()).view.call?.remaining_ms;
  }

  /** How the last call ended. */
  async lastReason() {
    return (await this.status()).view.last?.reason;
  }

  /** Why the last call ended, as a person at a terminal reads it. */
  async why() {
    const lines = (await this.press('status')).split('\n');
    return lines.find((line) => line.startsWith('view.last.reason')) ?? null;
  }

  /** When each step of the call, or of the last one, was reached, in milliseconds. */
  async timing() {
    const { view, record } = await this.status();
    return view.call?.timing ?? record?.timing ?? {};
  }

  /** Whether one of its links stands and the peer behind it is the one it was promised. */
  async secured() {
    return (await this.status()).media.links.some(({ stage }) => stage === 'secured');
  }

  /** The links there are, as `call#number with user/device`. */
  async links() {
    return (await this.status()).media.links.map(({ link }) => link);
  }

  /** A panel keeps no list of whom it could call: there is nothing to wait for. */
  async knowsAway() {}

  /** How many calls came and went while it was away. */
  async missed() {
    return (await this.status()).missed.length;
  }

  /** Whether a person is shown that the connection is lost. */
  async lost() {
    return (await this.status()).view.call?.lost_ms !== undefined;
  }

  /** What its links have reached since it was started: {number, step, at_ms}, the time since 1970. */
  steps() {
    return this.#steps;
  }

  /** How often it has begun to ring since it was started. */
  async rang() {
    return this.#rang;
  }

  /** What its links have carried so far: packets and frames, and the codecs in use. */
  async carried() {
    const { links } = (await this.status()).media;
    const sum = (field) => links.reduce((all, link) => all + link[field], 0);
    return {
      received: { audio: sum('audio_packets'), video: sum('video_packets') },
      sent: { audio: sum('audio_sent'), video: sum('video_sent') },
      codecs: links.filter(({ codec }) => codec).map(({ codec }) => `video/${codec.toUpperCase()}`),
    };
  }

  /** Pictures of the other that reached its screen so far, the milliseconds of its clock, and its encoders in figures. */
  async shown() {
    const { screen_frames: frames, at_ms: at, encoders } = (await this.status()).media;
    return { frames, at, encoders };
  }

  /** What of the other has reached it in this call, or in the last one, as far as it can tell. */
  async reached() {
    const { received } = await this.carried();
    const { first_audio_ms: heard, first_frame_shown_ms: shown } = await this.timing();
    return { audio: received.audio + Number(heard !== undefined), video: received.video, frames: Number(shown !== undefined) };
  }

  /** The number of the frame of the picture with this name that its screen shows now, or null. */
  async frame({ name }) {
    const seen = await this.#sense('seen');
    return seen?.name === name ? seen.frame : null;
  }

  /** The loudest frequency its speaker plays now, in Hz, or null. */
  async hears() {
    return (await this.#sense('heard'))?.hz ?? null;
  }

  /** What it sees or hears, if that was renewed a moment ago and within this call: looked at for the first time, it was not. */
  async #sense(name) {
    const { view, media } = await this.status();
    const { [name]: sense } = media;
    const count = sense?.count ?? 0;
    const call = view.call?.call;
    const known = this.#senses.get(name);
    if (known?.call !== call) this.#senses.set(name, { call, count, at: -Infinity });
    else if (known.count !== count) this.#senses.set(name, { call, count, at: performance.now() });
    return performance.now() - this.#senses.get(name).at <= FRESH_MS ? sense : null;
  }

  /** Asks it to end. */
  async stop() {
    return this.#child?.stop();
  }

  /** Ends it in good order and starts it again. */
  async restart() {
    await this.stop();
    await this.start();
  }

  /** Ends it as a power cut would. */
  vanish() {
    return this.#child.kill();
  }

  /** The last lines of its log. */
  tail(count) {
    return this.#child?.tail(count) ?? [];
  }

  /** From now on, for as long as this daemon runs, counts how often it begins to ring, and notes the steps of its links. */
  async #listen() {
    this.#rang = 0;
    this.#steps = [];
    let before = null;
    const socket = connect(this.#socket);
    // It ends with the daemon.
    socket.on('error', () => {});
    const lines = createInterface({ input: socket });
    lines.on('error', () => {});
    const listening = once(lines, 'line', { signal: AbortSignal.timeout(LISTEN_MS) });
    lines.on('line', (line) => {
      const { view, event, link, step, at_ms } = JSON.parse(line);
      if (event === 'link') this.#steps.push({ number: Number(/#(\d+)/.exec(link)[1]), step, at_ms });
      if (!view) return;
      if (view.phase === 'ringing' && before !== view.call?.call) this.#rang += 1;
      before = view.phase === 'ringing' ? view.call?.call : null;
    });
    socket.write('{"do":"monitor"}\n');
    await listening;
  }
}

/** What every panel of the scenarios has: test devices that its peers know again. */
function usual({ content, early = 'connect', ring = 20, codec = 'vp8', camera = true, relay = false, opensTo = null }, iceServers) {
  return {
    call: { ring_seconds: ring, early_media: early, trusted: ['*'] },
    camera: camera ? { kind: 'test', name: content.name } : { kind: 'none' },
    microphone: { kind: 'test', hz: content.hz },
    speaker: { kind: 'test' },
    screen: { kind: 'test', size: '640x360', fps: 15 },
    video: { codec, size: '640x360', fps: 15 },
    network: { relay_only: relay, ice_servers: inlineList(iceServers) },
    // Without `callers.allow`, only those who may open the door may ring.
    ...(opensTo && { door: { relay: 'test', allow: opensTo }, callers: { allow: ['*'] } }),
    log: { level: 'info,callbox=debug' },
  };
}
