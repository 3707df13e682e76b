// The part of the page that lists people: who is there, who was found, what is not known, and who is picked for a group call.

import { MOST_USERS, Picks } from './group.js';
import { avatar, iconButton, node, replaceRows } from './nodes.js';
import { choiceRow } from './people_sheet.js';
import { callWords, nameOf, names, tooMany } from './words.js';

const $ = (id) => document.getElementById(id);
/** A search waits for the next letter this long. */
const TYPING_MS = 300;
/** A press of this length picks; a finger that moves further than this scrolls. */
const LONG_PRESS_MS = 500;
const SCROLL_PX = 10;

/** `wish(name, detail)` reports what the person wants. */
export class Contacts {
  #wish;
  #painted = '';
  #typing = null;
  #model = null;
  #picks = new Picks();
  #picking = false;
  #refused = '';
  #press = null;

  constructor(wish) {
    this.#wish = wish;
    this.#listenToRows();
    this.#listenToSearch();
    $('select').addEventListener('click', () => this.#pickMode(!this.#picking));
    $('picked-close').addEventListener('click', () => this.#pickMode(false));
    for (const media of ['audio', 'video']) $(`picked-${media}`).addEventListener('click', () => this.#call(media));
    addEventListener('keydown', (event) => event.key === 'Escape' && this.#picking && !$('home').inert && this.#pickMode(false));
  }

  /** Paints `model.people`. */
  paint(model) {
    const { people, line, said } = (this.#model = model);
    const reached = line === 'up' || (line === 'connecting' && !said);
    const text = JSON.stringify([people, line, reached, this.#picking, this.#refused]);
    if (this.#painted === text) return;
    this.#painted = text;
    const { scope, search, contacts } = people;
    $('search').hidden = !search;
    $('more').hidden = !search?.more;
    $('more').disabled = Boolean(search?.searching);
    const words = contacts.length ? '' : nobody(scope, search, reached);
    $('nobody').textContent = words;
    $('nobody').hidden = !words;
    $('select').hidden = contacts.length < 2 && !this.#picking;
    replaceRows($('contacts'), contacts.map((contact) => (this.#picking ? choiceRow(contact, this.#picks.has(contact.user)) : row(contact, line))));
    this.#paintBar(line);
  }

  #paintBar(line) {
    const { users, count } = this.#picks;
    $('picked').hidden = !this.#picking;
    $('home').dataset.picking = this.#picking;
    $('select').setAttribute('aria-pressed', String(this.#picking));
    $('select').textContent = this.#picking ? 'Done' : 'Select';
    $('picked-words').textContent = this.#refused || (count ? names(users) : 'Pick the people for a group call.');
    $('picked-words').dataset.refused = Boolean(this.#refused);
    for (const media of ['audio', 'video']) $(`picked-${media}`).disabled = !count || line !== 'up';
    $('picked-video').querySelector('span').textContent = count ? callWords(users) : 'Call';
    $('picked-audio').setAttribute('aria-label', `${count ? callWords(users) : 'Call'} by voice`);
  }

  #pickMode(on, user = null) {
    this.#picks.clear();
    this.#refused = '';
    this.#picking = on;
    if (user) this.#picks.toggle(user);
    const { activeElement } = document;
    this.paint(this.#model);
    // The bar goes and takes the focus with it.
    if (!on && $('picked').contains(activeElement)) $('select').focus();
  }

  #pick(box) {
    const taken = this.#picks.toggle(box.value, box.checked);
    if (!taken) box.checked = false;
    this.#refused = taken ? '' : tooMany(MOST_USERS);
    this.#paintBar(this.#model.line);
  }

  #call(media) {
    const { users } = this.#picks;
    this.#pickMode(false);
    this.#wish('call', users.length > 1 ? { users, media, kind: 'group' } : { users, media });
  }

  #listenToRows() {
    const list = $('contacts');
    list.addEventListener('click', (event) => {
      const { user, media } = event.target.closest('button')?.dataset ?? {};
      if (user) this.#wish('call', { users: [user], media });
    });
    list.addEventListener('change', ({ target }) => target.value && this.#pick(target));
    list.addEventListener('pointerdown', (event) => this.#pressed(event));
    list.addEventListener('pointermove', ({ clientX, clientY }) => {
      if (this.#press && Math.hypot(clientX - this.#press.x, clientY - this.#press.y) > SCROLL_PX) this.#release();
    });
    for (const end of ['pointerup', 'pointercancel', 'pointerleave']) list.addEventListener(end, () => this.#release());
    // A long press of a finger would open the browser's menu.
    list.addEventListener('contextmenu', (event) => (this.#press || this.#picking) && event.preventDefault());
  }

  #pressed({ target, clientX: x, clientY: y, button }) {
    const { user } = target.closest('.contact')?.dataset ?? {};
    if (!user || button !== 0 || this.#picking || target.closest('button')) return;
    this.#press = { x, y, timer: setTimeout(() => {
      this.#press = null;
      this.#pickMode(true, user);
      $('contacts').querySelector(`[data-testid="pick-${user}"]`)?.focus({ preventScroll: true });
    }, LONG_PRESS_MS) };
  }

  #release() {
    clearTimeout(this.#press?.timer);
    this.#press = null;
  }

  #listenToSearch() {
    const find = () => this.#wish('find', { name: $('search-name').value.trim().replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 32) });
    $('search-name').addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(find, TYPING_MS);
    });
    $('search').addEventListener('submit', (event) => {
      event.preventDefault();
      clearTimeout(this.#typing);
      find();
    });
    $('more').addEventListener('click', () => this.#wish('more'));
  }
}

function row({ user, online, known }, line) {
  const name = nameOf(user);
  const element = node('li', 'contact', { testid: `contact-${user}`, user, online });
  const presence = online ? 'Here now' : known ? 'Away' : 'Perhaps here';
  element.append(avatar(user, online), node('p', 'who', {}, node('strong', '', {}, name), node('span', '', {}, presence)));
  for (const [media, icon, label] of [['audio', 'phone', `Call ${name} by voice`], ['video', 'video', `Call ${name} by video`]]) {
    const button = iconButton(icon, `round small${media === 'video' ? ' green' : ''}`, label, { testid: `call-${media}-${user}`, user, media });
    button.disabled = line !== 'up';
    element.append(button);
  }
  return element;
}

/** What is said in place of an empty list. */
function nobody(scope, search, reached) {
  if (!reached) return 'Who is here can’t be told while this page isn’t connected.';
  if (scope === 'all') return 'Nobody else is here yet. As soon as a door or a neighbour connects, it appears here.';
  if (scope === 'unknown') return 'Looking who is here…';
  if (search.name === '') return 'This house has too many people to list them all. Search for a name; whom you have talked with appears here.';
  return search.searching ? 'Searching…' : 'Nobody here has a name like that.';
}
