// Tickets of a demonstration, which a hub on this machine hands out to everybody.

import { attemptLater } from './attempt.js';
import { isName } from './store.js';

/** Whether this hub hands out tickets for a demonstration. */
export async function demoRuns() {
  return (await ask({ method: 'GET' })) !== null;
}

/** A ticket of a demonstration, or null. */
export async function demoTicket(user) {
  if (!isName(user)) return null;
  return ask({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user }) });
}

function ask(request) {
  return attemptLater('a demonstration', async () => {
    const answer = await fetch(new URL('api/demo', document.baseURI), { ...request, signal: AbortSignal.timeout(8_000) });
    return answer.ok ? await answer.json() : null;
  });
}
