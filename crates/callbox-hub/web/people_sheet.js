// The sheet of a group call: everybody's state in words, and the choice of further people.

import { MOST_DEVICES, MOST_USERS, Picks } from './group.js';
import { avatar, icon, node, replaceRows } from './nodes.js';
import { fullWords, nameOf, rosterWords, tooMany } from './words.js';

const $ = (id) => document.getElementById(id);
const TYPING_MS = 300;
/** Those in one of these states need not be asked again. */
const ON_THE_CALL = ['invited', 'ringing', 'joined'];
const MARK = { joined: 'check', invited: 'phone', ringing: 'bell', declined: 'close', busy: 'phone', no_answer: 'bell', offline: 'leave', left: 'leave' };

/** `wish(name, detail)` reports what the person wants. */
export class PeopleSheet {
  #wish;
  #picks = new Picks();
  #model = null;
  #refused = '';
  #painted = '';
  #typing = null;

  constructor(wish) {
    this.#wish = wish;
    $('people').addEventListener('click', () => this.#open());
    $('sheet-close').addEventListener('click', () => $('sheet').close());
    $('sheet-back').addEventListener('click', () => this.#choose(false));
    $('sheet-add').addEventListener('click', () => this.#choose(true));
    $('sheet').addEventListener('close', () => this.#choose(false));
    // A press beside the sheet closes it, as one on its cross does.
    $('sheet').addEventListener('click', (event) => event.target === $('sheet') && $('sheet').close());
    $('add-list').addEventListener('change', ({ target }) => this.#pick(target));
    $('add-search').addEventListener('input', () => this.#find());
    $('add').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#add();
    });
  }

  /** Paints the button and, while it is open, the sheet. `group` is null in a call that has none. */
  paint(model, group) {
    this.#model = { ...model, group };
    $('people').hidden = !group || model.view.state === 'ringing';
    if ($('people').hidden) return $('sheet').close();
    const count = group.peers.length + 1;
    $('people-count').textContent = count;
    $('people').setAttribute('aria-label', `People: ${count} in the call`);
    if ($('sheet').open) this.#paintSheet();
    return undefined;
  }

  #open() {
    $('sheet').showModal();
    this.#choose(false);
  }

  #choose(on) {
    this.#picks.clear();
    this.#refused = this.#painted = '';
    $('add-search').value = '';
    if (this.#model?.people?.search?.name) this.#wish('find', { name: '' });
    $('sheet').dataset.page = on ? 'add' : 'roster';
    $('sheet-roster').hidden = on;
    $('add').hidden = $('sheet-back').hidden = !on;
    $('sheet-title').textContent = on ? 'Add people' : 'People';
    if (!$('sheet').open) return;
    this.#paintSheet();
    $(on ? 'add-search' : 'sheet-close').focus();
  }

  #paintSheet() {
    const { me, group, people, line } = this.#model;
    const text = JSON.stringify([me, group, people, line, $('sheet').dataset.page, $('add-search').value, this.#picks.users, this.#refused]);
    if (text === this.#painted) return;
    this.#painted = text;
    const full = fullWords(group.peers, MOST_DEVICES);
    $('sheet-full').textContent = full;
    $('sheet-full').hidden = !full;
    $('sheet-add').hidden = !group.mayAdd || Boolean(full);
    if ($('sheet').dataset.page === 'add') this.#paintChoice(people, group, line);
    else replaceRows($('roster'), [rosterRow({ user: me, state: 'joined', own: true }), ...group.roster.map(rosterRow)]);
  }

  #paintChoice({ contacts, search, scope }, { roster }, line) {
    const there = new Set([this.#model.me, ...roster.filter(({ state }) => ON_THE_CALL.includes(state)).map(({ user }) => user)]);
    const typed = $('add-search').value.trim().toLowerCase();
    const fits = ({ user }) => !there.has(user) && (search?.name || user.toLowerCase().includes(typed) || nameOf(user).toLowerCase().includes(typed));
    const shown = contacts.filter(fits);
    const missing = this.#picks.users.filter((user) => !shown.some((contact) => contact.user === user)).map((user) => ({ user, online: false, known: false }));
    replaceRows($('add-list'), [...missing, ...shown].map((contact) => choiceRow(contact, this.#picks.has(contact.user))));
    const nobody = shown.length + missing.length ? '' : search?.searching ? 'Searching…' : typed ? 'Nobody here has a name like that.' : scope === 'some' ? 'Search for a name.' : 'Everybody is on the call already.';
    $('add-words').textContent = this.#refused || nobody;
    $('add-words').hidden = !$('add-words').textContent;
    const { count } = this.#picks;
    $('add-submit').disabled = !count || line !== 'up';
    $('add-submit').textContent = count > 1 ? `Add ${count} people` : count ? `Add ${nameOf(this.#picks.users[0])}` : 'Add';
  }

  #pick(box) {
    this.#picks.most = Math.max(0, MOST_USERS - this.#model.group.roster.length);
    const taken = this.#picks.toggle(box.value, box.checked);
    if (!taken) box.checked = false;
    this.#refused = taken ? '' : tooMany(MOST_USERS);
    this.#paintSheet();
  }

  #find() {
    this.#paintSheet();
    if (!this.#model.people.search) return;
    clearTimeout(this.#typing);
    const name = $('add-search').value.trim().replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 32);
    this.#typing = setTimeout(() => this.#wish('find', { name }), TYPING_MS);
  }

  #add() {
    const { users } = this.#picks;
    if (!users.length) return;
    this.#wish('add', { users });
    this.#choose(false);
  }
}

function rosterRow({ user, state, reason, own = false }) {
  const name = node('p', 'who', {}, node('strong', '', {}, own ? `${nameOf(user)} (you)` : nameOf(user)), node('span', '', {}, rosterWords({ state, reason })));
  return node('li', 'person', { testid: `person-${user}`, user, state }, avatar(user, state === 'joined'), name, own ? '' : icon(MARK[state] ?? 'close'));
}

/** A contact as a box to tick. */
export function choiceRow({ user, online, known }, checked) {
  const box = node('input', 'tick', { testid: `pick-${user}` });
  Object.assign(box, { type: 'checkbox', value: user, checked });
  const presence = online ? 'Here now' : known ? 'Away' : 'Perhaps here';
  const label = node('label', 'choice', {}, avatar(user, online), node('span', 'who', {}, node('strong', '', {}, nameOf(user)), node('span', '', {}, presence)), box);
  return node('li', 'contact', { testid: `contact-${user}`, user, online }, label);
}
