// What every scenario asks of a call: does each side see and hear the other, and does the picture move?

import { setTimeout as sleep } from 'node:timers/promises';

import { CONTENT, isTone } from './content.mjs';
import { until } from './process.mjs';

const ALL = { annaSees: true, annaHears: true, doorSees: true, doorHears: true };

/** Both are in the call, and its content arrives at both ends. `except` turns off what a scenario does not have. */
export async function talking(anna, door, except = {}) {
  await Promise.all([anna.phase('talking'), door.phase('talking')]);
  const wanted = { ...ALL, ...except };
  const checks = [];
  if (wanted.annaSees) checks.push(sees(anna, CONTENT.door));
  if (wanted.doorSees) checks.push(sees(door, CONTENT.anna));
  if (wanted.annaHears) checks.push(hears(anna, CONTENT.door));
  if (wanted.doorHears) checks.push(hears(door, CONTENT.anna));
  await Promise.all(checks);
}

/** Anna calls, the button at the door is pressed, and both see and hear each other. */
export async function inCall(anna, door, { media = 'video', except = {} } = {}) {
  await anna.call('door', media);
  await door.phase('ringing');
  await door.accept();
  await talking(anna, door, except);
}

/** Both are out of it, and tell the same reason. */
export async function ended(anna, door, reason, ms = 8_000) {
  await Promise.all([endedAt(anna, reason, ms), endedAt(door, reason, ms)]);
}

/** One of them is out of it, for this reason. */
export async function endedAt(party, reason, ms = 8_000) {
  await party.phase('idle', ms);
  await until(`the reason at ${party.name} is ${reason}`, async () => {
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
    if (phase !== wanted) throw new Error(`${party.name} is ${phase} where ${wanted} was to last`);
    await sleep(150);
  }
}

/** Plays the tone of this content. */
export async function hears(party, { name, hz: sent }, ms = 10_000) {
  await until(`${party.name} plays ${name}’s tone`, async () => {
    const hz = await party.hears();
    if (!isTone(hz, sent)) throw new Error(hz === null ? 'silence' : `${hz.toFixed(0)} Hz`);
    return true;
  }, { ms });
}

/** Two different frames of this content: a picture that stands still is not seen. */
export async function sees(party, content) {
  const what = `${party.name} shows ${content.name}’s picture`;
  const first = await until(what, () => party.frame(content));
  await until(`${what} and it moves`, async () => {
    const next = await party.frame(content);
    if (next === first || next === null) throw new Error(next === null ? `gone after frame ${first}` : `stands at ${first}`);
    return true;
  });
}
