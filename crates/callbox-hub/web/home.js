// The start screen beside its contacts: notices, a group call that can be joined, and the last calls.

import { avatar, icon, iconButton, node } from './nodes.js';
import { ago, brief, isMissed, joinableWords, names, partner } from './words.js';

const $ = (id) => document.getElementById(id);
const SHOWN_CALLS = 12;

/** `wish(name, detail)` reports what the person wants. */
export class Home {
  #wish;
  #painted = new Map();

  constructor(wish) {
    this.#wish = wish;
    $('recent').addEventListener('click', (event) => this.#callFrom(event));
    $('notices').addEventListener('click', (event) => event.target.closest('button') && wish(event.target.closest('button').dataset.wish));
    $('join').addEventListener('click', () => wish('join', { call: $('join').dataset.call }));
  }

  /** Paints `{view, recent, notices, now, line, me}`. */
  paint(model) {
    this.#paintJoinable(model);
    this.#paintRecent(model);
    this.#paintNotices(model);
  }

  /** A group call that goes on without this device. */
  #paintJoinable({ view, line }) {
    const { joinable } = view;
    $('joinable').hidden = !joinable || view.state !== 'idle';
    if (!joinable || !this.#news('joinable', [joinable, line])) return;
    const { call, users, media } = joinable;
    $('joinable-words').textContent = joinableWords(joinable);
    $('joinable-faces').replaceChildren(...users.slice(0, 3).map((user) => avatar(user, true)));
    $('join').dataset.call = call;
    $('join').disabled = line !== 'up';
    $('join').querySelector('use').setAttribute('href', media === 'audio' ? '#i-phone' : '#i-video');
  }

  #paintRecent({ recent, now, line, me }) {
    if (!this.#news('recent', [recent, line, Math.floor(now / 60_000)])) return;
    $('recent-part').hidden = !recent.length;
    $('recent').replaceChildren(...recent.slice(0, SHOWN_CALLS).map((entry) => {
      const missed = isMissed(entry);
      const who = partner(entry, me);
      const row = node('li', `entry${missed ? ' missed' : ''}${entry.fresh ? ' fresh' : ''}`, { testid: missed ? 'missed' : 'past', user: who.join(',') });
      const again = iconButton(entry.media === 'video' ? 'video' : 'phone', 'quiet', `Call ${names(who)} again`, { user: who.join(','), media: entry.media, kind: entry.kind ?? 'single' });
      again.disabled = line !== 'up';
      const how = `${entry.kind === 'group' ? 'Group · ' : ''}${brief(entry)} · ${ago(entry.at, now)}`;
      row.append(icon(entry.direction === 'incoming' ? 'in' : 'out'), node('p', 'who', {}, node('strong', '', {}, names(who)), node('span', '', {}, how)), again);
      return row;
    }));
  }

  #paintNotices({ notices }) {
    if (!this.#news('notices', notices)) return;
    $('notices').replaceChildren(...notices.map(({ icon: picture, text, buttons }) => {
      const notice = node('div', 'notice', { testid: `notice-${buttons.at(-1)?.wish ?? 'text'}` }, icon(picture), node('p', '', {}, text));
      if (buttons.length) notice.append(node('p', 'choices', {}, ...buttons.map(({ label, wish }) => node('button', 'pill', { wish, testid: wish }, label))));
      return notice;
    }));
  }

  #callFrom(event) {
    const { user, media, kind } = event.target.closest('button')?.dataset ?? {};
    if (user) this.#wish('call', { users: user.split(','), media, ...(kind === 'group' && { kind }) });
  }

  #news(part, value) {
    const text = JSON.stringify(value);
    if (this.#painted.get(part) === text) return false;
    this.#painted.set(part, text);
    return true;
  }
}
