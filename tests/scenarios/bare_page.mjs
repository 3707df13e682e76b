// A Chromium that is driven by its own protocol alone. Playwright keeps every page visible, and a visible page cannot be frozen.

import { join } from 'node:path';

import { WebSocket } from 'ws';

import { until } from './process.mjs';

/** One page of a browser of its own. */
export class BarePage {
  #socket;
  #session;
  #asked = 0;
  #answers = new Map();

  /** Starts a browser for this row and opens the address in it. */
  static async open(lab, address) {
    const browser = lab.child('chromium', process.env.CHROMIUM ?? '/usr/bin/chromium', [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--use-fake-ui-for-media-stream', '--use-fake-device-for-media-stream',
      '--disable-background-networking', '--remote-debugging-port=0', `--user-data-dir=${join(lab.folder, 'chromium')}`, 'about:blank',
    ]);
    const [, url] = await until('Chromium says where it listens', () => /listening on (ws:\S+)/.exec(browser.output), { ms: 15_000 });
    const socket = new WebSocket(url);
    await new Promise((opened, failed) => socket.once('open', opened).once('error', failed));
    const page = new BarePage(socket);
    lab.own('devtools', { tail: () => [], stop: () => socket.terminate() });
    const { targetId } = await page.#send('Target.createTarget', { url: address });
    page.#session = (await page.#send('Target.attachToTarget', { targetId, flatten: true })).sessionId;
    return page;
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (text) => {
      const { id, result, error } = JSON.parse(text);
      const answer = this.#answers.get(id);
      this.#answers.delete(id);
      if (error) answer?.failed(new Error(error.message));
      else answer?.done(result);
    });
  }

  /** Freezes the page, as a browser does with one that was hidden for long. */
  freeze() {
    return this.#send('Page.setWebLifecycleState', { state: 'frozen' });
  }

  /** Thaws it. */
  thaw() {
    return this.#send('Page.setWebLifecycleState', { state: 'active' });
  }

  /** The value of an expression in the page. */
  async value(expression) {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    if (exceptionDetails) throw new Error(exceptionDetails.text);
    return result.value;
  }

  #send(method, params) {
    const id = (this.#asked += 1);
    return new Promise((done, failed) => {
      this.#answers.set(id, { done, failed });
      this.#socket.send(JSON.stringify({ id, method, params, ...(this.#session && { sessionId: this.#session }) }));
    });
  }
}
