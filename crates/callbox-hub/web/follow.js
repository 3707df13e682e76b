// What follows from a state alone: its deadline, its view, the tone, and what may pass on a link. A pure part of the station.

/** Every wait, in milliseconds. */
export const LIMITS = { resendAccept: 1_000, accept: 10_000, backstop: 5_000 };

const first = (...times) => times.reduce((a, b) => (b == null ? a : a == null ? b : Math.min(a, b)), null);

/** When the next tick is due, or null. */
export function deadlineOf({ name, until, callees, resend, path }) {
  switch (name) {
    case 'inviting': return first(until, callees.deadline);
    case 'ringing': return until;
    case 'accepting': return first(until, resend);
    case 'talking': return path.deadline;
    default: return null;
  }
}

/** The most characters of a picture. */
const MOST_OF_A_PICTURE = 32 * 1024;

/** Who rings, as an address of a JPEG; null when it is none. */
export function stillOf({ jpeg }) {
  const isOne = typeof jpeg === 'string' && jpeg.length <= MOST_OF_A_PICTURE && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(jpeg);
  return isOne ? `data:image/jpeg;base64,${jpeg}` : null;
}

/** What a person, or a test, may see of it. */
export function viewOf({ name, facts, lines, until, early, peer, mic, camera, remote, path, since, callees, still }) {
  if (name === 'idle') return { state: 'idle', call: null, links: [], timing: {} };
  return {
    state: name, ...facts, until, early, mic, camera, remote, since, lost: path?.lost ?? false, peer: peer ?? null,
    links: lines.view, waiting: callees?.waiting ?? [], rings: callees?.rings ?? true, still: still ?? null,
  };
}

/** The tone of a state, or null when it leaves the tone as it is. */
export function toneOf({ name, callees }) {
  if (name === 'idle') return null;
  if (name === 'ringing') return 'ring';
  return name === 'inviting' && callees.rings ? 'ring_back' : 'silence';
}

/** The tone with which a call ends: who rang hears that it failed, who was rung hears silence. */
export function closingTone({ direction }, reason) {
  return direction === 'outgoing' && !['hangup', 'cancelled'].includes(reason) ? 'busy' : 'silence';
}

/** Before accept nothing passes but the inviter's picture, and that only as a preview. */
export function flowOf({ name, mic, camera, callees, early }, link) {
  if (name === 'talking') return { sendAudio: mic, sendVideo: camera, playAudio: true, playVideo: true };
  const inviter = name === 'inviting';
  const preview = (inviter ? callees.early(link.peer) : early) === 'preview';
  return { sendAudio: false, sendVideo: inviter && preview && camera, playAudio: false, playVideo: !inviter && preview };
}

/** What is let out: what the person wants, as far as there is a device for it. */
export function sentOf({ mic, camera, captured }) {
  return { audio: mic && captured?.audio !== false, video: camera && captured?.video !== false };
}
