// Everything a person sees and touches: paints the model, reports wishes. Decides nothing.

import { attempt } from './attempt.js';
import { Contacts } from './contacts.js';
import { changesOf, groupOf, growableOf } from './group.js';
import { Home } from './home.js';
import { avatar } from './nodes.js';
import { OwnPicture } from './own_picture.js';
import { PeopleSheet } from './people_sheet.js';
import { Tiles } from './tiles.js';
import { doorState, doorWords, ending, hue, initials, nameOf, names, partner, rosterNews, status } from './words.js';

const $ = (id) => document.getElementById(id);
const LINE = { up: 'Connected', connecting: 'Connecting…', down: 'Reconnecting…', waiting: 'Not connected yet…', off: 'Not connected here' };
/** A picture may lose this much of itself to fill the screen. */
const CROP = 0.34;
/** News of the people in a group call stay this long. */
const NEWS_MS = 5_000;

/** The page. `wish(name, detail)` reports what the person wants. */
export class View {
  #wish;
  #contacts; #home; #sheet; #tiles; #own;
  #model = null;
  #roster = null;
  #rosterNews = { text: '', until: 0 };
  #painted = new Map();
  #shown = null;
  #fill = null;
  #ambience = attempt('a canvas', () => $('ambience').getContext('2d', { alpha: false }));

  constructor(wish) {
    this.#wish = wish;
    const on = (id, name) => $(id).addEventListener('click', () => wish(name));
    for (const name of ['decline', 'accept-audio', 'accept-video', 'mic', 'camera', 'flip', 'hangup', 'unlock', 'signout', 'dismiss', 'again']) on(name, name);
    this.#contacts = new Contacts(wish);
    this.#home = new Home(wish);
    this.#sheet = new PeopleSheet(wish);
    this.#tiles = new Tiles($('tiles'), { changed: () => this.#own.settle(), blocked: () => { $('unmute').hidden = false; } });
    this.#own = new OwnPicture($('own'), { area: () => ($('call').dataset.tiles === 'true' ? $('tiles') : $('call')), avoid: () => this.#controls(), low: () => $('call').dataset.tiles === 'true' });
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

  /** Paints the whole of it. `model`: {me, line, contacts, recent, ended, notices, view, capture, stream, peers, own, facing, cameras, now}.
   *  `peers`: {stream(device), level(device)}, what each device of a group sends. */
  paint(model) {
    this.#screen('home');
    this.#model = model;
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
    this.#home.paint(model);
    this.#paintCall(model);
    this.#paintEnded(model);
  }

  /** Once a second while a call lasts. */
  tick(view, now) {
    this.#text('call-status', status(view, now));
    if (this.#model) this.#text('call-chips', this.#chips({ ...this.#model, clock: now }, groupOf(view)).join(' · '));
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

  #title({ view, recent, me }) {
    if (view.state === 'ringing') return `🔔 ${nameOf(view.caller.user)} is calling`;
    if (view.state !== 'idle') return `${names(partiesOf(view, me))} · Callbox`;
    const missed = recent.filter((entry) => entry.fresh).length;
    return missed ? `(${missed}) Callbox` : 'Callbox';
  }

  // ---- call ----

  #paintCall(model) {
    const { view } = model;
    const calling = view.state !== 'idle';
    const group = calling ? groupOf(view) : null;
    if (calling) this.#paintParties(model, group);
    if (this.#shown !== view.state) this.#enter(view.state, calling);
    this.#paintGroup(model, group);
    if (!calling) return;
    const picture = this.#paintPicture(model, group);
    this.#paintOwn(model);
    this.#paintControls(model, picture);
    this.#paintDoor(model);
    this.#text('call-status', status(view, model.clock));
    this.#text('call-chips', this.#chips(model, group).join(' · '));
    this.#own.settle();
  }

  #chips(model, group) {
    const { view } = model;
    const talking = view.state === 'talking';
    const chips = [];
    if (talking && !group && view.remote && !view.remote.audio) chips.push(`${names(partner(view))} is muted`);
    if (talking && group?.peers.length === 1 && group.peers[0].state === 'talking' && !group.peers[0].audio) chips.push(`${names(group.users)} is muted`);
    if (talking && (view.lost || (group?.peers.length === 1 && group.peers[0].state === 'lost'))) chips.push('Connection lost, trying again…');
    if (model.elsewhere) chips.push('Callbox is open in another tab; this call goes on here');
    else if (model.line !== 'up' && view.state !== 'ringing') chips.push('Reconnecting to the house…');
    if (talking && model.capture && !model.capture.audio && view.mic) chips.push('No microphone: you can’t be heard');
    if (model.door && doorState(model.door)) chips.push(doorState(model.door));
    if (group && model.clock < this.#rosterNews.until) chips.push(this.#rosterNews.text);
    return chips;
  }

  /** The tiles as soon as two others are in the call, the sheet, and the news of who comes and goes. */
  #paintGroup(model, group) {
    const tiled = Boolean(group) && model.view.state === 'talking' && group.peers.length > 1;
    $('call').dataset.tiles = tiled;
    $('call').dataset.group = Boolean(group);
    $('call').dataset.many = tiled && group.peers.length > 4;
    $('tiles').hidden = !tiled;
    this.#tiles.paint(tiled ? group.peers : null, model.peers);
    this.#sheet.paint(model, group ?? growableOf(model.view));
    const changes = group && this.#roster ? changesOf(this.#roster, group.roster).map(rosterNews).filter(Boolean) : [];
    this.#roster = group?.roster ?? null;
    if (!changes.length) return;
    this.say(changes.join('. '));
    this.#rosterNews = { text: changes.join(' · '), until: model.clock + NEWS_MS };
  }

  #paintParties(model, group) {
    const { view, me } = model;
    const who = partiesOf(view, me);
    this.#text('call-name', names(who));
    this.#paintFaces(group && view.state !== 'ringing' ? who : who.slice(0, 1));
    $('call').style.setProperty('--hue', hue(who[0] ?? me));
    this.#paintStill(view);
  }

  /** One badge, or of a group up to four small ones. */
  #paintFaces(users) {
    if (!this.#news('faces', users)) return;
    const several = users.length > 1;
    this.#text('call-avatar', users.length ? initials(users[0]) : '');
    $('faces').replaceChildren(...(several ? users.slice(0, 4).map((user) => avatar(user)) : []));
    $('faces').hidden = !several;
    $('face').dataset.several = several;
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
    if (!calling) this.#own.reset();
    this.#back ??= calling ? document.activeElement : null;
    if (focus) queueMicrotask(() => ($(focus).hidden ? $('accept-audio') : $(focus)).focus({ preventScroll: true }));
    else if (before) {
      this.#back?.focus?.();
      this.#back = null;
      this.#fill = null;
    }
  }
  #back = null;

  #paintPicture({ view, stream: single, peers }, group) {
    const { remote } = this;
    const [peer] = group?.peers ?? [];
    const stream = !group || !peer ? single : group.peers.length > 1 ? null : peers.stream(peer.device);
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
    const sent = view.state !== 'talking' ? view.early === 'preview' : group ? Boolean(peer?.video) : view.remote.video;
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
    this.#tiles.hear();
    if (!this.remote.srcObject) return;
    this.remote.play().catch((error) => console.warn('callbox: still silent', error));
  }

  #paintEnded({ ended, view, me }) {
    $('ended').hidden = !ended || view.state !== 'idle';
    if (!ended || !this.#news('ended', ended.call + ended.reason)) return;
    const { words, more } = ending(ended, me);
    const who = partner(ended, me);
    this.#text('ended-words', words);
    this.#text('ended-more', more);
    this.#text('ended-avatar', initials(who[0]));
    $('ended-avatar').style.setProperty('--hue', hue(who[0]));
    $('again').hidden = ['answered_elsewhere', 'rejected_elsewhere'].includes(ended.reason);
    $('again').querySelector('use').setAttribute('href', ended.media === 'video' ? '#i-video' : '#i-phone');
  }

  /** What the own picture must not cover. */
  #controls() {
    return [...document.querySelectorAll('.controls .round, .controls .round span, #unlock, #unmute, #people, .title > *'), ...this.#tiles.controls];
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

/** Whom the call is with: in a group those who are in it, or are asked. */
function partiesOf(view, me) {
  const users = view.state === 'ringing' ? [] : groupOf(view)?.users ?? [];
  return users.length ? users : view.state === 'ringing' ? [view.caller.user] : partner(view, me);
}
