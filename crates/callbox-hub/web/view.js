// Everything a person sees and touches: paints the model, reports wishes. Decides nothing.

import { ago, brief, doorState, doorWords, ending, hue, initials, isMissed, nameOf, names, partner, status } from './words.js';

const $ = (id) => document.getElementById(id);
const LINE = { up: 'Connected', connecting: 'Connecting…', down: 'Reconnecting…', off: 'Signed out' };
/** A picture may lose this much of itself to fill the screen. */
const CROP = 0.34;

/** The page. `wish(name, detail)` reports what the person wants. */
export class View {
  #wish;
  #painted = new Map();
  #shown = null;
  #fill = null;
  #ambience = $('ambience').getContext('2d', { alpha: false });

  constructor(wish) {
    this.#wish = wish;
    const on = (id, name) => $(id).addEventListener('click', () => wish(name));
    for (const name of ['decline', 'accept-audio', 'accept-video', 'mic', 'camera', 'flip', 'hangup', 'unlock', 'signout', 'dismiss', 'again']) on(name, name);
    $('fit').addEventListener('click', () => this.#toggleFill());
    $('unmute').addEventListener('click', () => this.#hear());
    $('demo').addEventListener('submit', (event) => {
      event.preventDefault();
      wish('enter', { user: $('name').value.trim() });
    });
    $('contacts').addEventListener('click', (event) => this.#callFrom(event));
    $('recent').addEventListener('click', (event) => this.#callFrom(event));
    $('notices').addEventListener('click', (event) => event.target.closest('button') && wish(event.target.closest('button').dataset.wish));
    $('remote').addEventListener('resize', () => this.#fitPicture());
    addEventListener('resize', () => this.#fitPicture());
    addEventListener('keydown', (event) => event.key === 'Escape' && wish('dismiss'));
    setInterval(() => this.#glow(), 400);
  }

  /** The element that shows, and plays, the other side. */
  get remote() {
    return $('remote');
  }

  /** Shows the sign-in page: with a name field when the hub hands out tickets by itself. */
  signIn({ demo, user = '', error = '' }) {
    this.#screen('signin');
    $('demo').hidden = !demo;
    $('linked').hidden = demo;
    if (user) $('name').value = user;
    $('signin-error').textContent = error;
    $('signin-error').hidden = !error;
    if (demo) $('name').focus();
  }

  /** Paints the whole of it. `model`: {me, line, contacts, recent, ended, notices, view, capture, stream, own, facing, cameras, now}. */
  paint(model) {
    this.#screen('home');
    const { view } = model;
    const root = document.documentElement.dataset;
    root.state = view.state === 'idle' && model.line !== 'up' ? 'offline' : view.state;
    root.line = model.line;
    root.call = view.call ?? '';
    root.reason = model.reason ?? '';
    document.title = this.#title(model);
    this.#text('me', nameOf(model.me));
    this.#text('line', LINE[model.line]);
    this.#paintContacts(model);
    this.#paintRecent(model);
    this.#paintNotices(model);
    this.#paintCall(model);
    this.#paintEnded(model);
  }

  /** Once a second while a call lasts. */
  tick(view, now) {
    this.#text('call-status', status(view, now));
  }

  /** Says it to those who listen to the page. */
  say(text) {
    $('spoken').textContent = text;
  }

  #screen(name) {
    $('signin').hidden = name !== 'signin';
    $('home').hidden = name !== 'home';
    if (name === 'signin') {
      document.documentElement.dataset.state = 'offline';
      $('call').hidden = $('ended').hidden = true;
      $('home').inert = false;
    }
  }

  #title({ view, recent }) {
    if (view.state === 'ringing') return `🔔 ${nameOf(view.caller.user)} is calling`;
    if (view.state !== 'idle') return `${names(partner(view))} · Callbox`;
    const missed = recent.filter((entry) => entry.fresh).length;
    return missed ? `(${missed}) Callbox` : 'Callbox';
  }

  // ---- home ----

  #paintContacts({ contacts, line }) {
    if (!this.#news('contacts', [contacts, line])) return;
    $('nobody').hidden = contacts.length > 0;
    $('contacts').replaceChildren(...contacts.map(({ user, online }) => {
      const name = nameOf(user);
      const row = node('li', 'contact', { testid: `contact-${user}`, user, online });
      row.append(avatar(user, online), node('p', 'who', {}, node('strong', '', {}, name), node('span', '', {}, online ? 'Here now' : 'Away')));
      for (const [media, icon, label] of [['audio', 'phone', `Call ${name} by voice`], ['video', 'video', `Call ${name} by video`]]) {
        const button = iconButton(icon, `round small${media === 'video' ? ' green' : ''}`, label, { testid: `call-${media}-${user}`, user, media });
        button.disabled = line !== 'up';
        row.append(button);
      }
      return row;
    }));
  }

  #paintRecent({ recent, now, line }) {
    if (!this.#news('recent', [recent, line, Math.floor(now / 60_000)])) return;
    $('recent-part').hidden = !recent.length;
    $('recent').replaceChildren(...recent.slice(0, 12).map((entry) => {
      const missed = isMissed(entry);
      const row = node('li', `entry${missed ? ' missed' : ''}${entry.fresh ? ' fresh' : ''}`, { testid: missed ? 'missed' : 'past', user: partner(entry).join(',') });
      const again = iconButton(entry.media === 'video' ? 'video' : 'phone', 'quiet', `Call ${names(partner(entry))} again`, { user: partner(entry).join(','), media: entry.media });
      again.disabled = line !== 'up';
      row.append(icon(entry.direction === 'incoming' ? 'in' : 'out'), node('p', 'who', {}, node('strong', '', {}, names(partner(entry))), node('span', '', {}, `${brief(entry)} · ${ago(entry.at, now)}`)), again);
      return row;
    }));
  }

  #paintNotices({ notices }) {
    if (!this.#news('notices', notices)) return;
    $('notices').replaceChildren(...notices.map(({ icon: picture, text, button, wish }) => {
      const notice = node('div', 'notice', { testid: `notice-${wish ?? 'text'}` }, icon(picture), node('p', '', {}, text));
      if (button) notice.append(node('button', 'pill', { wish, testid: wish }, button));
      return notice;
    }));
  }

  #callFrom(event) {
    const { user, media } = event.target.closest('button')?.dataset ?? {};
    if (user) this.#wish('call', { users: user.split(','), media });
  }

  // ---- call ----

  #paintCall(model) {
    const { view } = model;
    const calling = view.state !== 'idle';
    if (calling) this.#paintParties(model);
    if (this.#shown !== view.state) this.#enter(view.state, calling);
    if (!calling) return;
    const picture = this.#paintPicture(model);
    this.#paintOwn(model);
    this.#paintControls(model, picture);
    this.#paintDoor(model);
    this.#text('call-status', status(view, model.clock));
    const chips = [];
    if (view.state === 'talking' && view.remote && !view.remote.audio) chips.push(`${names(partner(view))} is muted`);
    if (view.state === 'talking' && view.lost) chips.push('Connection lost, trying again…');
    if (model.line !== 'up' && view.state !== 'ringing') chips.push('Reconnecting to the house…');
    if (view.state === 'talking' && model.capture && !model.capture.audio && view.mic) chips.push('No microphone: you can’t be heard');
    if (model.door && doorState(model.door)) chips.push(doorState(model.door));
    this.#text('call-chips', chips.join(' · '));
  }

  #paintParties({ view }) {
    const who = partner(view);
    this.#text('call-name', names(who));
    this.#text('call-avatar', initials(who[0]));
    $('call').style.setProperty('--hue', hue(who[0]));
    this.#paintStill(view);
  }

  /** Who rings, until there is a picture that moves. */
  #paintStill({ still }) {
    const element = $('still');
    if (still && element.src !== still) element.src = still;
    element.hidden = !still;
    $('call-avatar').hidden = Boolean(still);
  }

  /** A state is entered: what is to be touched next gets the focus. */
  #enter(state, calling) {
    const before = this.#shown;
    this.#shown = state;
    $('call').hidden = !calling;
    $('call').dataset.state = state;
    $('home').inert = calling;
    const focus = { ringing: 'accept-video', inviting: 'hangup', accepting: 'hangup', talking: 'mic' }[state];
    this.#back ??= calling ? document.activeElement : null;
    if (focus) queueMicrotask(() => ($(focus).hidden ? $('accept-audio') : $(focus)).focus({ preventScroll: true }));
    else if (before) {
      this.#back?.focus?.();
      this.#back = null;
      this.#fill = null;
    }
  }
  #back = null;

  #paintPicture({ view, stream }) {
    const { remote } = this;
    if (remote.srcObject !== stream) {
      remote.srcObject = stream;
      $('unmute').hidden = true;
    }
    remote.muted = view.state !== 'talking';
    if (stream && remote.paused) {
      remote.play().catch((error) => {
        if (error.name === 'NotAllowedError') $('unmute').hidden = view.state !== 'talking';
      });
    }
    const sent = view.state === 'talking' ? view.remote.video : view.early === 'preview';
    const picture = Boolean(stream && sent && remote.videoWidth && view.media === 'video');
    $('call').dataset.picture = picture;
    if (picture) this.#fitPicture();
    return picture;
  }

  #paintOwn({ view, own, facing }) {
    const element = $('own');
    const shown = own && view.state !== 'ringing';
    if (shown && element.srcObject?.getVideoTracks()[0] !== own) {
      element.srcObject = new MediaStream([own]);
      element.play().catch(() => console.info('callbox: own picture waits'));
    }
    if (!shown) element.srcObject = null;
    element.hidden = !shown;
    element.classList.toggle('mirrored', facing === 'user');
  }

  #paintControls({ view, capture, cameras }, picture) {
    const ringing = view.state === 'ringing';
    const video = view.media === 'video';
    const shown = {
      decline: ringing, 'accept-audio': ringing, 'accept-video': ringing && video,
      mic: view.state === 'talking', camera: !ringing && video, flip: !ringing && video && view.camera && cameras > 1,
      fit: view.state === 'talking' && picture, hangup: !ringing,
    };
    for (const [id, there] of Object.entries(shown)) $(id).hidden = !there;
    $('accept-audio').classList.toggle('green', !video);
    this.#text('accept-audio span', video ? 'Voice' : 'Answer');
    this.#text('hangup span', view.state === 'inviting' ? 'Cancel' : 'Hang up');
    this.#toggle('mic', view.mic, 'mic');
    this.#toggle('camera', view.camera && capture?.video !== null, 'video');
  }

  /** Only where the panel offers it. What became of a press stands on the button itself, where the eye is. */
  #paintDoor({ door }) {
    const button = $('unlock');
    button.hidden = !door;
    $('call').dataset.door = Boolean(door);
    if (!door) return;
    button.dataset.phase = door.phase;
    button.disabled = door.phase === 'asking';
    button.querySelector('use').setAttribute('href', { open: '#i-check', failed: '#i-close' }[door.phase] ?? '#i-key');
    this.#text('unlock span', doorWords(door));
  }

  /** A pressed one is highlighted: its name says what holds then. */
  #toggle(id, on, picture) {
    const button = $(id);
    button.setAttribute('aria-pressed', String(!on));
    button.querySelector('use').setAttribute('href', on ? `#i-${picture}` : `#i-${picture}-off`);
  }

  #toggleFill() {
    this.#fill = !this.#fills();
    this.#fitPicture();
  }

  #fills() {
    const { videoWidth: w, videoHeight: h, clientWidth: cw, clientHeight: ch } = this.remote;
    if (!w || !ch) return true;
    const [ours, theirs] = [cw / ch, w / h];
    return this.#fill ?? 1 - Math.min(ours / theirs, theirs / ours) <= CROP;
  }

  #fitPicture() {
    const fill = this.#fills();
    $('call').dataset.fill = fill;
    this.#text('fit span', fill ? 'Fit' : 'Fill');
  }

  /** The light around a picture that does not fill the screen: a few pixels of it, now and then. */
  #glow() {
    const { remote } = this;
    if ($('call').hidden || $('call').dataset.picture !== 'true' || $('call').dataset.fill === 'true' || document.hidden) return;
    this.#ambience.drawImage(remote, 0, 0, 32, 18);
  }

  #hear() {
    $('unmute').hidden = true;
    this.remote.play().catch((error) => console.warn('callbox: still silent', error));
  }

  #paintEnded({ ended, view }) {
    $('ended').hidden = !ended || view.state !== 'idle';
    if (!ended || !this.#news('ended', ended.call + ended.reason)) return;
    const { words, more } = ending(ended);
    const who = partner(ended);
    this.#text('ended-words', words);
    this.#text('ended-more', more);
    this.#text('ended-avatar', initials(who[0]));
    $('ended-avatar').style.setProperty('--hue', hue(who[0]));
    $('again').hidden = ['answered_elsewhere', 'rejected_elsewhere'].includes(ended.reason);
    $('again').querySelector('use').setAttribute('href', ended.media === 'video' ? '#i-video' : '#i-phone');
  }

  // ---- small things ----

  #text(where, text) {
    const [id, child] = where.split(' ');
    const element = child ? $(id).querySelector(child) : $(id);
    if (element.textContent !== text) element.textContent = text;
  }

  #news(part, value) {
    const text = JSON.stringify(value);
    if (this.#painted.get(part) === text) return false;
    this.#painted.set(part, text);
    return true;
  }
}

function node(tag, name = '', data = {}, ...children) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  for (const [key, value] of Object.entries(data)) element.dataset[key] = value;
  element.append(...children);
  return element;
}

function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  use.setAttribute('href', `#i-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  svg.append(use);
  return svg;
}

function iconButton(name, className, label, data) {
  const button = node('button', className, data, icon(name));
  button.type = 'button';
  button.setAttribute('aria-label', label);
  button.title = label;
  return button;
}

function avatar(user, online) {
  const badge = node('span', 'avatar', { online }, initials(user));
  badge.style.setProperty('--hue', hue(user));
  badge.setAttribute('aria-hidden', 'true');
  return badge;
}
