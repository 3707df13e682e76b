// What a person reads: end reasons, states and times in kind words.

/** `flat-3` → `Flat 3`. */
export function nameOf(user) {
  const text = user.replace(/[_-]+/g, ' ').trim() || user;
  return text[0].toUpperCase() + text.slice(1);
}

/** One or two letters for a round badge. */
export function initials(user) {
  const parts = user.split(/[_-]+/).filter(Boolean);
  return (parts.length > 1 ? parts[0][0] + parts[1][0] : user[0]).toUpperCase();
}

/** Hues that are neither the green of accept nor the red of decline. */
const HUES = [22, 36, 178, 202, 226, 262, 296, 328];

/** A stable hue for each name. */
export function hue(user) {
  let hash = 0x811c9dc5;
  for (const character of user) hash = Math.imul(hash ^ character.codePointAt(0), 0x01000193) >>> 0;
  return HUES[((hash ^ (hash >>> 15)) >>> 0) % HUES.length];
}

/** `Anna`, `Anna and Ben`, `Anna, Ben and Cleo`, `Anna, Ben and 2 more`. */
export function names(users) {
  const all = users.map(nameOf);
  if (all.length < 3) return all.join(' and ');
  return `${all[0]}, ${all[1]} and ${all.length === 3 ? all[2] : `${all.length - 2} more`}`;
}

/** 75 s → `1:15`. */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${String(m).padStart(2, '0')}:${String(s).padStart(2, '0')}` : `${m}:${String(s).padStart(2, '0')}`;
}

/** `just now`, `5 min ago`, `14:05`, `Tue 14:05`. */
export function ago(then, now) {
  const minutes = Math.floor((now - then) / 60_000);
  if (minutes < 1) return 'just now';
  if (minutes < 60) return `${minutes} min ago`;
  const date = new Date(then);
  const time = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  return date.toDateString() === new Date(now).toDateString() ? time : `${date.toLocaleDateString([], { weekday: 'short' })} ${time}`;
}

const OUTGOING = {
  hangup: () => 'Call ended',
  rejected: (who) => `${who} can’t talk right now`,
  no_answer: (who) => `${who} didn’t answer`,
  offline: (who) => `${who} isn’t connected right now`,
  busy: (who) => `${who} is in another call`,
  cancelled: () => 'Call cancelled',
};
const INCOMING = {
  hangup: () => 'Call ended',
  rejected: () => 'Call declined',
  no_answer: (who) => `You missed a call from ${who}`,
  busy: (who) => `${who} called while you were talking`,
  cancelled: (who) => `You missed a call from ${who}`,
  offline: (who) => `${who} is gone`,
};
const EITHER = {
  answered_elsewhere: () => 'Answered on another device',
  rejected_elsewhere: () => 'Declined on another device',
  unsupported_version: (who) => `${who} uses a version that doesn’t fit this one`,
  media_failed: (who) => `No picture or sound got through to ${who}`,
  network_lost: (who) => `The connection to ${who} was lost`,
  ended_by_server: () => 'The call was ended by the house',
  too_many: () => 'The call is full: at most six devices',
};
const ADVICE = {
  offline: 'They’ll see that you called.',
  media_failed: 'The network between you may be blocking calls.',
  network_lost: 'Please try again in a moment.',
  unsupported_version: 'Reload this page; perhaps the other side needs an update.',
  too_many: 'You can join as soon as somebody leaves.',
};

/** Whom a record is about, seen from here. `me`: of a group that somebody else called, the others are named too. */
export function partner({ kind, peer, direction, caller, callees }, me = null) {
  if (kind === 'group' && direction === 'incoming' && me) return [caller.user, ...callees.filter((user) => user !== me && user !== caller.user)];
  if (kind === 'group' && direction !== 'incoming') return callees;
  if (peer) return [peer.user];
  return direction === 'incoming' ? [caller.user] : callees;
}

/** A call that nobody here picked up, though somebody wanted to talk. */
export function isMissed({ direction, reason, opened }) {
  return !opened && direction === 'incoming' && ['no_answer', 'cancelled', 'busy'].includes(reason);
}

/** How a call ended, in one sentence and perhaps a second one. */
export function ending(record, me = null) {
  const who = names(partner(record, me));
  if (record.opened) return { words: 'You opened the door', more: record.talked ? `${who} · ${clock(record.talked)}` : who };
  const words = (record.direction === 'incoming' ? INCOMING : OUTGOING)[record.reason] ?? EITHER[record.reason];
  const elsewhere = record.reason === 'answered_elsewhere' && record.answeredBy && !partner(record).includes(record.answeredBy.user);
  if (elsewhere) return { words: `${nameOf(record.answeredBy.user)} answered`, more: '' };
  const more = record.talked ? `${who} · ${clock(record.talked)}` : ADVICE[record.reason] ?? '';
  return { words: words ? words(who) : 'Call ended', more };
}

/** What the button that opens the door says. */
export function doorWords({ phase, code }) {
  switch (phase) {
    case 'asking': return 'Opening…';
    case 'open': return 'The door is unlocked';
    case 'failed': return { forbidden: 'You may not open this door', too_many: 'Please wait a moment', failed: 'The door didn’t open' }[code] ?? 'No answer from the door';
    default: return 'Open the door';
  }
}

/** What the door's contacts say that a person should know, or nothing. */
export function doorState({ state, tamper }) {
  if (tamper) return 'Somebody is tampering with the panel!';
  return { open: 'The door stands open', open_too_long: 'The door has been open for too long' }[state] ?? '';
}

const BRIEF = {
  hangup: 'Talked', rejected: 'Declined', no_answer: 'No answer', offline: 'Was away', busy: 'Busy', cancelled: 'Cancelled',
  answered_elsewhere: 'Answered elsewhere', rejected_elsewhere: 'Declined elsewhere', unsupported_version: 'Didn’t work',
  media_failed: 'Didn’t work', network_lost: 'Connection lost', ended_by_server: 'Ended by the house', too_many: 'Was full',
};

/** How a call ended, for a list. */
export function brief(record) {
  if (record.opened) return 'Door opened';
  if (isMissed(record)) return 'Missed call';
  return record.talked ? `${BRIEF[record.reason] ?? 'Talked'} ${clock(record.talked)}` : BRIEF[record.reason] ?? 'Ended';
}

/** What is going on right now, for the line under the name. */
export function status(view, now) {
  if (view.kind === 'group') return groupStatus(view, now);
  switch (view.state) {
    case 'inviting':
      if (view.rings) return 'Ringing…';
      return view.waiting.length ? 'Not connected. It rings as soon as they are back…' : 'Calling…';
    case 'ringing': return view.media === 'video' ? 'would like to see you' : 'is calling';
    case 'accepting': return 'Connecting…';
    case 'talking': return view.links.some((link) => link.connected) || view.lost ? clock(now - view.since) : 'Connecting…';
    default: return '';
  }
}

function groupStatus(view, now) {
  const peers = view.peers ?? [];
  switch (view.state) {
    case 'inviting': return (view.roster ?? []).some(({ state }) => state === 'ringing') || view.rings ? 'Ringing…' : 'Calling…';
    case 'ringing': return ringingGroup(view);
    case 'talking': {
      if (!peers.length) return 'Waiting for the others…';
      const connected = peers.some(({ state }) => state !== 'connecting');
      return connected ? `${clock(now - view.since)} · ${peers.length + 1} in the call` : 'Connecting…';
    }
    default: return view.state === 'idle' ? '' : 'Connecting…';
  }
}

/** A group rings: everybody whom the caller asked, beside this device's user. */
function ringingGroup({ roster, caller, media }) {
  const others = (roster ?? []).map(({ user }) => user).filter((user) => user !== caller.user);
  const what = media === 'video' ? 'Group video call' : 'Group call';
  return others.length ? `${what} with ${names(others)}` : what;
}

const ROSTER = {
  invited: 'Calling…', ringing: 'Ringing…', joined: 'In the call', declined: 'Declined', busy: 'In another call', no_answer: 'Didn’t answer',
  offline: 'Not connected', left: 'Left the call',
};
const ROSTER_SPOKEN = {
  invited: (who) => `Calling ${who}`, ringing: (who) => `It rings at ${who}`, joined: (who) => `${who} joined`, declined: (who) => `${who} declined`,
  busy: (who) => `${who} is in another call`, no_answer: (who) => `${who} didn’t answer`, offline: (who) => `${who} isn’t connected`, left: (who) => `${who} left`,
};
const ROSTER_REASON = {
  too_many: 'No room: the call is full', network_lost: 'Connection lost', media_failed: 'No picture or sound got through',
  unsupported_version: 'Can’t take part in group calls', ended_by_server: 'Ended by the house',
};

/** The states of a person on a group call. */
export const ROSTER_STATES = Object.keys(ROSTER);

/** How this person stands to the group call, for a list. */
export function rosterWords({ state, reason }) {
  const why = ['invited', 'ringing', 'joined'].includes(state) ? null : ROSTER_REASON[reason];
  return why ?? ROSTER[state] ?? 'Not in the call';
}

/** The same when it changes, as a sentence. */
export function rosterNews({ user, state, reason }) {
  const why = ['declined', 'busy', 'left'].includes(state) ? ROSTER_REASON[reason] : null;
  if (why) return `${nameOf(user)}: ${why.toLowerCase()}`;
  return ROSTER_SPOKEN[state]?.(nameOf(user)) ?? '';
}

const PEER = { connecting: 'Connecting…', talking: '', lost: 'Connection lost, trying again…' };

/** The states of a device in a group call. */
export const PEER_STATES = Object.keys(PEER);

/** What is written over this peer's picture, or nothing. `frozen`: its picture should move and does not. */
export function peerWords({ state }, frozen = false) {
  return PEER[state] || (frozen ? 'The picture stands still' : '');
}

/** Why no further person can be added or picked. */
export function tooMany(most) {
  return `A group call asks at most ${most} people.`;
}

/** Why nobody can be added to this call, or nothing. */
export function fullWords(peers, most) {
  return peers.length + 1 >= most ? 'The call is full: at most six devices' : '';
}

/** A call that goes on without this device. */
export function joinableWords({ users }) {
  return users.length ? `${names(users)} ${users.length > 1 ? 'are' : 'is'} talking.` : 'A group call is going on.';
}

/** What the button says that rings everybody who is picked. */
export function callWords(users) {
  return users.length === 1 ? `Call ${nameOf(users[0])}` : `Call ${users.length} people`;
}

const REFUSED = {
  70002: 'This link holds no ticket. Please ask for a new one.',
  70003: 'This link isn’t whole. Copy all of it, or ask for a new one.',
  70009: 'This link belongs to another house. Please ask for a new one.',
  70013: 'This link belongs to somebody else.',
  70014: 'This link belongs to another house.',
};

/** Why the hub does not let us in, for good. */
export function refusal({ code, text }) {
  return REFUSED[code] ?? (text || 'The hub did not let you in. Please ask for a new link.');
}

/** Why the hub does not let us in now. `clock`: {fault, times, hub, here} where a ticket's time is the reason. */
export function waiting({ reason, code, text, clock }) {
  const again = 'This page tries again by itself.';
  switch (clock?.fault) {
    case 'hub_behind': return `The hub’s clock is behind: it says ${moment(clock.hub)}, and this device says ${moment(clock.here)}. Whoever runs the hub should set its clock. ${again}`;
    case 'hub_ahead': return `By the hub’s clock (${moment(clock.hub)}) your sign-in has run out, by this device’s (${moment(clock.here)}) it hasn’t. One of the two clocks is wrong. ${again}`;
    case 'maker_ahead': return `Your sign-in was made by a clock that is ahead: it is good from ${moment(clock.times.from)}. ${again}`;
    case 'expired': return `Your sign-in ran out on ${moment(clock.times.until)}. Please ask for a new link.`;
    default:
  }
  if (code === 70001 || reason === 'ticket_expired') return 'Your sign-in has run out. Please ask for a new link.';
  const words = { shutdown: 'The hub is starting anew.', too_fast: 'This page sent too much at once.', too_slow: 'This connection is too slow.' }[reason];
  return `${words ?? (sentence(text) || 'The hub can’t let you in right now.')} ${again}`;
}

function moment(time) {
  return new Date(time).toLocaleString([], { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
}

function sentence(text) {
  return text && `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}
