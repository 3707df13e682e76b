// A read-only look inside, for tests and for people who look for a fault: `globalThis.callbox`.

/** `session()` is the one that runs, or null. */
export function lookInside({ model, links, session }) {
  Object.defineProperty(globalThis, 'callbox', {
    value: Object.freeze({
      get state() { return document.documentElement.dataset.state; },
      get call() { return session()?.view.call ?? null; },
      get links() { return session()?.view.links ?? []; },
      get endReason() { return model.reason; },
      get timing() { return { ...model.timing }; },
      get line() { return model.line; },
      get view() { return structuredClone(session()?.view ?? null); },
      get door() { return session()?.door.view() ?? null; },
      stats: () => links.stats(),
    }),
  });
}
