// What every scenario asks of a call: does each side see and hear the other, and does the picture move?

import { setTimeout as sleep } from 'node:timers/promises';

import { isTone, TONES } from './content.mjs';
import { until } from './process.mjs';

const ALL = { pageSees: true, pageHears: true, panelSees: true, panelHears: true };

/** Both are in the call, and its content arrives at both ends. `except` turns off what a scenario does not have. */
export async function talking(page, panel, except = {}) {
  await Promise.all([page.phase('talking'), panel.phase('talking')]);
  const wanted = { ...ALL, ...except };
  const checks = [];
  if (wanted.pageSees) checks.push(moves('the page shows the panel’s picture', () => page.frame()));
  if (wanted.panelSees) checks.push(moves('the panel shows the page’s picture', () => panel.frame()));
  if (wanted.pageHears) checks.push(hears('the page plays the panel’s tone', page, TONES.panel));
  if (wanted.panelHears) checks.push(hears('the panel plays the page’s tone', panel, TONES.browser));
  await Promise.all(checks);
}

/** Both are out of it, and tell the same reason. */
export async function ended(page, panel, reason, ms = 8_000) {
  await Promise.all([endedAt(page, reason, ms), endedAt(panel, reason, ms)]);
}

/** One of them is out of it, for this reason. */
export async function endedAt(party, reason, ms = 8_000) {
  await party.phase('idle', ms);
  await until(`the reason is ${reason}`, async () => {
    const told = await party.lastReason();
    if (told !== reason) throw new Error(`the reason is ${told}`);
    return true;
  }, { ms: 1_000 });
}

/** Stays in a state for so long. */
export async function stays(party, wanted, ms) {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    const phase = await party.phaseNow();
    if (phase !== wanted) throw new Error(`${phase} where ${wanted} was to last`);
    await sleep(150);
  }
}

/** Plays this tone. */
export async function hears(what, party, tone, ms = 10_000) {
  await until(what, async () => {
    const hz = await party.hears();
    if (!isTone(hz, tone)) throw new Error(hz === null ? 'silence' : `${hz.toFixed(0)} Hz`);
    return true;
  }, { ms });
}

/** Two different frames: a picture that stands still is not seen. */
export async function moves(what, frame) {
  const first = await until(what, frame);
  await until(`${what} and it moves`, async () => {
    const next = await frame();
    if (next === first || next === null) throw new Error(next === null ? `gone after frame ${first}` : `stands at ${first}`);
    return true;
  });
}
