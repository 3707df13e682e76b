// Replays what the Rust station did (crates/callbox-core/tests/street/recorder.rs) with the page's station and door, and says where they differ.

import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Door } from '../web/door.js';
import { Station } from '../web/station.js';

/** Inputs that a page does not have. A story is replayed up to the first of them. */
export const NOT_IN_A_PAGE = {
  'call in turn': 'a page has no plan of whom to ring next',
  'do not disturb': 'the browser and the phone decide about quiet',
  'picture taken': 'a page sends no picture before it is accepted',
  door: 'a page has no relay and no door contact',
  'local time': 'a page has no times of quiet',
  'wrong fingerprint': 'the browser itself checks the certificate, and reports a failed link',
};

/** Every story: `{name, me, settings, steps: [[milliseconds, input, changes]]}`. */
export function stories(file = new URL('./stories/station.jsonl', import.meta.url)) {
  return readFileSync(file, 'utf8').trimEnd().split('\n').map((line) => readStory(JSON.parse(line)));
}

/** Puts the values of the story's table where `{"#": index}` names them (`shorthand.rs`). */
function readStory({ table, ...story }) {
  const known = [];
  const written = (value) => {
    if (value === null || typeof value !== 'object') return value;
    if (Array.isArray(value)) return value.map(written);
    return '#' in value ? known[value['#']] : Object.fromEntries(Object.entries(value).map(([name, field]) => [name, written(field)]));
  };
  for (const value of table) known.push(written(value));
  return { ...story, steps: written(story.steps) };
}

/** Replays one with these stations. Returns `{steps, cut, difference}`: how many steps were replayed, which input cut it short, and the first difference. */
export function replay({ me, settings, steps }, parts = { Station, Door }) {
  const page = new Page(addressOf(me), settings, parts);
  const expected = { peers: [], roster: [], joinable: null };
  for (const [at, [now, input, changes]] of steps.entries()) {
    if (input.none) {
      if (!NOT_IN_A_PAGE[input.none]) throw new Error(`${input.none}: no reason is known why a page does not have it`);
      return { steps: at, cut: input.none, difference: null };
    }
    const { says = [], media = [], records = [], id, ...state } = changes;
    Object.assign(expected, state);
    const found = page.take(now, input, id);
    const wanted = { ...expected, says, media, records };
    const name = Object.keys(wanted).find((key) => !isDeepStrictEqual(wanted[key] ?? null, found[key] ?? null));
    if (name) return { steps: at, cut: null, difference: { step: at, now, input, name, wanted: wanted[name], found: found[name] } };
  }
  return { steps: steps.length, cut: null, difference: null };
}

/** A page without a browser: its station, its door, and what their effects have led to. */
class Page {
  #station; #door; #id;
  #tone = 'silence';
  #flows = {};

  constructor(me, { early, ring }, parts) {
    const ids = () => this.#id ?? 'an id that the Rust station did not make';
    this.#station = new parts.Station({ me, ids, early: () => early, ring });
    this.#door = new parts.Door(ids);
  }

  take(now, given, id) {
    this.#id = id;
    const input = inputOf(given);
    const effects = [...this.#station.handle(now, input)];
    effects.push(...this.#door.handle(now, input, this.#station.view()));
    const out = { says: [], media: [], records: [] };
    for (const effect of effects) this.#carryOut(effect, out);
    const { state, call, peer, mic, camera, peers = [], roster, joinable } = this.#station.view();
    const due = Math.min(this.#station.deadline() ?? Infinity, this.#door.wishUntil ?? Infinity);
    return {
      state, call, peer: peer && nameOf(peer), wants: state === 'idle' ? null : [mic, camera], due: due === Infinity ? null : due,
      tone: this.#tone, flows: this.#flows, peers: peers.map(({ device, state: path, audio, video }) => [nameOf(device), path, audio, video]),
      // Before it talks a page shows more of the roster than a panel does.
      roster: state === 'talking' ? roster.map(({ user, state: part, reason }) => [user, part, reason]) : [],
      joinable: joinable && [joinable.call, joinable.media, joinable.users], ...out,
    };
  }

  #carryOut(effect, out) {
    const link = effect.link && `${nameOf(effect.link.peer)}#${effect.link.number}`;
    switch (effect.do) {
      case 'send': {
        const { text, ...message } = effect.message;
        out.says.push([effect.to.device ? nameOf(effect.to) : effect.to.user, plain(message)]);
        break;
      }
      case 'open':
        this.#flows[link] = '';
        out.media.push(['open', link, effect.media, effect.offerer]);
        break;
      case 'close':
        delete this.#flows[link];
        out.media.push(['close', link]);
        break;
      case 'offer': case 'answer': out.media.push([effect.do, link, effect.sdp]); break;
      case 'candidate': out.media.push([effect.do, link, effect.candidate, effect.mline]); break;
      case 'picture': out.media.push(['picture', link, effect.size]); break;
      case 'gate': this.#flows[link] = lettersOf(effect.flow); break;
      case 'tone': this.#tone = effect.tone; break;
      case 'record': out.records.push(recordOf(effect.record)); break;
      case 'prepare': case 'release': case 'use': case 'show': break;
      default: throw new Error(`${effect.do}: an effect that the replay does not know`);
    }
  }
}

function inputOf(given) {
  const { heard, from, press, signaling, network, presence, online, result, link, of, more, tick, ...rest } = given;
  if (heard) return { type: 'heard', from: addressOf(from), message: heard };
  if (press) return { type: 'pressed', action: press, ...rest };
  if (signaling !== undefined) return { type: 'signaling', up: signaling };
  if (network) return { type: 'network' };
  if (presence) return { type: 'presence', ...addressOf(presence), online };
  if (result) return { type: 'result', code: result, ...rest };
  if (link) return { type: 'link', link: { call: of[0], peer: addressOf(of[1]), number: of[2] }, event: link, ...more };
  if (tick) return { type: 'tick' };
  throw new Error(`${JSON.stringify(given)}: an input that the replay does not know`);
}

function recordOf({ call, direction, kind, media, caller, callees, peer, answeredBy, reason, lasted, talked, timing, parties }) {
  const name = (address) => (address ? nameOf(address) : null);
  const times = parties.map(({ device, joined, left, reason: why }) => [nameOf(device), joined, left, why]);
  return plain({ call, direction, kind, media, caller: nameOf(caller), callees, peer: name(peer), answeredBy: name(answeredBy), reason, lasted, talked, timing, parties: times });
}

function addressOf(name) {
  const [user, device] = name.split('/');
  return { user, device };
}

const nameOf = ({ user, device }) => `${user}/${device}`;
const lettersOf = ({ sendAudio, sendVideo, playAudio, playVideo }) =>
  [[sendAudio, 'a'], [sendVideo, 'v'], [playAudio, 'A'], [playVideo, 'V']].filter(([on]) => on).map(([, letter]) => letter).join('');
/** As it would be on the wire. */
const plain = (value) => JSON.parse(JSON.stringify(value));
