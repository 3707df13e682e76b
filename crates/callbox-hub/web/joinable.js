// Group calls that run without this device: it left or missed them, and may join. A pure part of the station, as `joinable.rs` is.

/** How long a call is offered after this device was in it, or was rung. In milliseconds. */
const OFFERED_FOR = 2 * 3_600_000;
/** An invite that was said again rings as long as before, give or take this. */
const SAME_INVITE = 2_000;
/** The oldest makes room. */
const MOST = 4;

/** Group calls to join, oldest first. */
export class Joinables {
  /** `{facts, roster, rungUntil, until}`. `rungUntil`: when the ring that this device heard was to end. */
  #known = [];

  /** Keeps a call that goes on without us, and until when its invite was to ring. */
  keep(now, facts, roster, rungUntil) {
    this.#known = this.#known.filter((known) => known.facts.call !== facts.call && known.until > now);
    if (this.#known.length === MOST) this.#known.shift();
    this.#known.push({ facts: { ...facts, callees: [...facts.callees] }, roster: roster.asGuest(), rungUntil, until: now + OFFERED_FOR });
  }

  /** Whether a member invites us to such a call once more: what it said before was to ring for less long. */
  isInvitedAnew(call, ringsUntil) {
    return this.#known.some(({ facts, rungUntil }) => facts.call === call && ringsUntil > rungUntil + SAME_INVITE);
  }

  /** A member says that the call is over. */
  over(call, from) {
    this.#known = this.#known.filter(({ facts, roster }) => facts.call !== call || !roster.admits(from.user));
  }

  /** Takes the newest call, or the named one; null when there is none. */
  take(now, call = null) {
    const at = this.#known.findLastIndex(({ facts, until }) => until > now && (call === null || facts.call === call));
    return at < 0 ? null : this.#known.splice(at, 1)[0];
  }

  /** The newest, for a person: `{call, media, users}`, or null. */
  view(now) {
    const known = this.#known.findLast(({ until }) => until > now);
    if (!known) return null;
    const { call, media, caller } = known.facts;
    const users = [...new Set(known.roster.doors.map(({ user }) => user))];
    return { call, media, users: users.length ? users : [caller.user] };
  }
}
