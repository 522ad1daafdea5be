// `npm run bench:gate`: are kernels and three models as fast, beside stock, as in the last results on record? Ratios of one
// run against ratios of another; what looks worse is measured twice more and counts only if it stays worse. For use before
// a change to a hot path, on the machine of the record.
import path from 'node:path';
import {Command, InvalidArgumentError} from 'commander';
import {STOCK} from './lib/benchmark.mjs';
import {runJson} from './lib/children.mjs';
import {readCommand, regularExpression, runMain, startFolder} from './lib/commandLine.mjs';
import {
  bestOf,
  compareRatios,
  formatGate,
  GATE_MODELS,
  kernelRatios,
  modelRatios,
  modelRowName,
  reportRatio,
} from './lib/gate.mjs';
import {describeMachine} from './lib/machine.mjs';
import {findModel, ROOT} from './lib/models.mjs';
import {oneOf, positiveInteger} from './lib/options.mjs';
import {newestRecord, readRecord} from './lib/recordFile.mjs';
import {UserError} from './lib/userError.mjs';

/** How often a row that looks worse is measured again. */
const AGAIN = 2;
/** Rows that did not fail, in the table. */
const SHOWN = 10;

const say = (line) => process.stderr.write(`${line}\n`);

await runMain('bench:gate', async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  const {env, tolerance, only} = options;
  const file = options.baseline ? path.resolve(startFolder('bench:gate'), options.baseline) : newestRecord(env);
  const record = readRecord(file);
  if (record.env !== env) throw new UserError(`the results are of ${record.env}: add --env ${record.env}`);
  say(`compared with ${path.relative(ROOT, file)}`);
  if (record.machine.cpu !== describeMachine().cpu) {
    say(`these are results of another machine, ${record.machine.cpu}: ratios may differ for that reason alone`);
  }
  const groups = [...modelGroups(record, options), ...kernelGroups(record, options)].filter(({name}) =>
    only.test(name),
  );
  if (groups.length === 0) throw new UserError('nothing on record that can be measured here');

  const rows = [];
  for (const group of groups) {
    say(group.name);
    let now = await group.measure();
    let compared = compareRatios(group.before, now, tolerance);
    for (let i = 0; i < AGAIN && compared.some(({worse}) => worse); i++) {
      const failed = compared.filter(({worse}) => worse).map(({name}) => name);
      say(`worse, measured again: ${failed.join('; ')}`);
      now = bestOf(now, await group.measureAgain(failed.map((name) => now.get(name))));
      compared = compareRatios(group.before, now, tolerance);
    }
    rows.push(...compared);
  }
  rows.sort((a, b) => b.change - a.change);
  process.stdout.write(`${formatGate(rows, tolerance, SHOWN)}\n`);
  if (rows.length === 0) throw new UserError('the record and this run have no row in common');
  if (rows.some(({worse}) => worse)) process.exitCode = 1;
});

function parseOptions(argv) {
  const command = new Command('npm run bench:gate --')
    .description('Fails where kernels or models have become slower, beside stock, than in the last results on record.')
    .option('--baseline <file>', 'results to compare with; by default the newest committed ones of the environment')
    .option('--tolerance <percent>', 'more time than this, beside stock, is worse', percentage, 0.07)
    .option('--only <regex>', 'only groups whose name matches: "kernels" or a model', regularExpression, /(?:)/)
    .option('--runs <number>', 'timed runs of a model, rounds of a kernel', positiveInteger, 40)
    .option(
      '--env <name>',
      'where models run: chromium, firefox or node',
      oneOf(['chromium', 'firefox', 'node']),
      'chromium',
    );
  return readCommand(command, argv);
}

function percentage(text) {
  const value = text.trim() === '' ? NaN : Number(text);
  if (!(value >= 0)) throw new InvalidArgumentError('Give a number of percent, like 7.');
  return value / 100;
}

/** Each model of the gate that is on record and on this machine. */
function modelGroups(record, {env, runs}) {
  const onRecord = modelRatios(record);
  return GATE_MODELS.flatMap((target) => {
    const name = modelRowName(target);
    const reason = !onRecord.has(name) ? 'it is not on record' : whyAbsent(target.model);
    if (reason !== null) {
      say(`${name} is left out: ${reason}`);
      return [];
    }
    const args = ['--model', target.model, '--n', String(target.n), '--sparsity', String(target.sparsity)];
    const more = ['--threads', '1', '--peers', STOCK, '--env', env, '--runs', String(runs), '--json'];
    const measure = async () => new Map([[name, {ratio: reportRatio(await runJson('bench.mjs', [...args, ...more]))}]]);
    return [{name, before: onRecord, measure, measureAgain: measure}];
  });
}

function whyAbsent(model) {
  try {
    findModel(model, ROOT);
    return null;
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
}

/** The kernels of each variant that is on record, if by this major version of Node: another engine has other ratios. */
function kernelGroups({kernels}, {runs}) {
  const major = (version) => String(version).split('.')[0];
  const here = kernels.filter(({variant, node}) => {
    const same = major(node) === major(process.versions.node);
    if (!same) say(`${variant} kernels are left out: those on record ran in Node ${node}`);
    return same;
  });
  return here.map(({variant, density, ...results}) => {
    const measure = async (...filter) => {
      const args = ['--variant', variant, '--density', String(100 * density), '--rounds', String(runs), '--json'];
      return kernelRatios(await runJson('kernels.mjs', [...args, ...filter]));
    };
    return {
      name: `kernels, ${variant}`,
      before: kernelRatios(results),
      measure,
      async measureAgain(failed) {
        let now = new Map();
        for (const shape of new Set(failed.map((entry) => entry.shape))) {
          now = bestOf(now, await measure('--filter', shape));
        }
        return now;
      },
    };
  });
}
