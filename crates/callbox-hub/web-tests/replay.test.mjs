// The page's station does what the Rust station does: every recorded story, state by state.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NOT_IN_A_PAGE, replay, stories } from './replay.mjs';

const LEAST = 300;

test('every recorded story of the Rust station goes the same way in the page', () => {
  const cuts = new Map();
  let whole = 0;
  for (const story of stories()) {
    const { cut, steps, difference } = replay(story);
    assert.equal(difference, null, `${story.name}, ${story.me}: ${JSON.stringify(difference, null, 1)}`);
    if (cut) cuts.set(cut, (cuts.get(cut) ?? 0) + 1);
    else whole += 1;
    assert.ok(steps > 0 || cut, `${story.name}, ${story.me}: nothing was replayed`);
  }
  console.log(`${whole} stories replayed; cut short: ${[...cuts].map(([name, count]) => `${count} (${name})`).join(', ') || 'none'}`);
  assert.ok(whole >= LEAST, `${whole} stories, at least ${LEAST} are wanted`);
  for (const name of cuts.keys()) assert.ok(NOT_IN_A_PAGE[name]);
});
