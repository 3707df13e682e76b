// Three clocks meet at a login: the ticket's maker, the hub and this device. Says which of them disagree.

import { attemptLater } from './attempt.js';

/** Clocks that differ by less are taken to agree. */
const AGREE_MS = 120_000;

/** From when to when a ticket is good, in milliseconds since 1970; null when it cannot be read. */
export function ticketTimes(ticket) {
  return attemptLater('the times of the ticket', async () => {
    const bytes = Uint8Array.from(atob(ticket.replace(/\*/g, '+').replace(/-/g, '/').replace(/_/g, '=')), (character) => character.charCodeAt(0));
    const plain = new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate')));
    const fields = JSON.parse((await plain.text()).slice(0, 4_096));
    const [from, expire] = [Number(fields['TLS.time']) * 1_000, Number(fields['TLS.expire']) * 1_000];
    return Number.isFinite(from) && Number.isFinite(expire) ? { from, until: from + expire } : null;
  });
}

/** The hub's clock, by the `Date` of an HTTP answer; null when it cannot be had. */
export function hubTime(address) {
  return attemptLater('the hub’s clock', async () => {
    const answer = await fetch(address, { method: 'HEAD', cache: 'no-store', signal: AbortSignal.timeout(4_000) });
    const time = Date.parse(answer.headers.get('date'));
    return Number.isFinite(time) ? time : null;
  });
}

/**
 * Whose clock is to blame when the hub refuses a ticket for its time. `times` of the ticket (or null), `hub` (or null) and `here`
 * in milliseconds: `hub_behind`, `hub_ahead`, `maker_ahead`, `expired`, or null when clocks do not explain it.
 */
export function clockFault({ times, hub, here }) {
  if (!times) return null;
  const now = hub ?? here;
  if (now < times.from - AGREE_MS) return here >= times.from - AGREE_MS ? 'hub_behind' : 'maker_ahead';
  if (now >= times.until - AGREE_MS) return here < times.until - AGREE_MS ? 'hub_ahead' : 'expired';
  return null;
}
