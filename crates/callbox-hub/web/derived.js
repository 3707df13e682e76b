// What follows from a state alone: its view, the tone, and what may pass on a link. A pure part of the station.

/** The most characters of a picture. */
const MOST_OF_A_PICTURE = 32 * 1024;

/** The earliest of some times that may be null. */
export const earliest = (...times) => times.reduce((a, b) => (b == null ? a : a == null ? b : Math.min(a, b)), null);

/** Who rings, as an address of a JPEG; null when it is none. */
export function stillOf({ jpeg }) {
  const isOne = typeof jpeg === 'string' && jpeg.length <= MOST_OF_A_PICTURE && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(jpeg);
  return isOne ? `data:image/jpeg;base64,${jpeg}` : null;
}

/** The links to every device of the call. */
export function linksOf({ links, devices, recovery }) {
  return recovery ? [recovery.links] : links ? [links] : [...(devices?.values() ?? [])].map((device) => device.links);
}

/** The devices that ring or talk in it, beside this one. */
export function partiesOf({ name, facts, devices, peer }) {
  if (name === 'idle') return [];
  return devices ? [...devices.values()].map(({ links }) => links.peer) : [peer ?? facts.caller];
}

/** The set-up times of the call and of the link that carries it. */
export function timingOf({ links, recovery, facts }) {
  return (recovery?.links ?? links)?.timing(facts.timing) ?? facts.timing;
}

/** What a person, or a test, may see of it. */
export function viewOf(s) {
  const { name, facts, until, early, peer, mic, camera, remote, recovery, since, callees, devices, still, invite } = s;
  if (name === 'idle') return { state: 'idle', call: null, links: [], parties: [], timing: {} };
  const timing = { ...timingOf(s) };
  return {
    state: name, ...facts, timing, until, early, mic, camera, remote, since, lost: recovery?.broken ?? false, peer: peer ?? null,
    links: linksOf(s).flatMap((links) => links.view), parties: partiesOf(s), waiting: callees?.waiting(devices) ?? [], rings: devices ? devices.size > 0 : true,
    still: still ?? null, invite: invite ?? null,
  };
}

/** The tone of a state, or null when it leaves the tone as it is. */
export function toneOf({ name, devices }) {
  if (name === 'idle') return null;
  if (name === 'ringing') return 'ring';
  return name === 'inviting' && devices.size > 0 ? 'ring_back' : 'silence';
}

/** The tone with which a call ends: who rang hears that it failed, who was rung hears silence. */
export function closingTone({ direction }, reason) {
  return direction === 'outgoing' && !['hangup', 'cancelled', 'answered_elsewhere'].includes(reason) ? 'busy' : 'silence';
}

/** Before accept nothing passes but the inviter's picture, and that only as a preview. */
export function flowOf({ name, facts, mic, camera, devices, early }, peer) {
  const video = facts.media === 'video';
  if (name === 'talking') return { sendAudio: mic, sendVideo: camera, playAudio: true, playVideo: video };
  const inviter = name === 'inviting';
  const preview = video && (inviter ? devices.get(peer)?.early : early) === 'preview';
  return { sendAudio: false, sendVideo: inviter && preview && camera, playAudio: false, playVideo: !inviter && preview };
}

/** What is let out: what the person wants, as far as there is a device for it. */
export function sentOf({ mic, camera, captured }) {
  return { audio: mic && captured?.audio !== false, video: camera && captured?.video !== false };
}
