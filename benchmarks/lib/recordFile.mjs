import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync} from 'node:fs';
import path from 'node:path';
import {ROOT} from './models.mjs';
import {checkRecord} from './record.mjs';
import {UserError} from './userError.mjs';

/** Where records are kept. */
export const RESULTS = path.join(ROOT, 'benchmarks/results');

/** `2025-01-31-intel-xeon-2-cores-chromium.json` */
export function recordName({date, machine, env}) {
  const cpu = machine.cpu
    .toLowerCase()
    .replace(/\((r|tm)\)|\b(cpu|processor)\b|@.*/g, ' ')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');
  return `${date}-${cpu || 'machine'}-${machine.cores}-cores-${env}.json`;
}

/**
 * @param {string} file
 * @returns {any} a record that `checkRecord` has passed
 * @throws {UserError} if there is none
 */
export function readRecord(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new UserError(`cannot read ${file}`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch {
    throw new UserError(`${path.basename(file)} is not JSON`);
  }
  return checkRecord(value);
}

/** Writes a file so that there is always a whole one, whatever interrupts. */
export function writeWhole(file, text) {
  mkdirSync(path.dirname(file), {recursive: true});
  const part = `${file}.part`;
  writeFileSync(part, text);
  renameSync(part, file);
}

/** A record as it lies in its file: a line an entry, so that a diff shows which have changed. */
export function recordText(record) {
  const lists = ['rows', 'profiles', 'regions', 'kernels'];
  const head = JSON.stringify({...record, ...Object.fromEntries(lists.map((key) => [key, undefined]))}, null, 1);
  const bodies = lists.map((key) => {
    const lines = record[key].map((entry) => `  ${JSON.stringify(entry, fourDigits)}`);
    return ` ${JSON.stringify(key)}: [${lines.length ? `\n${lines.join(',\n')}\n ` : ''}]`;
  });
  return `${head.slice(0, -2)},\n${bodies.join(',\n')}\n}\n`;
}

/** No clock and no machine repeats itself to more digits than these. */
function fourDigits(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value;
}

/**
 * The newest record of an environment: of those that git tracks, or of all where there is no git.
 *
 * @param {string} env
 * @returns {string} absolute path
 * @throws {UserError} if there is none
 */
export function newestRecord(env, folder = RESULTS) {
  const names = trackedIn(folder) ?? (existsSync(folder) ? readdirSync(folder) : []);
  const newest = names
    .filter((name) => name.endsWith(`-${env}.json`))
    .sort()
    .at(-1);
  if (newest !== undefined) return path.join(folder, newest);
  throw new UserError(
    `there are no committed results for ${env} in ${path.relative(ROOT, folder)}: make them with ` +
      `npm run bench:record -- --env ${env} and commit them, or name a file with --baseline`,
  );
}

function trackedIn(folder) {
  if (!existsSync(folder)) return null;
  try {
    return execFileSync('git', ['ls-files'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).split('\n');
  } catch {
    return null;
  }
}

/** The commit that is checked out, with a plus if files differ from it; null where there is no git. */
export function checkedOutCommit() {
  try {
    const git = (...args) =>
      execFileSync('git', args, {cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore']});
    const changed = git('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return git('rev-parse', '--short', 'HEAD').trim() + (changed ? '+' : '');
  } catch {
    return null;
  }
}
