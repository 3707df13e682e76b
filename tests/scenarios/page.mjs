// A party in a browser: one Chromium with a fake camera and microphone, a context of its own for every signed-in page.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

import { chromium } from 'playwright-core';

import { until } from './process.mjs';

const REMOTE = '[data-testid=remote-video]';
const STILL = '[data-testid=still]:not([hidden])';
/** A small window costs little to paint in software. */
const VIEWPORT = { width: 480, height: 640 };
const KEPT_LINES = 200;
const PROBE = ['jsqr', './probe.js']
  .map((name) => readFileSync(createRequire(import.meta.url).resolve(name), 'utf8'))
  .join('\n');

/** Starts a Chromium whose camera and microphone are these files. */
export function launch({ picture, sound }) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
      `--use-file-for-fake-video-capture=${picture}`, `--use-file-for-fake-audio-capture=${sound}`,
      '--autoplay-policy=no-user-gesture-required', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
}

/** One signed-in page. */
export class Page {
  #context;
  #page;
  #crashed = false;
  #lines = [];

  /** An empty page in a context of its own; `settings` are those of Playwright's context. */
  static async open(browser, name, settings = {}) {
    const context = await browser.newContext({ viewport: VIEWPORT, ...settings });
    await context.addInitScript({ content: PROBE });
    return new Page(context, await context.newPage(), name);
  }

  constructor(context, page, name) {
    this.name = name;
    this.#context = context;
    this.#page = page;
    page.setDefaultTimeout(8_000);
    page.on('console', (message) => this.#keep(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => this.#keep(`error: ${error.stack ?? error.message}`));
    page.on('crash', () => this.#keep('the page has crashed'));
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => this.#keep(`says ${gist(payload)}`));
      socket.on('framereceived', ({ payload }) => this.#keep(`is told ${gist(payload)}`));
      socket.on('close', () => this.#keep('its line is closed'));
    });
  }

  /** Playwright's own page, for what no other method does. */
  get tab() {
    return this.#page;
  }

  /** Goes to this address and waits until it can call and be called. */
  async enter(address) {
    try {
      await this.#page.goto(address);
    } catch (error) {
      // The fragment holds a ticket.
      throw new Error(error.message.replaceAll(/#\S+/g, '#…'));
    }
    await this.phase('idle');
  }

  /** Goes to this address, where a name is all that is asked for. */
  async comeIn(address, user) {
    await this.#page.goto(address);
    await this.#page.getByTestId('signin-name').fill(user);
    await this.press('signin-submit');
    await this.phase('idle');
  }

  /** Calls somebody by pressing what a person would press. */
  call(user, media = 'video') {
    return this.press(`call-${media}-${user}`);
  }

  /** Picks up. */
  accept() {
    return this.press('accept-video');
  }

  /** Declines. */
  decline() {
    return this.press('decline');
  }

  /** Ends the call, or gives it up. */
  hangup() {
    return this.press('hangup');
  }

  /** Whether there is a door at the other end that may be opened from here. */
  mayUnlock() {
    return this.#page.getByTestId('unlock').isVisible();
  }

  /** Opens it; what became of it is told by `unlocked`. */
  unlock() {
    return this.press('unlock');
  }

  /** What became of the last attempt to open a door, as long as the page shows it: `open` or `failed`. */
  unlocked() {
    return this.#page.evaluate(() => window.callbox.door?.phase ?? null);
  }

  /** Presses the control of this name. */
  press(control) {
    return this.#page.getByTestId(control).click();
  }

  /** Waits for a state of the page. */
  phase(wanted, ms = 8_000) {
    return until(`${this.name} is ${wanted}`, async () => (await this.phaseNow()) === wanted, { ms });
  }

  /** The state of the page. */
  phaseNow() {
    return this.#page.evaluate(() => document.documentElement.dataset.state);
  }

  /** Why the last call ended, as the page tells it. */
  lastReason() {
    return this.#page.evaluate(() => window.callbox.endReason);
  }

  /** The call it is in. */
  callId() {
    return this.#page.evaluate(() => window.callbox.call);
  }

  /** Whether its line to the hub is up. */
  async connected() {
    return (await this.#page.evaluate(() => window.callbox.line)) === 'up';
  }

  /** When each step of the last call was reached, in milliseconds. */
  timing() {
    return this.#page.evaluate(() => window.callbox.timing);
  }

  /** What stands in an element that a person reads, or null when it is not shown. */
  async words(control) {
    const element = this.#page.getByTestId(control);
    return (await element.isVisible()) ? element.textContent() : null;
  }

  /** Why the last call ended, as a person reads it. */
  why() {
    return this.words('ended-words');
  }

  /** Waits until a person can see that this user is away. */
  knowsAway(user) {
    return until(`${this.name} shows that ${user} is away`, async () => (await this.words(`contact-${user}`))?.includes('Away'));
  }

  /** How many missed calls it shows. */
  missed() {
    return this.#page.getByTestId('missed').count();
  }

  /** How often it has begun to ring since it was loaded. */
  rang() {
    return this.#page.evaluate(() => window.probe.rang());
  }

  /** The number of the frame of the picture with this name that it shows, or null. */
  async frame({ name }) {
    const text = await this.#page.evaluate((at) => window.probe.read(at), REMOTE);
    const code = text ? JSON.parse(text) : null;
    return code?.NAME === name ? code.BUFFERCOUNT : null;
  }

  /** Whose name is in the picture that it shows of who rings, or null. */
  async pictured() {
    const text = await this.#page.evaluate((at) => window.probe.read(at), STILL);
    return text ? JSON.parse(text).NAME : null;
  }

  /** The loudest frequency it plays now, in Hz, or null. */
  hears() {
    return this.#page.evaluate((at) => window.probe.listen(at), REMOTE);
  }

  /** What its connections have carried so far: bytes, and the candidates and codecs in use. */
  carried() {
    return this.#page.evaluate(() => window.probe.carried());
  }

  /** Whether one of its links stands. */
  async secured() {
    return (await this.carried()).connected > 0;
  }

  /** What of the other has reached it in this call, as far as it can tell. */
  async reached() {
    const { received, framesDecoded } = await this.carried();
    return { audio: received.audio, video: received.video, frames: framesDecoded };
  }

  /** Loads the page again, as a person does who thinks it hangs. */
  restart() {
    return this.#page.reload();
  }

  /** Ends its process as an empty battery would. */
  async vanish() {
    this.#crashed = true;
    // The page never gets there.
    await this.#page.goto('chrome://crash', { timeout: 2_000 }).catch((error) => this.#keep(`crashed: ${error.message}`));
  }

  /** Whether there is somebody to ask. */
  get alive() {
    return !this.#crashed;
  }

  /** Closes it, and everything it stored. */
  stop() {
    return this.#context.close();
  }

  /** The last lines of its console, and of what it said and was told. */
  tail(count) {
    return this.#lines.slice(-count);
  }

  #keep(line) {
    this.#lines.push(`${new Date().toISOString()} ${line}`);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
  }
}

/** What a message is about; never all of it: the first one holds a ticket. */
function gist(payload) {
  try {
    const { type, call, reason, code, online, user, text } = JSON.parse(payload);
    return [type, call?.slice(0, 8), reason, code, user, online, text].filter((part) => part !== undefined && part !== '').join(' ');
  } catch {
    return 'what is no envelope';
  }
}
