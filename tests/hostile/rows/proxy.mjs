// The hub behind nginx and Caddy, each with the file that the documents tell to use.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

import { CONTENT } from '../../scenarios/content.mjs';
import { until } from '../../scenarios/process.mjs';

/** An address of the loopback interface that is not the proxy's, and one that nobody here has. */
const CLIENT = '127.0.0.9';
const INVENTED = '198.51.100.7';
const TRUSTING = { server: { trusted_proxies: ['127.0.0.1', '::1'] } };

/** A page signs in and calls a panel, and both come through the proxy. */
function calls(kind) {
  return async (lab) => {
    const hub = await lab.hub(TRUSTING);
    const proxy = await lab.proxy(kind, hub);
    const door = await lab.panel(hub, 'door', {
      wrapper: ['env', `SSL_CERT_FILE=${proxy.certificate}`], config: { signaling: { websocket: { url: proxy.url } } },
    });
    const anna = await lab.page(hub, 'anna', { origin: proxy.origin });
    await anna.call('door');
    await door.phase('ringing');
    await door.accept();
    await Promise.all([anna.phase('talking'), door.phase('talking')]);
    await until('the page shows the door', () => anna.frame(CONTENT.door), { ms: 10_000 });
    await until('the door shows the page', () => door.frame(CONTENT.anna), { ms: 10_000 });
    await anna.hangup();
    await door.phase('idle');
  };
}

/** A client that claims to be somebody else in every header that proxies use. */
function claims(kind) {
  return async (lab) => {
    const hub = await lab.hub(TRUSTING);
    const proxy = await lab.proxy(kind, hub);
    const through = { url: proxy.url, ticket: (user) => hub.ticket(user) };
    const ca = await readFile(proxy.certificate);
    const headers = {
      'X-Forwarded-For': INVENTED, Forwarded: `for=${INVENTED}`, 'X-Real-IP': INVENTED, 'X-Forwarded-Host': 'elsewhere.example',
    };
    await lab.client(through, 'anna', { device: 'honest', ca, localAddress: CLIENT });
    await lab.client(through, 'anna', { device: 'liar', ca, localAddress: CLIENT, headers });
    const log = hub.tail(100).join('\n');
    for (const device of ['honest', 'liar']) {
      assert.match(log, new RegExp(`logged in.*device=${device} peer=${CLIENT.replaceAll('.', '\\.')}`), `the hub knows the address of ${device}`);
    }
    assert.ok(!log.includes(INVENTED), 'the invented address is nowhere');
  };
}

/** Pages of other origins are refused through the proxy as they are without it. */
function strangers(kind) {
  return async (lab) => {
    const hub = await lab.hub(TRUSTING);
    const proxy = await lab.proxy(kind, hub);
    const ca = await readFile(proxy.certificate);
    const status = (origin) => lab.socket(proxy.url, { ca, headers: { Origin: origin } }).then(() => 101, (error) => error.status);
    assert.equal(await status(proxy.origin), 101, 'its own page');
    const port = Number(new URL(proxy.origin).port);
    for (const origin of [`http://localhost:${port}`, 'https://localhost', `https://localhost:${port + 1}`, 'https://elsewhere.example', 'null']) {
      assert.equal(await status(origin), 403, origin);
    }
  };
}

export default ['nginx', 'caddy'].flatMap((kind) => [
  {
    section: 'infra', name: `a call through ${kind}`, needs: [kind, 'openssl'], browser: true, quick: true, run: calls(kind),
    tried: 'a page at https://localhost:PORT and a panel at wss://, with the documented file',
  },
  {
    section: 'infra', name: `an invented address through ${kind}`, needs: [kind, 'openssl'], run: claims(kind),
    tried: 'X-Forwarded-For, Forwarded and X-Real-IP from the client itself',
  },
  {
    section: 'infra', name: `pages of strangers through ${kind}`, needs: [kind, 'openssl'], run: strangers(kind),
    tried: 'origins with another scheme, host or port than the address bar',
  },
]);
