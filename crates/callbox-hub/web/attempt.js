// What a browser may withhold: a getter that throws, a class that is missing, a call that is refused.

/** Returns what `read` returns; `otherwise` when it throws. `what` names it in the console. */
export function attempt(what, read, otherwise = null) {
  try {
    return read();
  } catch (error) {
    console.info('callbox: not available here:', what, error?.name, error?.message);
    return otherwise;
  }
}

/** The same for what a browser answers later. */
export async function attemptLater(what, read, otherwise = null) {
  try {
    return await read();
  } catch (error) {
    console.info('callbox: not available here:', what, error?.name, error?.message);
    return otherwise;
  }
}
