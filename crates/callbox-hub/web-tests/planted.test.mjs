// The replay notices a change of one transition: each of these is planted into a copy of the page's station, and some story must fail.

import assert from 'node:assert/strict';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { test } from 'node:test';
import { replay, stories } from './replay.mjs';

/** `[file, what is there, what is planted]` */
const PLANTED = [
  ['idle.js', "m.kind !== 'single'", 'false'],
  ['idle.js', '!c.isForUs(from, m)', 'false'],
  ['idle.js', '!(m.remaining_ms > 0)', 'false'],
  ['idle.js', '!rings && !news', 'false'],
  ['ringing.js', "if (early !== 'off') links.offerNext(c.out);", ''],
  ['ringing.js', "case 'cancel': case 'hangup':", "case 'cancel':"],
  ['ringing.js', "input.type === 'signaling' && input.up", 'false'],
  ['ringing.js', '!c.decided.find(m.call) && ', ''],
  ['ringing.js', 'Math.min(s.until, c.now + m.remaining_ms)', 's.until'],
  ['ringing.js', "if (!same(from, s.facts.caller)) return s;", ''],
  ['accepting.js', 'c.now >= s.until', 'false'],
  ['accepting.js', "m.reason === 'answered_elsewhere' && ", 'false && '],
  ['accepting.js', "case 'hangup': return c.end(s, m.reason);", ''],
  ['inviting.js', 's.left.has(keyOf(from)) || ', ''],
  ['inviting.js', "code === 'ok' || code === 'queued' || ringsThere", "code === 'ok' || code === 'queued'"],
  ['inviting.js', "REASONS[code] ?? 'ended_by_server'", "'offline'"],
  ['inviting.js', 's.facts.call < m.call', 's.facts.call > m.call'],
  ['inviting.js', "s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer'", "'no_answer'"],
  ['inviting.js', "case 'reject': case 'hangup':", "case 'reject':"],
  ['inviting.js', "mark(s.facts, c.now, 'accept_ms');", ''],
  ['callees.js', 'if (othersRing) return false;', ''],
  ['callees.js', "if (reason === 'no_answer') callee.refused = reason;\n    else if", 'if'],
  ['callees.js', "const KINDEST = ['rejected', 'busy', 'no_answer'];", "const KINDEST = ['busy', 'rejected', 'no_answer'];"],
  ['talking.js', "m.type === 'accept' && outgoing) c.send", "false) c.send"],
  ['talking.js', "!outgoing && !(m.by && same(m.by, c.me))", '!(m.by && same(m.by, c.me))'],
  ['talking.js', 'moved || (interrupted && recovery.connecting)', 'false'],
  ['talking.js', 'return online ? tell({ ...s, said: null }, c) : s;', 'return s;'],
  ['media_recovery.js', 'if (!this.#awaited) this.#count(now);', 'this.#count(now);'],
  ['media_recovery.js', 'lived: 5_000', 'lived: 50'],
  ['media_recovery.js', 'died: 3_000', 'died: 5_000'],
  ['media_recovery.js', 'swap: 2_000', 'swap: 60_000'],
  ['media_recovery.js', 'if (this.links.spent) {', 'if (false) {'],
  ['media_recovery.js', 'if (online && this.broken)', 'if (false)'],
  ['peer_links.js', 'if (!this.#causedByPeer.take(now)) return;', ''],
  ['peer_links.js', 'if (!this.weOffer) this.newest = 0;\n    else ', ''],
  ['peer_links.js', "next.path === 'up' && this.#current?.path !== 'up'", 'false'],
  ['peer_links.js', "event === 'refused' && !this.#current", 'false'],
  ['ringing.js', "news === 'refused' ? refuse(s, 'media_failed', c) : s", 's'],
  ['media_recovery.js', "if (news === 'refused') return 'media_failed';", ''],
  ['decided.js', 'known && SAID_NO.includes(reason)', 'false'],
  ['context.js', "if (m.type === 'cancel') this.decided.cancelEarly(m.call, target(from));", ''],
  ['context.js', "this.decline(from, m, 'busy')", "this.decline(from, m, 'rejected')"],
  ['context.js', 'if (!this.#refusals.take(this.now) && standing !== \'party\') return;', ''],
  ['door.js', 'same(from, wish.to) && now < wish.until', 'now < wish.until'],
  ['door.js', "if (!offer || this.#wish) return [];", 'if (!offer) return [];'],
  ['derived.js', 'sendVideo: inviter && preview && camera', 'sendVideo: inviter && preview'],
  ['derived.js', "return name === 'inviting' && devices.size > 0 ? 'ring_back' : 'silence';", "return name === 'inviting' ? 'ring_back' : 'silence';"],
];

test('a change of one transition fails', async () => {
  const all = stories();
  const room = await mkdtemp(join(tmpdir(), 'callbox-planted-'));
  const unnoticed = [];
  try {
    for (const [at, [file, there, planted]] of PLANTED.entries()) {
      const web = join(room, String(at));
      await cp(new URL('../web/', import.meta.url), web, { recursive: true });
      await writeFile(join(web, 'package.json'), '{"type":"module"}');
      const text = await readFile(join(web, file), 'utf8');
      assert.ok(text.includes(there), `${file} no longer has: ${there}`);
      await writeFile(join(web, file), text.replace(there, planted));
      const load = (name) => import(pathToFileURL(join(web, name)).href);
      const parts = { ...(await load('station.js')), ...(await load('door.js')) };
      if (!all.some((story) => differs(story, parts))) unnoticed.push(`${file}: ${there}`);
    }
  } finally {
    await rm(room, { recursive: true });
  }
  assert.deepEqual(unnoticed, []);
});

function differs(story, parts) {
  try {
    return replay(story, parts).difference !== null;
  } catch {
    return true;
  }
}
