// Which programs this machine has, and where.

import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

/** Servers are often not on a user's own path; `.ci/setup` only unpacks some. */
const UNPACKED = resolve(import.meta.dirname, '../../build/unpacked/usr');
const PLACES = [process.env.PATH, '/usr/sbin', '/usr/local/sbin', `${UNPACKED}/sbin`, `${UNPACKED}/bin`].join(delimiter);

/** Which of these programs cannot be found. */
export function missing(programs, folders = PLACES) {
  return programs.filter((program) => !find(program, folders));
}

/** Where this program is, or nothing. */
export function find(program, folders = PLACES) {
  return folders.split(delimiter).map((folder) => join(folder, program)).find(runs);
}

function runs(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
