import {existsSync} from 'node:fs';
import {UserError} from './userError.mjs';

/**
 * Finds an installed browser.
 *
 * @param {object} browser
 * @param {string} browser.name
 * @param {string} browser.variable environment variable that names its executable and goes first
 * @param {string[]} browser.installed where it may be, best first
 * @param {string} browser.aptPackage
 * @returns {string} path of the executable
 * @throws {UserError} if there is none
 */
export function findExecutable({name, variable, installed, aptPackage}) {
  const given = process.env[variable];
  if (given) {
    if (!existsSync(given)) throw new UserError(`${variable} names ${given}, which does not exist`);
    return given;
  }
  const found = installed.find((file) => existsSync(file));
  if (found) return found;
  throw new UserError(
    `no ${name} found: install it (apt-get install ${aptPackage}) or set ${variable} to its executable`,
  );
}
