// A word from the system when somebody rings and the page is out of sight.

import { attempt } from './attempt.js';

/** Shows and takes back one notification at a time. */
export class Notifier {
  #shown = null;
  #call = null;

  /** `default` when the person has not been asked yet, `granted`, `denied`, or null where there are none. */
  static get permission() {
    return attempt('notifications', () => globalThis.Notification?.permission);
  }

  /** Asks the person, where the browser has not asked before. Browsers want a press for it. */
  async ask() {
    if (Notifier.permission === 'default') await Notification.requestPermission();
  }

  /** Somebody rings (`{call, text}`), or nobody does (null). */
  ringing(ring) {
    if (this.#call === (ring?.call ?? null)) return;
    this.#call = ring?.call ?? null;
    this.#shown?.close();
    this.#shown = null;
    if (!ring || !document.hidden || Notifier.permission !== 'granted') return;
    try {
      this.#shown = new Notification(ring.text, { tag: ring.call, icon: 'icon.svg', requireInteraction: true });
      this.#shown.onclick = () => window.focus();
    } catch (error) {
      // Phones show notifications of service workers only; the ring and the title have to do.
      console.info('callbox: no notification', error.name);
    }
  }
}
