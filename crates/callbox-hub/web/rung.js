// The invite that rings when the page goes: when the page is back within its time, it rings on.

/** Keeps it across a reload. */
export class Rung {
  #store;

  /** `store` has `keepInvite(user, invite)` and `keptInvite(user)`. */
  constructor(store) {
    this.#store = store;
  }

  /** The page of this user goes. What is kept is what rings by the station's `view`, whatever else was heard meanwhile. */
  goes(user, { state, invite, caller, until }, now) {
    if (state !== 'ringing') return;
    this.#store.keepInvite(user, { from: caller, message: invite, until: Date.now() + Math.round(until - now) });
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
