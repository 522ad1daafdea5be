// `npm run accuracy`: prunes a model, repairs it, and measures what is left of its answers and what time is saved.
import {existsSync} from 'node:fs';
import path from 'node:path';
import {chooseImages, readLabels} from './lib/accuracyImages.mjs';
import {parseAccuracyOptions} from './lib/accuracyOptions.mjs';
import {formatAccuracy} from './lib/accuracyReport.mjs';
import {runMain, startFolder} from './lib/commandLine.mjs';
import {findModel, ROOT} from './lib/models.mjs';
import {UserError} from './lib/userError.mjs';

await runMain('accuracy', async () => {
  const options = parseAccuracyOptions(process.argv.slice(2));
  if (options === null) return;
  const base = startFolder('accuracy');
  const resolve = (name) => name && path.resolve(base, name);
  const model = findModel(options.model, base);
  const labels = options.labels && readLabels(resolve(options.labels));
  const images = chooseImages('--images', resolve(options.images), {labels, most: options.count});
  const calibration =
    options.calibration && chooseImages('--calibration', resolve(options.calibration), {exactly: options.samples});
  if (!existsSync(path.join(ROOT, 'dist/index.mjs'))) throw new UserError('dist/ is missing: run npm run build');

  const progress = (line) => process.stderr.write(`${model.name}: ${line}\n`);
  // Only now: a mistake on the command line is told at once.
  const {runAccuracy} = await import('./lib/accuracyRun.mjs');
  const report = await runAccuracy({model, images, calibration, options}, progress);
  process.stdout.write(`${options.json ? JSON.stringify(report) : formatAccuracy(report)}\n`);
});
