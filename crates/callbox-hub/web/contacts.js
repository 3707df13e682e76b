// The part of the page that lists people: who is there, who was found, and what is not known.

import { avatar, iconButton, node } from './nodes.js';
import { nameOf } from './words.js';

const $ = (id) => document.getElementById(id);
/** A search waits for the next letter this long. */
const TYPING_MS = 300;

/** `wish(name, detail)` reports what the person wants. */
export class Contacts {
  #painted = '';
  #typing = null;

  constructor(wish) {
    $('contacts').addEventListener('click', (event) => {
      const { user, media } = event.target.closest('button')?.dataset ?? {};
      if (user) wish('call', { users: [user], media });
    });
    const find = () => wish('find', { name: $('search-name').value.trim().replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, 32) });
    $('search-name').addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(find, TYPING_MS);
    });
    $('search').addEventListener('submit', (event) => {
      event.preventDefault();
      clearTimeout(this.#typing);
      find();
    });
    $('more').addEventListener('click', () => wish('more'));
  }

  /** Paints `model.people`. */
  paint({ people, line, said }) {
    const reached = line === 'up' || (line === 'connecting' && !said);
    const text = JSON.stringify([people, line, reached]);
    if (this.#painted === text) return;
    this.#painted = text;
    const { scope, search, contacts } = people;
    $('search').hidden = !search;
    $('more').hidden = !search?.more;
    $('more').disabled = Boolean(search?.searching);
    const words = contacts.length ? '' : nobody(scope, search, reached);
    $('nobody').textContent = words;
    $('nobody').hidden = !words;
    $('contacts').replaceChildren(...contacts.map((contact) => row(contact, line)));
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
