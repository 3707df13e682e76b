// An invite that is undecided when the page goes: when the page is back within its time, it rings on.

/** Remembers the last invite, across a reload. */
export class Rung {
  #store;
  #last = null;

  /** `store` has `keepInvite(user, invite)` and `keptInvite(user)`. */
  constructor(store) {
    this.#store = store;
  }

  /** Somebody says something. */
  heard(from, message) {
    if (message.type === 'invite') this.#last = { from, message, until: Date.now() + message.remaining_ms };
  }

  /** The page of this user goes, and its station stands so. */
  goes(user, { state, call }) {
    if (state === 'ringing' && this.#last?.message.call === call) this.#store.keepInvite(user, this.#last);
  }

  /** The page is back: what rang when it went, once, with the time that is left; or null. The inviter tells when it is over. */
  back(user) {
    const { from, message, until } = this.#store.keptInvite(user) ?? {};
    if (!message) return null;
    this.#store.keepInvite(user, null);
    const left = Math.min(Math.round(until - Date.now()), message.remaining_ms);
    return left > 0 ? { from, message: { ...message, remaining_ms: left } } : null;
  }
}
