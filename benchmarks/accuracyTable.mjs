// `npm run accuracy:table`: runs `npm run accuracy` for every row of a plan, each in a process of its own, and writes
// benchmarks/ACCURACY.md with its plots. Results are kept; a run that was interrupted goes on where it stopped.
import {existsSync, readFileSync} from 'node:fs';
import path from 'node:path';
import {Command} from 'commander';
import {renderAccuracy} from './lib/accuracyPage.mjs';
import {planAccuracy} from './lib/accuracyPlan.mjs';
import {
  accuracyFile,
  accuracyRecordText,
  entryOf,
  readAccuracyRecord,
  withEntry,
  withFailedRow,
} from './lib/accuracyRecord.mjs';
import {runJson} from './lib/children.mjs';
import {readCommand, regularExpression, runMain, startFolder} from './lib/commandLine.mjs';
import {ROOT} from './lib/models.mjs';
import {positiveInteger} from './lib/options.mjs';
import {checkedOutCommit, writeWhole} from './lib/recordFile.mjs';
import {UserError} from './lib/userError.mjs';

const NAME = 'accuracy:table';
const PAGE = 'benchmarks/ACCURACY.md';
/** Relative to the repository, where the children run. */
const DATA = {
  images: '../shared/images/val',
  labels: '../shared/images/val.labels.txt',
  calibration: '../shared/images/calibration',
};

const say = (line) => process.stderr.write(`${line}\n`);

await runMain(NAME, async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  const resolve = (name) => path.resolve(startFolder(NAME), name);
  const data = Object.entries(DATA).map(([key, usual]) => {
    return [key, options[key] ? path.relative(ROOT, resolve(options[key])) : usual];
  });
  const plan = options.plan
    ? readPlan(resolve(options.plan))
    : planAccuracy({...Object.fromEntries(data), samples: options.samples});
  const chosen = plan.filter(({id}) => options.only.test(id));
  if (options.list) return void process.stdout.write(chosen.map(({id}) => `${id}\n`).join(''));
  if (chosen.length === 0) throw new UserError(`no row matches ${options.only} (--list shows all)`);

  const file = options.out ? resolve(options.out) : accuracyFile(new Date().toISOString().slice(0, 10));
  const before = readAccuracyRecord(file);
  const {record, failed} = options.fill ? {record: before, failed: []} : await measure(chosen, before, file, options);
  writePage(record, plan, options.page ? resolve(options.page) : path.join(ROOT, PAGE));
  if (failed.length > 0) {
    throw new UserError(
      `${failed.length} of ${chosen.length} rows failed and run again next time: ${failed.join('; ')}`,
    );
  }
});

function parseOptions(argv) {
  const command = new Command(`npm run ${NAME} --`)
    .description('Measures accuracy and time of pruned models, row by row, and writes benchmarks/ACCURACY.md.')
    .option('--only <regex>', 'only the rows whose name matches, e.g. "v2.* N = 2"', regularExpression, /(?:)/)
    .option('--list', 'print the names of the rows', false)
    .option('--fill', 'measure nothing; write the page from the results that there are', false)
    .option('--again', 'measure the rows again that there are results of', false)
    .option('--images <folder>', `images with labels; default: ${DATA.images}`)
    .option('--labels <file>', `their labels; default: ${DATA.labels}`)
    .option('--calibration <folder>', `images to learn from; default: ${DATA.calibration}`)
    .option('--samples <number>', 'images of --calibration that classifiers learn from', positiveInteger, 1000)
    .option('--out <file>', 'results to write or go on with; default: the newest benchmarks/results/accuracy-DATE.json')
    .option('--page <file>', `page to write; plots go beside it; default: ${PAGE}`)
    .option('--plan <file>', 'JSON, a list of {id, section, label, series, args}, in place of the usual rows');
  return readCommand(command, argv);
}

function readPlan(file) {
  let rows = null;
  try {
    rows = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // told below
  }
  const isRow = (row) =>
    ['id', 'section', 'label'].every((key) => typeof row?.[key] === 'string') && Array.isArray(row.args);
  if (!Array.isArray(rows) || !rows.every(isRow)) {
    throw new UserError(`--plan: ${path.basename(file)} is no list of rows {id, section, label, series, args}`);
  }
  return rows;
}

/** Runs what has no result yet, and saves after every row. An interrupt ends the row that runs, and no other is begun. */
async function measure(rows, before, file, {again}) {
  if (!existsSync(path.join(ROOT, 'dist/index.mjs'))) throw new UserError('dist/ is missing: run npm run build');
  const interrupt = new AbortController();
  const stop = () => interrupt.abort();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  const commit = checkedOutCommit();
  let record = before;
  const failed = [];
  for (const [i, row] of rows.entries()) {
    const done = !again && entryOf(record, row) !== undefined;
    say(`[${i + 1} of ${rows.length}] ${row.id}${done ? ': measured before' : ''}`);
    if (done) continue;
    try {
      const report = await runJson('accuracy.mjs', [...row.args, '--json'], interrupt.signal);
      record = withEntry(record, row, {commit, report});
    } catch (error) {
      failed.push(row.id);
      if (interrupt.signal.aborted) {
        say(`${row.id}: interrupted`);
        break;
      }
      if (!(error instanceof UserError)) throw error;
      const message = error.message.replaceAll(path.dirname(ROOT), '..');
      say(`${row.id}: ${message}`);
      record = withFailedRow(record, row, message);
    }
    writeWhole(file, accuracyRecordText(record));
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeListener(signal, stop);
  return {record, failed};
}

function writePage(record, plan, page) {
  const base = path.basename(page, path.extname(page)).toLowerCase();
  const results = plan.flatMap((row) => {
    const entry = entryOf(record, row);
    return entry ? [{row, entry}] : [];
  });
  if (results.length === 0) throw new UserError('there are no results to write a page of');
  const ids = new Set(plan.map(({id}) => id));
  const {page: text, plots} = renderAccuracy({
    results,
    failures: record.failures.filter(({id}) => ids.has(id)),
    missing: plan.length - results.length,
    plotName: (slug) => `${base}-${slug}.svg`,
  });
  for (const {name, svg} of plots) writeWhole(path.join(path.dirname(page), name), svg);
  writeWhole(page, text);
  process.stdout.write(`${[page, ...plots.map(({name}) => path.join(path.dirname(page), name))].join('\n')}\n`);
}
