// Peers that write session descriptions of their own, and packets to go with them: aiortc against the running panel.

import assert from 'node:assert/strict';
import { join } from 'node:path';

const CLIENT = join(import.meta.dirname, '../../client/run.sh');

/** Runs one story of `tests/client/borders.py` against a hub and a panel of its own. */
function story(name) {
  return async (lab) => {
    const client = lab.child('aiortc', CLIENT, [lab.bin, name]);
    await client.exited;
    assert.match(client.output, /1 passed, 0 failed/);
  };
}

const row = (name, story_, tried, more = {}) => ({ section: 'sdp', name, tried, needs: ['python3'], seconds: 240, run: story(story_), ...more });

export default [
  row('answers that cannot work', 'an_answer_that_cannot_work_is_refused_at_once',
    'refused video with sources, no BUNDLE, one way, two certificates: refused within 5 s; the panel then talks'),
  row('packets that nobody negotiated', 'packets_that_were_not_negotiated_are_dropped',
    'RTP of every payload type and of new sources, while it rings and in the call', { quick: true }),
  row('offers in another spelling', 'an_offer_in_another_spelling_is_answered_both_ways',
    'H.264 of other levels and letters, low payload types: sound and picture both ways'),
  row('offers that cannot work', 'an_offer_that_cannot_work_is_refused_at_once',
    'no BUNDLE, one way, two certificates: media_failed at once; the panel then talks'),
  row('candidates without end', 'candidates_without_end_start_no_threads',
    '1000 .local candidates in one answer: no thread for each, and the call goes on', { quick: true }),
];
