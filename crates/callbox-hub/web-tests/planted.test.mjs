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
  ['invitations.js', 'return this.#left.has(device) || ', 'return '],
  ['invitations.js', "code === 'ok' || code === 'queued' || ringsThere", "code === 'ok' || code === 'queued'"],
  ['invitations.js', "REASONS[code] ?? 'ended_by_server'", "'offline'"],
  ['inviting.js', 's.facts.call < m.call', 's.facts.call > m.call'],
  ['inviting.js', "s.facts.timing.ringing_ms == null ? 'offline' : 'no_answer'", "'no_answer'"],
  ['invitations.js', "case 'reject': case 'hangup':", "case 'reject':"],
  ['inviting.js', "mark(facts, c.now, 'accept_ms');", ''],
  ['callees.js', 'if (othersRing) return false;', ''],
  ['callees.js', "if (reason === 'no_answer') callee.refused = reason;\n    else if", 'if'],
  ['callees.js', "const KINDEST = ['rejected', 'busy', 'no_answer'];", "const KINDEST = ['busy', 'rejected', 'no_answer'];"],
  ['talking.js', "if (m.type === 'accept' && outgoing) c.send(from, { type: 'confirm', call: m.call });\n    else ", ''],
  ['talking.js', "!outgoing && !(m.by && same(m.by, c.me))", '!(m.by && same(m.by, c.me))'],
  ['talking.js', 'if (online) peer.tellMute(s, c, { again: true });', ''],
  ['talking.js', 'const SHOWN_FULL = 2;', 'const SHOWN_FULL = 3;'],
  ['talking.js', 'lose(s, device, reason, c);', ''],
  ['peer.js', 's.moved || (s.interrupted && this.path.connecting)', 'false'],
  ['peer.js', "m.want === 'small' ? 'small' : 'full'", "'full'"],
  ['peer.js', 'this.groups = m.group === true;', ''],
  ['call.js', "return agent !== 'panel' && byAddress(me, peer) < 0;", 'return byAddress(me, peer) < 0;'],
  ['call.js', "return agent !== 'panel' && byAddress(me, peer) < 0;", "return agent !== 'panel';"],
  ['roster.js', 'if (lacks) tell.add(from);', ''],
  ['roster.js', '#lastPlace + 1, LAST_PLACE', '#lastPlace, LAST_PLACE'],
  ['roster.js', 'this.#mine = { ...mine, number: entry.number + 1 };', ''],
  ['roster.js', '.filter(([device, known]) => known.heard || !same(device, to))', ''],
  ['roster.js', 'changed ||= isNew;', ''],
  ['roster.js', "return 'answered_elsewhere';", 'return null;'],
  ['roster.js', "before.length >= MAX_MEMBERS ? 'too_many' : null", 'null'],
  ['known.js', 'if (!this.#rumour || now < this.#rumour.believed) return false;', 'return false;'],
  ['known.js', 'REPEAT * 2 ** tries', 'REPEAT'],
  ['known.js', 'ANSWERS_WITHIN = 5_000', 'ANSWERS_WITHIN = 6_000'],
  ['group_call.js', "const place = s.facts.direction === 'outgoing' ? 1 : 2;", 'const place = 1;'],
  ['group_call.js', 'tell.push(...ringing);', ''],
  ['group_call.js', 'c.joinable.keep(c.now, facts, group.roster, c.now);', ''],
  ['group_call.js', "state: 'ringing' } : part", "state: 'invited' } : part"],
  ['group_members.js', 'closePeer(s, from, c);\n    for', 'for'],
  ['group_members.js', "return turnAway(s, from, 'too_many', null, c);", ''],
  ['group_members.js', 'if (batch.has(device.user)) batch.answered', 'batch.answered'],
  ['group_members.js', 'early?.close(c.out);', ''],
  ['group_members.js', 's.peers.size || waits ? s', 's.peers.size ? s'],
  ['group_members.js', 's.group.roster.lose(device);', ''],
  ['group_ringing.js', "else if (m.type === 'reject') group.roster.refused(from.user);", ''],
  ['group_ringing.js', "batch.cancel(facts, 'no_answer', null, c);", ''],
  ['group_ringing.js', 's.group.tell(s.group.roster.sayAgain(c.now), s.facts, c);', ''],
  ['accepting.js', "return roster.isIn(from) ? talkInGroup(s, c) : s;", 'return talkInGroup(s, c);'],
  ['accepting.js', "type: s.links ? 'accept' : 'join'", "type: 'accept'"],
  ['joinable.js', 'roster: roster.asGuest()', 'roster'],
  ['idle.js', '&& !anew) ||', ') ||'],
  ['ringing.js', "if ((m.type === 'hangup' || LEFT.includes(m.reason)) && doorsOf(s).length) return s;", ''],
  ['ringing.js', ' || LEFT.includes(m.reason)', ''],
  ['ringing.js', '[s.facts.caller, ...doorsOf(s)]', '[s.facts.caller]'],
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
  ['context.js', 'this.joinable.over(m.call, from);', ';'],
  ['context.js', "if (m.type === 'cancel') this.decided.cancelEarly(m.call, target(from));", ''],
  ['context.js', "this.decline(from, m, 'busy')", "this.decline(from, m, 'rejected')"],
  ['context.js', 'if (!this.#refusals.take(this.now) && standing !== \'party\') return;', ''],
  ['door.js', 'same(from, wish.to) && now < wish.until', 'now < wish.until'],
  ['door.js', "if (!offer || this.#wish) return [];", 'if (!offer) return [];'],
  ['derived.js', 'sendVideo: shows && camera', 'sendVideo: shows'],
  ['derived.js', "return name === 'inviting' && invitations.devices.length > 0 ? 'ring_back' : 'silence';", "return name === 'inviting' ? 'ring_back' : 'silence';"],
];

test('a change of one transition fails', async () => {
  const all = stories();
  const room = await mkdtemp(join(tmpdir(), 'callbox-planted-'));
  const unnoticed = [];
  try {
    for (const [turn, [file, there, planted]] of PLANTED.entries()) {
      const web = join(room, String(turn));
      await cp(new URL('../web/', import.meta.url), web, { recursive: true });
      await writeFile(join(web, 'package.json'), '{"type":"module"}');
      const text = await readFile(join(web, file), 'utf8');
      assert.ok(text.includes(there), `${file} no longer has: ${there}`);
      await writeFile(join(web, file), text.replace(there, planted));
      const load = (name) => import(pathToFileURL(join(web, name)).href);
      const parts = { ...(await load('station.js')), ...(await load('door.js')) };
      const at = all.findIndex((story) => differs(story, parts));
      if (at < 0) unnoticed.push(`${file}: ${there}`);
      // A story that has noticed one change may well notice the next one: it is tried first.
      else all.unshift(...all.splice(at, 1));
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
