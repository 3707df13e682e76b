// What a test that cannot run here means: without it the machine may be fine, but nothing was shown.

import { appendFileSync } from 'node:fs';

/** Whether everything has to run: then a skip is a failure. */
export const required = () => process.env.CALLBOX_REQUIRE === '1' || process.env.CI === 'true';

/** Notes a skip for the last line of `make test`, which names a file in `CALLBOX_SKIPS`. */
export function noteSkip(what, why) {
  if (process.env.CALLBOX_SKIPS) appendFileSync(process.env.CALLBOX_SKIPS, `${what}: ${why}\n`);
}
