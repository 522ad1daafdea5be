// `npm run bench:regions`: how much of each model runs as regions, and which ops split them. Nothing is timed.
import path from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import {Command} from 'commander';
import * as blocksparse from '../dist/index.mjs';
import {startBackend} from './lib/benchmark.mjs';
import {readCommand, runMain, startFolder} from './lib/commandLine.mjs';
import {fileHandler} from './lib/fileHandler.mjs';
import {loadModel} from './lib/loadModel.mjs';
import {describeMachine} from './lib/machine.mjs';
import {allModels, findModel} from './lib/models.mjs';
import {positiveInteger} from './lib/options.mjs';
import {formatRegions} from './lib/regions.mjs';
import {surveyRegions} from './lib/regionsRun.mjs';

await runMain('bench:regions', async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  const {threads} = options;
  const files = (options.model ?? allModels()).map((name) => findModel(name, startFolder('bench:regions')));
  const variant = await startBackend(threads, {tf, blocksparse});
  const models = [];
  for (const {name, folder, file, format} of files) {
    process.stderr.write(`${name}\n`);
    const load = () => loadModel(format, fileHandler(path.join(folder, file)));
    models.push({model: name, ...(await surveyRegions({tf, blocksparse, loadModel: load, format}))});
  }
  const machine = {...describeMachine(), tfjs: tf.version_core, variant};
  const result = {machine, threads, models};
  process.stdout.write(`${options.json ? JSON.stringify(result) : formatRegions(result)}\n`);
});

function parseOptions(argv) {
  const command = new Command('npm run bench:regions --')
    .description('Counts the kernels of models that run as regions, and names what splits these.')
    .option('--model <path|name...>', 'models; default: all of ../shared and of npm packages')
    .option('--threads <number>', 'threads of our kernels', positiveInteger, 1)
    .option('--json', 'end with a JSON object on stdout instead of tables', false);
  return readCommand(command, argv);
}
