// Every row of the table, in its order.

import ending from './ending.mjs';
import guarding from './guarding.mjs';
import meeting from './meeting.mjs';
import refusing from './refusing.mjs';
import talking from './talking.mjs';

/** Each: {name, run(street), needs: programs it cannot do without}. */
export const rows = [...talking, ...refusing, ...ending, ...meeting, ...guarding];
