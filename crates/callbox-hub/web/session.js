// One sign-in while it runs: its station, its line to the hub, and the people it knows. A call outlives the line.

import { keyOf } from './call.js';
import { Door } from './door.js';
import { Loop } from './loop.js';
import { People } from './people.js';
import { Rung } from './rung.js';
import { makeId, Signaling } from './signaling.js';
import { Station } from './station.js';

/** In these states there is a call that goes on without the hub. */
const LIVE = ['inviting', 'accepting', 'talking'];

/** `edges`: {carryOut, painted, tell, pass}: `tell(event)` reports what signalling says of the sign-in, `pass(message)` goes to the other tab. */
export class Session {
  #edges; #store; #rung; #line; #station; #loop;
  /** A call of another tab that needs our line, and whether our own call needs that of another tab. */
  #carried = null;
  #guest = false;
  /** There is no line any more, ours or another's: a link that breaks cannot be replaced. */
  #cutOff = false;
  /** Peers that the station was told to be gone, each once. */
  #missed = new Set();

  constructor({ credentials, url, ring, store, edges }) {
    const { app, user, device, ticket, panels, demo } = credentials;
    this.credentials = credentials;
    this.me = { user, device };
    this.#edges = edges;
    this.#store = store;
    this.#rung = new Rung(store);
    // Early connect shows this device's addresses to the other side before anybody has accepted.
    const early = (other) => (demo || panels?.includes(other) || store.knows(user, other) ? 'preview' : 'off');
    this.#station = new Station({ me: this.me, ids: makeId, ring, early });
    this.door = new Door(makeId);
    this.#line = new Signaling({ url, credentials: { app, user, device, ticket }, tell: (event) => this.#told(event) });
    this.people = new People({ me: user, ask: (message) => this.#line.ask(message), changed: edges.painted });
    this.#loop = new Loop({
      station: this.#station, door: this.door, carryOut: edges.carryOut, settled: () => this.#line.settled(),
      painted: () => {
        this.#missPeer();
        edges.painted();
      },
    });
  }

  /** What a person may see of the call. */
  get view() {
    return this.#station.view();
  }

  /** Whether there is a call that does not need the hub to go on. */
  get lives() {
    return LIVE.includes(this.view.state);
  }

  /** Logs in, and goes on doing so. */
  start() {
    this.#line.start();
  }

  /** Something happened that the station should know. */
  feed(input) {
    this.#loop.feed(input);
  }

  /** To a device or a user: over our line, or that of the tab that has taken over. */
  send(to, message) {
    if (this.#guest) this.#edges.pass({ type: 'say', to, message });
    else this.#line.send(to, message);
  }

  /** The call with this record is over. */
  ended({ call }) {
    if (this.#guest) this.#edges.pass({ type: 'done', call });
    this.people.met(this.#met());
  }

  /** The ticket of the same user and device is a newer one. */
  renew(credentials) {
    this.credentials = credentials;
    const { app, user, device, ticket } = credentials;
    this.#line.login({ app, user, device, ticket });
  }

  /** This device has another network: what stood on the old one is of no use. */
  moved() {
    this.#line.renew();
    this.feed({ type: 'network' });
  }

  /** The page was hidden, frozen, or asleep. */
  woke() {
    this.#line.probe();
  }

  /** Another tab takes the line. Returns the call that goes on here, or null. */
  yield() {
    // An invite that rings comes again to the tab that logs in.
    if (this.view.state === 'ringing') this.feed({ type: 'pressed', action: 'leave' });
    this.#guest = this.lives;
    this.#line.stop();
    this.feed({ type: 'signaling', up: false });
    return this.lives ? this.view.call : null;
  }

  /** The hub has ended this sign-in. Returns the call that goes on without it, or null. */
  cutOff() {
    this.#cutOff = true;
    return this.lives ? this.view.call : null;
  }

  /** A call that goes on in another tab needs our line. */
  carry(call) {
    this.#carried = call;
    this.#edges.pass({ type: 'line', up: this.#line.up });
  }

  /** What the other tab passes on about its call, or ours. */
  passed({ type, to, from, message, up, call }) {
    switch (type) {
      case 'say': return this.#carried && message?.call === this.#carried ? this.#line.send(to, message) : undefined;
      case 'done': return call === this.#carried ? void (this.#carried = null) : undefined;
      case 'line': return this.#guest ? this.feed({ type: 'signaling', up }) : undefined;
      case 'heard': return this.#guest && message?.call === this.view.call ? this.feed({ type: 'heard', from, message }) : undefined;
      default: return undefined;
    }
  }

  /** The page goes, perhaps only for a moment: what rings then rings on when it is back. */
  goes() {
    this.#rung.goes(this.me.user, this.view, performance.now());
    this.stop();
  }

  /** Ends it: hangs up, and leaves the hub. */
  stop() {
    this.feed({ type: 'pressed', action: 'leave' });
    this.#loop.stop();
    this.#line.stop();
  }

  /** Nobody can tell us whether a peer without media is still there, nor can a link be replaced: it is taken to be gone. */
  #missPeer() {
    const { state, kind, lost, peer, peers } = this.view;
    if (!this.#cutOff || state !== 'talking') return;
    const gone = kind === 'group' ? peers.filter((one) => one.state === 'lost').map(({ device }) => device) : lost ? [peer] : [];
    const told = this.#missed;
    this.#missed = new Set(gone.map(keyOf));
    for (const device of gone.filter((one) => !told.has(keyOf(one)))) this.feed({ type: 'presence', ...device, online: false });
  }

  #told(event) {
    switch (event.type) {
      case 'up':
        this.#edges.tell(event);
        return event.again ? undefined : this.#up();
      case 'down':
        this.#edges.tell(event);
        if (this.#carried) this.#edges.pass({ type: 'line', up: false });
        return this.feed({ type: 'signaling', up: false });
      case 'heard': return this.#heard(event.from, event.message);
      case 'presence':
        this.people.presence(event);
        return this.feed(event);
      case 'result': return this.people.result(event) ? undefined : this.feed(event);
      case 'listed': return this.people.listed(event);
      default: return this.#edges.tell(event);
    }
  }

  #up() {
    this.people.up(this.#met());
    if (this.#carried) this.#edges.pass({ type: 'line', up: true });
    this.feed({ type: 'signaling', up: true });
    const invite = this.#rung.back(this.me.user);
    if (invite) this.#heard(invite.from, invite.message);
  }

  #heard(from, message) {
    if (this.#carried && message.call === this.#carried) return this.#edges.pass({ type: 'heard', from, message });
    return this.feed({ type: 'heard', from, message });
  }

  /** Users of the last calls, newest first. */
  #met() {
    const named = this.#store.recent(this.me.user).flatMap(({ caller, callees, peer }) => [peer?.user, caller.user, ...callees]);
    return [...new Set(named.filter((user) => user && user !== this.me.user))];
  }
}
