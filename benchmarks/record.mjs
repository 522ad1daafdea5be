// `npm run bench:record`: the benchmark of record. Runs bench, profile and bench:kernels one after another and writes
// benchmarks/results/<date>-<machine>-<env>.json, a row at a time, and the HTML report beside it. A run that was
// interrupted goes on where it stopped.
import {existsSync} from 'node:fs';
import path from 'node:path';
import {Command} from 'commander';
import {PEERS} from './lib/benchmark.mjs';
import {runJson} from './lib/children.mjs';
import {readCommand, regularExpression, runMain, startFolder} from './lib/commandLine.mjs';
import {renderReport} from './lib/htmlReport.mjs';
import {describeMachine} from './lib/machine.mjs';
import {findModel, ROOT} from './lib/models.mjs';
import {oneOf, positiveInteger} from './lib/options.mjs';
import {isDone, newRecord, withFailure, withResult} from './lib/record.mjs';
import {checkedOutCommit, readRecord, recordName, recordText, RESULTS, writeWhole} from './lib/recordFile.mjs';
import {planJobs} from './lib/recordPlan.mjs';
import {UserError} from './lib/userError.mjs';

/** Runs in a page alone. */
const PAGE_ONLY = ['litert'];

const say = (line) => process.stderr.write(`${line}\n`);

await runMain('bench:record', async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  const {env, runs, only, list} = options;
  const peers = PEERS.filter((peer) => env !== 'node' || !PAGE_ONLY.includes(peer));
  const jobs = planJobs({env, peers, runs}).filter(({id}) => only.test(id));
  if (list) return void process.stdout.write(jobs.map(({id}) => `${id}\n`).join(''));
  if (jobs.length === 0) throw new UserError(`no measurement matches ${only} (--list shows all)`);

  const about = {
    date: new Date().toISOString().slice(0, 10),
    env,
    commit: checkedOutCommit(),
    machine: describeMachine(),
  };
  const file = options.out
    ? path.resolve(startFolder('bench:record'), options.out)
    : path.join(RESULTS, recordName(about));
  let record = existsSync(file) ? readRecord(file) : newRecord(about);
  checkSameMachine(record, about);
  const save = () => writeWhole(file, recordText(record));

  const {present, skipped} = sortOut(jobs);
  const others = record.skipped.filter(({model}) => !jobs.some((job) => job.model === model));
  const remarks = [...new Set([...record.remarks, ...options.remark])];
  record = {...record, remarks, skipped: [...others, ...skipped]};
  for (const {model, why} of skipped) say(`skipped ${model}: ${why}`);
  for (const [i, job] of present.entries()) {
    say(`[${i + 1} of ${present.length}] ${job.id}${isDone(record, job) ? ': measured before' : ''}`);
    if (isDone(record, job)) continue;
    try {
      record = withResult(record, job, {runs, ...(await runJson(job.script, job.args))});
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      record = withFailure(record, job, error.message);
    }
    save();
  }
  save();
  const report = file.replace(/\.json$/, '.html');
  writeWhole(report, renderReport(record));
  say(`${path.relative(ROOT, file)} and ${path.relative(ROOT, report)}`);
  const failed = record.failures.length;
  if (failed > 0)
    throw new UserError(`${failed} of the measurements failed; they are named in the file and run again next time`);
});

function parseOptions(argv) {
  const command = new Command('npm run bench:record --')
    .description('Measures all that is on record, one after another, and writes benchmarks/results.')
    .option(
      '--only <regex>',
      'only the measurements whose name matches, e.g. "bench mobilenet_v2.* 1x4"',
      regularExpression,
      /(?:)/,
    )
    .option('--runs <number>', 'timed runs of each engine', positiveInteger, 40)
    .option(
      '--env <name>',
      'where models run: chromium, firefox or node; kernels run in Node',
      oneOf(['chromium', 'firefox', 'node']),
      'chromium',
    )
    .option('--out <file>', 'JSON to write or to go on with, in place of one of this date and machine')
    .option('--remark <text...>', 'what a reader of the report has to know', [])
    .option('--list', 'print the names of the measurements', false);
  return readCommand(command, argv);
}

/** Models that are not on this machine are named, not measured. */
function sortOut(jobs) {
  const why = new Map();
  for (const {model} of jobs) {
    if (model === null || why.has(model)) continue;
    try {
      findModel(model, ROOT);
      why.set(model, null);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      why.set(model, error.message);
    }
  }
  const skipped = [...why].filter(([, reason]) => reason !== null).map(([model, reason]) => ({model, why: reason}));
  return {present: jobs.filter(({model}) => model === null || why.get(model) === null), skipped};
}

/** Ratios of one machine do not go beside those of another. */
function checkSameMachine({machine, env}, about) {
  const same = env === about.env && JSON.stringify(machine) === JSON.stringify(about.machine);
  if (!same) throw new UserError('the file holds results of another machine or environment');
}
