// Calls that are answered: who calls, with what, over which path.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { CONTENT } from '../content.mjs';
import { until } from '../process.mjs';
import { ended, hears, inCall, talking } from '../sight.mjs';
import { startTurn } from '../turn.mjs';

/** Longer than a link may be silent. */
const LIVENESS_MS = 8_000;
const A_WHILE_MS = 20_000;
const AT_ONCE_MS = 1_000;
const HD_SETTLE_MS = 3_000;
const HD_WINDOW_MS = 10_000;
/** Frames a second, of 30. */
const HD_LEAST = 27;

/** Anna calls the door; a person there presses the button. */
async function annaCalls(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
}

async function doorCalls(street) {
  const [anna, door] = await street.both();
  await door.call('anna');
  await anna.phase('ringing');
  await anna.accept();
  await talking(anna, door);
}

/** A call in which nothing happens stays on its first link: liveness is not mistaken for silence. */
async function oneLink(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door);
  const links = await door.links();
  await sleep(LIVENESS_MS);
  await talking(anna, door);
  assert.deepEqual(await door.links(), links);
  assert.match(links.join(), /#1 with/);
}

/** A panel that has run for a while is not late: what reaches it is heard at once. */
async function heardAtOnce(street) {
  const [anna, door] = await street.both();
  await until('the door has run for a while', async () => (await door.uptime()) >= A_WHILE_MS, { ms: A_WHILE_MS });
  await anna.call('door', 'audio');
  await door.phase('ringing');
  await door.accept();
  await until('sound reaches the door', async () => (await door.timing()).first_audio_ms !== undefined);
  await hears(door, CONTENT.anna, AT_ONCE_MS);
}

async function voiceOnly(street) {
  const [anna, door] = await street.both();
  await inCall(anna, door, { media: 'audio', except: { annaSees: false, doorSees: false } });
  const { received, sent } = await anna.carried();
  assert.deepEqual({ received: received.video, sent: sent.video }, { received: 0, sent: 0 }, 'no picture travels');
}

async function noCamera(street) {
  const door = await street.ownDoor({ camera: false });
  await inCall(await street.other(), door, { except: { annaSees: false } });
}

/** Both sides may use the TURN server's addresses alone. */
async function relayOnly(street) {
  const turn = await startTurn(street.folder);
  street.adopt('turnserver', turn);
  const transport = await street.ownTransport({ turn });
  const door = await street.ownDoor({ transport, relay: true });
  const anna = await street.other('anna', { transport, relay: true });
  await inCall(anna, door);
  const { pairs } = await anna.carried();
  if (pairs) assert.ok(pairs.length > 0, 'a pair of candidates is selected');
  for (const pair of pairs ?? []) assert.deepEqual(pair, { local: 'relay', remote: 'relay' });
  await turn.stop();
  await until('nothing comes without the TURN server', async () => (await door.frame(CONTENT.anna)) === null);
}

/** Both sides speak one video codec alone. */
function oneCodec(codec, mime) {
  return async (street) => {
    const door = await street.ownDoor({ codec });
    const anna = await street.other('anna', { codec });
    await inCall(anna, door);
    const { codecs } = await anna.carried();
    assert.deepEqual(codecs.filter((name) => name.startsWith('video/')), [mime]);
    await anna.hangup();
    await ended(anna, door, 'hangup');
  };
}

/** Two panels at 720p: on two cores neither encoder may waste time, or frames are missing at both ends. */
async function highDefinition(street) {
  const video = { config: { video: { size: '1280x720', fps: 30 } } };
  const [door, anna] = [await street.ownDoor(video), await street.panel('anna', video)];
  await inCall(anna, door);
  // The jitter buffer and the congestion control settle first.
  await sleep(HD_SETTLE_MS);
  const before = await Promise.all([anna.shown(), door.shown()]);
  await sleep(HD_WINDOW_MS);
  const after = await Promise.all([anna.shown(), door.shown()]);
  for (const [at, panel] of [anna, door].entries()) {
    const rate = ((after[at].frames - before[at].frames) * 1_000) / (after[at].at - before[at].at);
    const encoders = JSON.stringify(after[at].encoders);
    assert.ok(rate >= HD_LEAST, `${panel.name} shows ${rate.toFixed(1)} frames a second of 30; its encoders: ${encoders}`);
    for (const { width, height, fps, reduced } of after[at].encoders) {
      assert.deepEqual({ width, height, fps, reduced }, { width: 1280, height: 720, fps: 30, reduced: false });
    }
  }
}

export default [
  { name: 'anna calls the door', run: annaCalls, quick: true },
  { name: 'the door calls anna', run: doorCalls, quick: true },
  { name: 'one link for the whole call', run: oneLink },
  { name: 'heard at once by a panel that has run long', run: heardAtOnce },
  { name: 'voice only', run: voiceOnly },
  { name: 'no camera at the door', run: noCamera },
  { name: 'relay only', run: relayOnly, needs: ['turnserver'] },
  { name: 'VP8 only', run: oneCodec('vp8', 'video/VP8') },
  { name: '720p at 30 frames a second, both ways', run: highDefinition, seconds: 60 },
  { name: 'H.264 only', run: oneCodec('h264', 'video/H264') },
];
