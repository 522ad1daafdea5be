// The record of results: what is in the JSON of benchmarks/results (its README describes it), and how it grows.
import {OURS} from './benchmark.mjs';
import {UserError} from './userError.mjs';

const FORMAT = 'blocksparse-1xn-results-1';

/** What of a report's `machine` belongs to the machine; the rest are versions of engines. */
const MACHINE = ['cpu', 'cores', 'memoryGB', 'platform'];

/**
 * @param {{date: string, env: string, commit: string | null, machine: object}} about
 */
export function newRecord(about) {
  return {
    format: FORMAT,
    ...about,
    remarks: [],
    engines: {},
    skipped: [],
    failures: [],
    rows: [],
    profiles: [],
    regions: [],
    kernels: [],
  };
}

/** Whether a job's result is in a record. */
export function isDone(record, {id, kind}) {
  return record[kind].some((entry) => entry.id === id);
}

/**
 * A record with one more result; what was known of the job's failure is forgotten.
 *
 * @param {import('./recordPlan.mjs').Job} job
 * @param {object} result what the script printed
 */
export function withResult(record, {id, kind, script, args}, {machine = {}, versions = {}, ...result}) {
  const others = Object.fromEntries(Object.entries(machine).filter(([key]) => !MACHINE.includes(key)));
  const command = `node benchmarks/${script} ${args.join(' ')}`;
  return {
    ...withoutFailure(record, id),
    engines: {...record.engines, ...others, ...versions},
    [kind]: [...record[kind], {id, command, ...result}],
  };
}

/** A record that says why a job came to nothing. */
export function withFailure(record, {id}, message) {
  const cleared = withoutFailure(record, id);
  return {...cleared, failures: [...cleared.failures, {id, message}]};
}

function withoutFailure(record, id) {
  return {...record, failures: record.failures.filter((failure) => failure.id !== id)};
}

/** Times of our engine and of a peer in one row; undefined where it was not measured. */
export function timeOf({results}, engine) {
  return results.find((result) => isEngine(result.engine, engine))?.minMs;
}

/** How many times faster than a peer ours is in a row; undefined where the peer was not measured. */
export function speedup(row, peer) {
  const theirs = timeOf(row, peer);
  return theirs === undefined ? undefined : theirs / timeOf(row, OURS);
}

/** Peers of a record's rows, in the order in which they appear. */
export function peersOf({rows}) {
  const names = rows.flatMap(({results}) => results.map(({engine}) => engine.replace(/,.*/, '')));
  return [...new Set(names)].filter((name) => name !== OURS);
}

/** An engine's name may be followed by a comma and its number of threads. */
function isEngine(name, engine) {
  return name === engine || name.startsWith(`${engine},`);
}

/**
 * @param {unknown} value of a file
 * @returns {any} the record
 * @throws {UserError} naming the first thing that is not as it should be
 */
export function checkRecord(value) {
  const problem = findProblem(value);
  if (problem !== null) throw new UserError(`these are no results of bench:record: ${problem}`);
  return {regions: [], ...value}; // earlier ones have none
}

function findProblem(record) {
  if (record?.format !== FORMAT) return `format is not ${FORMAT}`;
  for (const key of ['date', 'env']) if (typeof record[key] !== 'string') return `${key} is missing`;
  for (const key of ['cpu', 'platform'])
    if (typeof record.machine?.[key] !== 'string') return `machine.${key} is missing`;
  for (const key of ['remarks', 'skipped', 'failures', 'rows', 'profiles', 'kernels']) {
    if (!Array.isArray(record[key])) return `${key} is no list`;
  }
  const {regions = []} = record;
  if (!Array.isArray(regions)) return 'regions is no list';
  const entries = [...record.rows, ...record.profiles, ...regions, ...record.kernels];
  const ids = entries.map((entry) => entry?.id);
  const odd = ids.find((id, i) => typeof id !== 'string' || ids.indexOf(id) !== i);
  if (odd !== undefined || ids.includes(undefined)) return `the id ${odd} is missing or not unique`;
  return (
    firstProblem(record.rows, rowProblem) ??
    firstProblem(record.profiles, profileProblem) ??
    firstProblem(regions, regionsProblem) ??
    firstProblem(record.kernels, kernelProblem)
  );
}

function firstProblem(entries, find) {
  for (const entry of entries) {
    const problem = find(entry);
    if (problem) return `${entry.id}: ${problem}`;
  }
  return null;
}

function rowProblem(row) {
  if (typeof row.model !== 'string') return 'model is missing';
  if (!isNumber(row.n) || !isNumber(row.sparsity)) return 'n or sparsity is missing';
  if (!Array.isArray(row.threads) || !row.threads.every(isNumber)) return 'threads is no list of numbers';
  if (!Array.isArray(row.results)) return 'results is no list';
  if (!row.results.every(({engine, minMs}) => typeof engine === 'string' && minMs > 0))
    return 'a result lacks its engine or its minMs';
  return timeOf(row, OURS) === undefined && `${OURS} is not among the results`;
}

function profileProblem({model, threads, ops, whole, roof}) {
  if (typeof model !== 'string') return 'model is missing';
  if (!isNumber(threads)) return 'threads is no number';
  if (!isNumber(whole?.ms) || !isNumber(whole.stockMs) || !isNumber(roof?.gflops)) return 'whole or roof is missing';
  const whole_ =
    Array.isArray(ops) &&
    ops.every(({kernel, path, ms, stockMs}) => kernel && path && isNumber(ms) && isNumber(stockMs));
  return !whole_ && 'an op lacks its kernel, path or times';
}

function regionsProblem({threads, models}) {
  if (!isNumber(threads)) return 'threads is no number';
  const complete =
    Array.isArray(models) &&
    models.every(({model, kernels, splitBy, around}) => model && isNumber(kernels) && splitBy && around);
  return !complete && 'a model lacks its name, its kernels or what splits its regions';
}

function kernelProblem({variant, roof, results}) {
  if (typeof variant !== 'string' || !isNumber(roof)) return 'variant or roof is missing';
  const complete = Array.isArray(results) && results.every(({name, engines}) => name && engines?.stock?.ms > 0);
  return !complete && "a shape lacks its name or stock's time";
}

function isNumber(value) {
  return typeof value === 'number' && Number.isFinite(value);
}
