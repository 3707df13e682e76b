// What follows from a state alone: its view, the tone, and what may pass on a link. A pure part of the station.

import { same } from './call.js';
import { mayAdd } from './group_call.js';

/** The most characters of a picture. */
const MOST_OF_A_PICTURE = 32 * 1024;

/** The earliest of some times that may be null. */
export const earliest = (...times) => times.reduce((a, b) => (b == null ? a : a == null ? b : Math.min(a, b)), null);

/** Who rings, as an address of a JPEG; null when it is none. */
export function stillOf({ jpeg }) {
  const isOne = typeof jpeg === 'string' && jpeg.length <= MOST_OF_A_PICTURE && /^\/9j\/[A-Za-z0-9+/]*={0,2}$/.test(jpeg);
  return isOne ? `data:image/jpeg;base64,${jpeg}` : null;
}

/** The invites of this device: of one that rings others, and of a group. */
const invitesOf = ({ invitations, group }) => (invitations ? [invitations] : group?.invitations ?? []);

/** The links to every device of the call. */
export function linksOf(s) {
  const own = s.peers?.values.map(({ path }) => path.links) ?? [s.links].filter(Boolean);
  return [...own, ...invitesOf(s).flatMap((batch) => batch.links)];
}

/** The devices that ring or talk in it, beside this one. */
export function partiesOf(s) {
  if (s.name === 'ringing' || s.name === 'accepting') return [s.facts.caller];
  return [...(s.peers?.keys ?? []), ...invitesOf(s).flatMap(({ devices }) => devices)];
}

/** The set-up times of the call and of the link that carries it: that of the first peer that is still there. */
export function timingOf({ links, peers, first, facts }) {
  const peer = peers && ((first && peers.get(first)) ?? peers.values[0]);
  return (peer?.path.links ?? links)?.timing(facts.timing) ?? facts.timing;
}

/** The link whose picture and sound are shown, or null: in a group, each peer has its own. */
export function usedOf({ name, links, peers, group }) {
  const shown = name === 'talking' ? !group && peers.values[0]?.path.links : name === 'ringing' || name === 'accepting' ? links : null;
  return shown ? shown.best : null;
}

/** What a person, or a test, may see of it. */
export function viewOf(s, { joinable, now, me }) {
  const { name, facts, until, early, peers, mic, camera, since, still, invite } = s;
  const runs = joinable.view(now);
  if (name === 'idle') return { state: 'idle', call: null, links: [], parties: [], timing: {}, joinable: runs };
  const invites = invitesOf(s);
  const [first] = peers?.values ?? [];
  return {
    state: name, ...facts, timing: { ...timingOf(s) }, until: until ?? invites[0]?.until, early, mic, camera, remote: first?.remote, since,
    lost: peers?.size > 0 && peers.values.every(({ path }) => path.broken), peer: first?.device ?? null, links: linksOf(s).flatMap((links) => links.view),
    parties: partiesOf(s), waiting: invites.flatMap(({ waiting }) => waiting), rings: name !== 'inviting' || invites[0].devices.length > 0,
    still: still ?? null, invite: invite ?? null, joinable: runs, ...groupOf(s, me),
  };
}

/** What is to be seen of a group: `peers`, in order of their addresses; `roster`, as `Group.view` returns it; `may_add`. */
function groupOf({ facts, peers, group, roster, invitations }, me) {
  if (facts.kind !== 'group') return { peers: [], roster: [], may_add: peers ? mayAdd({ group, peers }) : false };
  const asked = (user, reason = null) => ({ user, state: reason ? 'ended' : invitations.devices.some((device) => device.user === user) ? 'ringing' : 'invited', reason });
  const rung = invitations && [...invitations.open.map((user) => asked(user)), ...invitations.refusals.map(({ user, reason }) => asked(user, reason))];
  return { peers: peers?.values.map((peer) => peer.view) ?? [], roster: group?.view ?? rung ?? heardOf(facts, roster, me), may_add: group ? mayAdd({ group, peers }) : false };
}

/** While it rings: what members said, and of whom nobody said anything yet, what the invite says. */
function heardOf({ caller, callees }, { parts }, me) {
  const known = new Set([me.user, ...parts.map(({ user }) => user)]);
  const named = [...new Set([caller.user, ...callees])].filter((user) => !known.has(user));
  return [...parts, ...named.map((user) => ({ user, state: user === caller.user ? 'joined' : 'invited', reason: null }))];
}

/** The tone of a state, or null when it leaves the tone as it is. */
export function toneOf({ name, invitations }) {
  if (name === 'idle') return null;
  if (name === 'ringing') return 'ring';
  return name === 'inviting' && invitations.devices.length > 0 ? 'ring_back' : 'silence';
}

/** The tone with which a call ends: who rang hears that it failed, who was rung hears silence. */
export function closingTone({ direction }, reason) {
  return direction === 'outgoing' && !['hangup', 'cancelled', 'answered_elsewhere'].includes(reason) ? 'busy' : 'silence';
}

/** What may pass on the links to this device. Before accept that is the inviter's picture alone, and only as a preview. */
export function flowOf(s, device) {
  const { name, facts, mic, camera, early, peers } = s;
  const video = facts.media === 'video';
  if (peers?.has(device)) return { sendAudio: mic, sendVideo: camera, playAudio: true, playVideo: video };
  const isCallee = name === 'ringing' || name === 'accepting';
  const shows = invitesOf(s).some((batch) => batch.links.some(({ peer }) => same(peer, device)) && batch.previews(device));
  return { sendAudio: false, sendVideo: shows && camera, playAudio: false, playVideo: isCallee && video && early === 'preview' };
}

/** What is let out: what the person wants, as far as there is a device for it. */
export function sentOf({ mic, camera, captured }) {
  return { audio: mic && captured?.audio !== false, video: camera && captured?.video !== false };
}
