// Pieces of the page: elements, icons, buttons and badges.

import { hue, initials } from './words.js';

/** An element with a class, data attributes and children. */
export function node(tag, name = '', data = {}, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  for (const [key, value] of Object.entries(data)) element.dataset[key] = value;
  element.append(...children);
  return element;
}

/** One of the symbols of the page. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

/** A button that is an icon; its words are for who cannot see it. */
export function iconButton(name, className, label, data) {
  const button = node('button', className, data, icon(name));
  button.type = 'button';
  button.setAttribute('aria-label', label);
  button.title = label;
  return button;
}

/** The round badge of a user, with a mark when it is known whether they are there. */
export function avatar(user, online = null) {
  const badge = node('span', 'avatar', online === null ? {} : { online }, initials(user));
  badge.style.setProperty('--hue', hue(user));
  badge.setAttribute('aria-hidden', 'true');
  return badge;
}

/** Replaces the rows of a list. What had the focus in it has it again, when it is still there. */
export function replaceRows(list, rows) {
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.testid : null;
  list.replaceChildren(...rows);
  if (focused) list.querySelector(`[data-testid="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}
