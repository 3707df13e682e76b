// Everything a person sees and touches: paints the model, reports wishes. Decides nothing.

import { attempt } from './attempt.js';
import { Contacts } from './contacts.js';
import { icon, iconButton, node } from './nodes.js';
import { ago, brief, doorState, doorWords, ending, hue, initials, isMissed, nameOf, names, partner, status } from './words.js';

const $ = (id) => document.getElementById(id);
const LINE = { up: 'Connected', connecting: 'Connecting…', down: 'Reconnecting…', waiting: 'Not connected yet…', off: 'Not connected here' };
/** A picture may lose this much of itself to fill the screen. */
const CROP = 0.34;

/** The page. `wish(name, detail)` reports what the person wants. */
export class View {
  #wish;
  #contacts;
  #painted = new Map();
  #shown = null;
  #fill = null;
  #ambience = attempt('a canvas', () => $('ambience').getContext('2d', { alpha: false }));

  constructor(wish) {
    this.#wish = wish;
    const on = (id, name) => $(id).addEventListener('click', () => wish(name));
    for (const name of ['decline', 'accept-audio', 'accept-video', 'mic', 'camera', 'flip', 'hangup', 'unlock', 'signout', 'dismiss', 'again']) on(name, name);
    this.#contacts = new Contacts(wish);
    $('fit').addEventListener('click', () => this.#toggleFill());
    $('unmute').addEventListener('click', () => this.#hear());
    $('demo').addEventListener('submit', (event) => {
      event.preventDefault();
      wish('enter', { user: $('name').value.trim() });
    });
    $('linked').addEventListener('submit', (event) => {
      event.preventDefault();
      wish('link', { text: $('link').value });
    });
    $('here').addEventListener('click', () => wish('here'));
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

  /** Shows the sign-in page: a field for the personal link, or for a name when the hub hands out tickets by itself. */
  signIn({ demo, user = '', error = '' }) {
    this.#screen('signin');
    $('demo').hidden = !demo;
    $('linked').hidden = demo;
    if (user) $('name').value = user;
    $('link').value = '';
    $('signin-error').textContent = error;
    $('signin-error').hidden = !error;
    if (demo) $('name').focus();
  }

  /** Another tab runs this sign-in; `state` is what goes on there. */
  elsewhere({ name, state }) {
    this.#screen('elsewhere');
    const more = { talking: 'A call goes on there. It goes on, too, when you use Callbox here.', ringing: 'Somebody is ringing there.' }[state] ?? '';
    $('elsewhere-lead').textContent = `${name} is signed in in another tab or window of this browser. ${more}`.trim();
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
    this.#contacts.paint(model);
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
    for (const screen of ['signin', 'elsewhere', 'home']) $(screen).hidden = screen !== name;
    if (name !== 'home') {
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
    $('notices').replaceChildren(...notices.map(({ icon: picture, text, buttons }) => {
      const notice = node('div', 'notice', { testid: `notice-${buttons.at(-1)?.wish ?? 'text'}` }, icon(picture), node('p', '', {}, text));
      if (buttons.length) notice.append(node('p', 'choices', {}, ...buttons.map(({ label, wish }) => node('button', 'pill', { wish, testid: wish }, label))));
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
    if (model.elsewhere) chips.push('Callbox is open in another tab; this call goes on here');
    else if (model.line !== 'up' && view.state !== 'ringing') chips.push('Reconnecting to the house…');
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
    if (!this.#ambience || $('call').hidden || $('call').dataset.picture !== 'true' || $('call').dataset.fill === 'true' || document.hidden) return;
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
