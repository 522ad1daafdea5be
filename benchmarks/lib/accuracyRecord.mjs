// Results of the table of accuracy as a file: a row an entry, so that an interrupted run goes on where it stopped.
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {RESULTS} from './recordFile.mjs';
import {UserError} from './userError.mjs';

const FORMAT = 'blocksparse-1xn-accuracy-1';
const NAME = /^accuracy-\d{4}-\d\d-\d\d\.json$/;

/**
 * @typedef {object} Entry
 * @property {string} id of the row
 * @property {string[]} args that it was measured with
 * @property {string | null} commit
 * @property {import('./accuracyRun.mjs').AccuracyReport} report
 *
 * @typedef {{format: string, entries: Entry[], failures: {id: string, message: string}[]}} AccuracyRecord
 */

/** @returns {AccuracyRecord} */
export function newAccuracyRecord() {
  return {format: FORMAT, entries: [], failures: []};
}

/** The newest file of results in a folder, or one of a date's name where there is none. */
export function accuracyFile(date, folder = RESULTS) {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => NAME.test(name)) : [];
  return path.join(folder, names.sort().at(-1) ?? `accuracy-${date}.json`);
}

/**
 * @param {string} file
 * @returns {AccuracyRecord} a new one where there is no file
 * @throws {UserError} if it is another file
 */
export function readAccuracyRecord(file) {
  if (!existsSync(file)) return newAccuracyRecord();
  let record = null;
  try {
    record = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // told below
  }
  if (record?.format !== FORMAT || !Array.isArray(record.entries) || !Array.isArray(record.failures)) {
    throw new UserError(`${path.basename(file)} is no file of results of accuracy:table`);
  }
  return record;
}

/** A row's result; one that was measured with other arguments is none. */
export function entryOf({entries}, {id, args}) {
  return entries.find((entry) => entry.id === id && JSON.stringify(entry.args) === JSON.stringify(args));
}

/**
 * @param {AccuracyRecord} record
 * @param {import('./accuracyPlan.mjs').Row} row
 * @returns {AccuracyRecord} one in which the row has this result in the place of what it had
 */
export function withEntry(record, {id, args}, {commit, report}) {
  const others = withoutRow(record, id);
  return {...others, entries: [...others.entries, {id, args, commit, report}]};
}

/** As `withEntry`, of a row that came to nothing. An older result stays. */
export function withFailedRow({entries, failures, ...record}, {id}, message) {
  return {...record, entries, failures: [...failures.filter((failure) => failure.id !== id), {id, message}]};
}

function withoutRow({entries, failures, ...record}, id) {
  const others = (list) => list.filter((entry) => entry.id !== id);
  return {...record, entries: others(entries), failures: others(failures)};
}

/** A record as it lies in its file: a line an entry, so that a diff shows which have changed. */
export function accuracyRecordText({format, entries, failures}) {
  const lines = (list) =>
    list.length > 0 ? `\n${list.map((entry) => `  ${JSON.stringify(entry)}`).join(',\n')}\n ` : '';
  return `{\n "format": "${format}",\n "entries": [${lines(entries)}],\n "failures": [${lines(failures)}]\n}\n`;
}
