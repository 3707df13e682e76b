// Every row of the table, in its order.

import demo from './demo.mjs';
import ending from './ending.mjs';
import gathering from './gathering.mjs';
import guarding from './guarding.mjs';
import meeting from './meeting.mjs';
import opening from './opening.mjs';
import refusing from './refusing.mjs';
import talking from './talking.mjs';

/**
 * Each: {name, run(street)}, and where it matters `needs` (programs it cannot do without), `notOver` (transports that cannot have
 * it, and why), `seconds` (its own deadline), `quick` (one of the few that are run over every transport by `make test`), `nightly` (several pages at once: run with `--all`).
 */
export const rows = [...talking, ...refusing, ...ending, ...meeting, ...opening, ...gathering, ...guarding, ...demo];
