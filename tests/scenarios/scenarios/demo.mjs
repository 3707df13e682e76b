// The first minute: `callbox demo` in a terminal, a browser beside it, and a key that acts as the button.

import { join } from 'node:path';

import { CONTENT } from '../content.mjs';
import { Child, freePort, until } from '../process.mjs';
import { endedAt, hears, sees } from '../sight.mjs';

/** What the demonstration's camera and microphone carry. */
const DEMO = { name: 'door', hz: 440 };

async function answeredByAKey(street) {
  // script(1) gives it a terminal.
  const command = `stty cols 100 rows 30; exec ${join(street.bin, 'callbox')} demo --port ${await freePort()}`;
  const demo = new Child('script', ['-q', '-e', '-f', '-c', command, '/dev/null']);
  street.adopt('demo', demo);
  const shows = (text) => until(`the terminal shows ${text}`, () => demo.output.match(text));
  const [address] = await shows(/http:\S+/);

  const page = await street.emptyPage('anna in a demo');
  await page.comeIn(address, 'anna');
  await page.call('door');
  await shows(/RINGING +anna/);
  demo.type('a');
  await page.phase('talking');
  await Promise.all([
    sees(page, DEMO),
    hears(page, DEMO),
    shows(new RegExp(`sees you +hears ${CONTENT.anna.hz / 100}\\d\\d Hz`)),
  ]);
  demo.type('h');
  await endedAt(page, 'hangup');
  demo.type('q');
  await until('the demonstration has ended', () => !demo.alive);
}

const own = 'the demonstration brings its own hub, and no broker';

export default [
  { name: 'answered by a key in the demonstration', run: answeredByAKey, needs: ['script'], notOver: { mqtt: own, gateway: own } },
];
