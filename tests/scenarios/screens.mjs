// Paints the page's states in Chromium, without a hub: `node screens.mjs [--out DIR] [--only NAME] [--check]`. With `--check` it makes no
// pictures and does what a person would do. It fails when a deed does, or when controls overlap, the own picture covers one, the page scrolls sideways, or the content policy was violated.

import { createServer } from 'node:http';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { extname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { chromium } from 'playwright-core';

import { noteSkip, required } from './required.mjs';
import { DEEDS } from './screens/deeds.mjs';
import { faults } from './screens/faults.mjs';
import { STATES } from './screens/states.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const WEB = join(ROOT, 'crates/callbox-hub/web');
const SIZES = { phone: [360, 740], sideways: [740, 360], window: [800, 700], tablet: [820, 1180], desk: [1440, 900] };
/** Deeds are the same at every size; these two have different controls. */
const ACTED = ['phone', 'desk'];
const KINDS = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.webmanifest': 'application/manifest+json' };

const { values: options } = parseArgs({
  options: { out: { type: 'string', default: join(ROOT, 'build/screens') }, only: { type: 'string', multiple: true }, check: { type: 'boolean', default: false } },
});

process.exitCode = await main();

async function main() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  if (!existsSync(executablePath)) {
    console.log(`screens: SKIPPED, there is no ${executablePath}`);
    noteSkip('screens', `no ${executablePath}`);
    return required() ? 1 : 0;
  }
  const server = await serve();
  const browser = await chromium.launch({ executablePath, args: ['--autoplay-policy=no-user-gesture-required', '--no-sandbox', '--disable-gpu'] });
  const found = [];
  try {
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      // What overlaps does so in either colours.
      for (const colorScheme of options.check ? ['light'] : ['light', 'dark']) {
        const context = await browser.newContext({ viewport: { width, height }, colorScheme, hasTouch: width < 900, reducedMotion: options.check ? 'reduce' : 'no-preference' });
        const address = `http://127.0.0.1:${server.address().port}/`;
        found.push(...await look(context, address, size, colorScheme));
        if (options.check && ACTED.includes(size)) found.push(...await act(context, address, size));
        await context.close();
      }
    }
  } finally {
    await browser.close();
    server.close();
  }
  for (const fault of found) console.error(`screens: ${fault}`);
  console.log(found.length ? `screens: ${found.length} faults` : 'screens: no faults');
  return found.length ? 1 : 0;
}

async function look(context, address, size, scheme) {
  const found = [];
  const page = await context.newPage();
  page.on('pageerror', (error) => found.push(`${size}: ${error.message}`));
  const chosen = Object.entries(STATES).filter(([name]) => !options.only || options.only.some((part) => name.includes(part)));
  for (const [name, { model, press = [] }] of chosen) {
    await page.goto(address);
    await page.waitForFunction(() => globalThis.stage);
    await page.evaluate((shown) => globalThis.stage.paint(shown), model);
    for (const step of press) await take(page, step);
    // The own picture glides after the tiles have come to rest.
    await settled(page);
    await settled(page);
    for (const fault of await page.evaluate(faults)) found.push(`${size} ${name}: ${fault}`);
    if (options.check) continue;
    const folder = join(options.out, scheme);
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: join(folder, `${name}-${size}.png`) });
  }
  return found;
}

/** Does everything that a person may do, each on a page of its own. */
async function act(context, address, size) {
  const found = [];
  for (const [name, deed] of Object.entries(DEEDS)) {
    if (options.only && !options.only.some((part) => name.includes(part))) continue;
    const page = await context.newPage();
    page.setDefaultTimeout(5_000);
    page.on('pageerror', (error) => found.push(`${size}: ${error.message}`));
    await page.goto(address);
    await page.waitForFunction(() => globalThis.stage);
    await deed(page).catch((error) => found.push(`${size}: ${name}: ${error.message}`));
    await page.close();
  }
  return found;
}

async function take(page, step) {
  const [, how, id] = step.match(/^(?:(long):)?(.*)$/);
  const control = page.getByTestId(id);
  if (!how) return control.click();
  const box = await control.boundingBox();
  await page.mouse.move(box.x + 60, box.y + box.height / 2);
  await page.mouse.down();
  await page.getByTestId('picked').waitFor();
  return page.mouse.up();
}

/** Waits until every picture that belongs there moves and nothing is animated into its place any more. */
async function settled(page) {
  await page.waitForFunction(() => {
    const waits = [...document.querySelectorAll('video')].some((video) => video.srcObject && video.offsetWidth > 0 && (!video.videoWidth || video.closest('.tile')?.dataset.picture === 'false' && video.closest('.tile').dataset.video === 'true'));
    const runs = document.getAnimations().some((animation) => animation.playState === 'running' && Number.isFinite(animation.effect.getComputedTiming().endTime));
    return !waits && !runs;
  }, null, { timeout: 8_000 });
  // The marks of the tiles and the place of the own picture follow within two frames of a paint.
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestAnimationFrame(done)))));
}

/** The page as the hub serves it, content policy included, with `stage.js` in place of `app.js`. */
function serve() {
  const source = readFileSync(join(ROOT, 'crates/callbox-hub/src/server/page.rs'), 'utf8');
  const policy = source.match(/const POLICY: &str = "([^"]+)"/)[1].replace(/\\\s+/g, '');
  const server = createServer((request, response) => {
    const name = new URL(request.url, 'http://localhost').pathname.slice(1) || 'index.html';
    const file = name === 'app.js' ? join(import.meta.dirname, 'screens/stage.js') : join(WEB, name.replaceAll('..', ''));
    if (!existsSync(file)) return response.writeHead(404).end();
    return response.writeHead(200, { 'content-type': KINDS[extname(file)] ?? 'text/plain', 'content-security-policy': policy }).end(readFileSync(file));
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server)));
}
