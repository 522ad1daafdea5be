// Runs tfjs-core's published specs on stock wasm and twice on our backend, once with every kernel as a program of its own
// (programs.mjs), and compares. Exits 1 if ours fails one that stock passes. Arguments given to node itself, such as
// --experimental-wasm-relaxed-simd, reach the child processes too.
import {fork} from 'node:child_process';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Command} from 'commander';
import {bundleSpecs} from './bundle.mjs';

const OURS = 'blocksparse-1xn';
const STOCK = 'wasm';
const TIMEOUT_MS = 10 * 60_000;

// Stock wasm writes a part of the output only and the rest is what the heap held before: whether these pass is luck
// (on stock, `avg` passes in some orders of the specs). They count, but are not compared.
const UNWRITTEN_OUTPUT = [
  'pool backend {} max x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
  'pool backend {} avg x=[2,2,3] f=[1,1] s=2 p=1 fractional outputs default rounding',
];

const root = fileURLToPath(new URL('../..', import.meta.url));
const worker = fileURLToPath(new URL('worker.mjs', import.meta.url));
const wasmFolder = join(root, 'node_modules/@tensorflow/tfjs-backend-wasm/wasm-out/');

const options = new Command('conformance')
  .description("tfjs-core's published specs on our backend and on stock wasm (Node)")
  .option('--filter <text>', 'only specs whose full name contains the text', '')
  .option('--json <file>', 'write all results to a file')
  .parse()
  .opts();

try {
  process.exitCode = await main();
} catch (error) {
  console.error(`conformance: ${error.message}`);
  process.exitCode = 1;
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'conformance-'));
  try {
    const bundle = join(folder, 'specs.cjs');
    await bundleSpecs(root, bundle);
    const stock = await runSpecs(bundle, STOCK);
    const ours = await runSpecs(bundle, OURS);
    const planned = await runSpecs(bundle, OURS, 'programs');
    const comparisons = [ours, planned].map((results) => compare(results, stock));
    report(`${OURS}, kernels as programs`, planned, stock, comparisons[1]);
    report(OURS, ours, stock, comparisons[0]);
    const [comparison, plannedComparison] = comparisons;
    const results = {ours, planned, stock, comparison, plannedComparison};
    if (options.json) writeFileSync(options.json, JSON.stringify(results, null, 2));
    if (planned.programs === 0 && !options.filter) throw new Error('no kernel ran as a program');
    const failed = comparisons.some(({oursOnly, errorsOnOursOnly}) => oursOnly.length + errorsOnOursOnly.length > 0);
    return failed ? 1 : 0;
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}

/** Runs the bundle on `backend` in a process of its own. */
function runSpecs(bundle, backend, by = 'kernels') {
  console.error(`running the specs on ${backend}${by === 'programs' ? ', kernels as programs' : ''} ...`);
  return new Promise((resolve, reject) => {
    const args = [bundle, backend, wasmFolder, by, options.filter];
    const child = fork(worker, args, {stdio: ['ignore', 'ignore', 'pipe', 'ipc'], timeout: TIMEOUT_MS});
    let results;
    let noise = ''; // the specs provoke warnings by the hundred: shown only if the process dies
    child.stderr.on('data', (text) => (noise = (noise + text).slice(-4000)));
    child.on('message', (message) => (results = message));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (!results) return reject(new Error(`the process for ${backend} ended early (${signal ?? code}):\n${noise}`));
      if (results.specs.length === 0) return reject(new Error(`no spec matches --filter '${options.filter}'`));
      resolve({backend, counts: countSpecs(results.specs), ...results});
    });
  });
}

function countSpecs(specs) {
  const count = (status) => specs.filter((spec) => spec.status === status).length;
  return {specs: specs.length, failures: count('failed'), pending: count('pending')};
}

/** Sorts the specs by where they fail. A spec that stock passes and ours never ran counts as failed on ours. */
function compare(ours, stock) {
  const onOurs = byUniqueName(ours.specs);
  const onStock = byUniqueName(stock.specs);
  const comparison = {oursOnly: [], stockOnly: [], both: [], notCompared: []};
  for (const name of new Set([...onStock.keys(), ...onOurs.keys()])) {
    const mine = onOurs.get(name) ?? {status: 'failed', message: 'did not run'};
    const failsOnStock = onStock.get(name)?.status === 'failed';
    const failsOnOurs = mine.status === 'failed';
    if (!failsOnOurs && !failsOnStock) continue;
    comparison[groupOf(name, failsOnOurs, failsOnStock)].push({name, message: mine.message});
  }
  const errorsOnOursOnly = ours.errors.filter((error) => !stock.errors.includes(error));
  return {...comparison, errorsOnOursOnly};
}

function groupOf(name, failsOnOurs, failsOnStock) {
  if (UNWRITTEN_OUTPUT.includes(name)) return 'notCompared';
  if (failsOnOurs && failsOnStock) return 'both';
  return failsOnOurs ? 'oursOnly' : 'stockOnly';
}

/** Some specs share their full name: the second gets `#2`, and so on. */
function byUniqueName(specs) {
  const seen = new Map();
  const unique = new Map();
  for (const spec of specs) {
    const times = (seen.get(spec.name) ?? 0) + 1;
    seen.set(spec.name, times);
    unique.set(times === 1 ? spec.name : `${spec.name} #${times}`, spec);
  }
  return unique;
}

function report(name, ours, stock, comparison) {
  printGroup(`Fail on ${name} and on ${STOCK}`, comparison.both);
  printGroup(`Fail on ${STOCK} only`, comparison.stockOnly);
  printGroup('Fail on either, not compared (stock leaves a part of the output unwritten)', comparison.notCompared);
  printGroup(`Fail on ${name} only`, comparison.oursOnly, true);
  for (const error of comparison.errorsOnOursOnly) console.log(`  outside a spec: ${firstLine(error)}`);
  console.log(`\n${STOCK}: ${summary(stock.counts)}`);
  if (ours.programs > 0) console.log(`calls of kernels that regions computed: ${ours.programs}`);
  console.log(`${name}:`);
  console.log(summary(ours.counts));
}

function printGroup(title, specs, withMessages = false) {
  console.log(`\n${title}: ${specs.length}`);
  for (const {name, message} of specs) console.log(`  ${name}${withMessages ? `\n      ${firstLine(message)}` : ''}`);
}

function firstLine(text) {
  return text.split('\n', 1)[0].slice(0, 300);
}

function summary({specs, failures, pending}) {
  return `${specs} specs, ${failures} failures, ${pending} pending`;
}
