/** `blocksparse-1xn convert-back`: a plain model of a packed one. */
import type {Command} from 'commander';
import {checkFolder} from './atomic';
import {addCommand, MODEL_ARGUMENT, printResult} from './commands';
import {readGraphModel} from './models';
import {unpackModel} from './packedModels';
import {saveModel} from './saveModel';
import {megabytes} from './tables';

export function addConvertBack(program: Command): void {
  addCommand(program, 'convert-back', 'Writes a packed model as a plain one, which loads without this package.', [
    'packed/model.json plain',
    'https://example.com/packed/model.json plain --force',
  ])
    .argument('<packed>', MODEL_ARGUMENT)
    .argument('<out>', 'folder for the plain model')
    .option('--force', 'replace a model that is there', false)
    .action(convertBack);
}

async function convertBack(name: string, out: string, {force, json}: {force: boolean; json: boolean}): Promise<void> {
  checkFolder(out, force);
  const {artifacts} = await readGraphModel(name);
  const saved = await saveModel(unpackModel(artifacts, name), out, {force});
  const text = () => `Written to ${out}: ${saved.files.length} files, ${megabytes(saved.bytes)}`;
  printResult(json, {model: name, out, ...saved}, text);
}
