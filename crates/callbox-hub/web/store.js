// What this browser remembers: who is signed in, which device this is, and the last calls.

import { makeId } from './signaling.js';

const RECENT = 30;
const ID = /^[A-Za-z0-9_-]{1,32}$/;

/** localStorage, with the tab's own memory before it so that a reload stays who it was. */
export class Store {
  /** This browser's device id. */
  get device() {
    const known = read(localStorage, 'callbox.device');
    if (ID.test(known ?? '')) return known;
    const made = `web-${makeId().slice(0, 12)}`;
    write(localStorage, 'callbox.device', made);
    return made;
  }

  /** Who was signed in last, or ''. */
  get lastUser() {
    return read(localStorage, 'callbox.last') ?? '';
  }

  /** The sign-in that is remembered, or null. */
  get credentials() {
    return valid(read(sessionStorage, 'callbox.signin')) ?? valid(read(localStorage, 'callbox.signin'));
  }

  /** Takes a personal link's fragment, remembers it, and takes it out of the address bar. */
  fromFragment() {
    const fragment = new URLSearchParams(location.hash.slice(1));
    const found = valid({
      app: Number(fragment.get('app')), user: fragment.get('user'), ticket: fragment.get('ticket'), device: fragment.get('device') || this.device,
    });
    if (!found) return null;
    history.replaceState(null, '', location.pathname + location.search);
    this.keep(found);
    return found;
  }

  /** Remembers a sign-in. */
  keep(credentials) {
    write(sessionStorage, 'callbox.signin', credentials);
    write(localStorage, 'callbox.signin', credentials);
    write(localStorage, 'callbox.last', credentials.user);
  }

  /** Forgets the sign-in; the device id stays. */
  forget() {
    for (const storage of [sessionStorage, localStorage]) storage.removeItem('callbox.signin');
  }

  /** Whether this hub hands out tickets for a demonstration. */
  async demoRuns() {
    return (await ask({ method: 'GET' })) !== null;
  }

  /** A ticket of a demonstration, or null. */
  async demoTicket(user) {
    if (!ID.test(user)) return null;
    return ask({ method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user }) });
  }

  /** Keeps an invite for when the page is back, or with `null` forgets it. */
  keepInvite(user, invite) {
    write(localStorage, `callbox.rung.${user}`, invite);
  }

  /** The invite that was kept, or null. */
  keptInvite(user) {
    return read(localStorage, `callbox.rung.${user}`);
  }

  /** The last calls of a user, newest first. */
  recent(user) {
    const list = read(localStorage, `callbox.recent.${user}`);
    return Array.isArray(list) ? list : [];
  }

  /** Adds one; a call is listed once. */
  remember(user, record) {
    const { call, direction, media, caller, callees, peer, answeredBy, reason, talked, at, fresh } = record;
    const others = this.recent(user).filter((entry) => entry.call !== call);
    const list = [{ call, direction, media, caller, callees, peer, answeredBy, reason, talked, at, fresh }, ...others].sort((a, b) => b.at - a.at).slice(0, RECENT);
    write(localStorage, `callbox.recent.${user}`, list);
    return list;
  }

  /** The person has seen the missed ones. */
  seen(user) {
    const list = this.recent(user).map((entry) => ({ ...entry, fresh: false }));
    write(localStorage, `callbox.recent.${user}`, list);
    return list;
  }
}

async function ask(request) {
  try {
    const answer = await fetch(new URL('api/demo', document.baseURI), { ...request, signal: AbortSignal.timeout(8_000) });
    return answer.ok ? await answer.json() : null;
  } catch (error) {
    console.info('callbox: no demonstration here', error.name);
    return null;
  }
}

function valid(found) {
  const { app, user, device, ticket } = found ?? {};
  return Number.isInteger(app) && ID.test(user ?? '') && ID.test(device ?? '') && ticket ? found : null;
}

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch (error) {
    console.info('callbox: forgot', key, error.name);
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch (error) {
    // Private windows and full disks: the page works, it just forgets.
    console.info('callbox: cannot remember', key, error.name);
  }
}
