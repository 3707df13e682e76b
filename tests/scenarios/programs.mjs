// Which programs this machine has.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Servers are often not on a user's own path. */
const SERVERS = '/usr/sbin:/usr/local/sbin';

/** Which of these programs cannot be found. */
export function missing(programs, folders = `${process.env.PATH}${delimiter}${SERVERS}`) {
  return programs.filter((program) => !folders.split(delimiter).some((folder) => runs(join(folder, program))));
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
