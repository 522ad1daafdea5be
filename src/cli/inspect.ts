/** `blocksparse-1xn inspect`: a model's zeros, layer by layer, and what the backend would make of them. */
import {Option, type Command} from 'commander';
import {inspectModel, type ModelInspection} from '../index';
import {inputShape, type InputShapes} from './arguments';
import {checkFile, writeWholeFile} from './atomic';
import {drawLayers} from './blockMaps';
import {addCommand, MODEL_ARGUMENT, printResult} from './commands';
import {checkingUsage, UsageError} from './errors';
import {INSPECTION_COLUMNS, inspectionRow, totalsInWords, totalsOf} from './inspection';
import {renderInspection} from './inspectPage';
import {readGraphModel} from './models';
import {whileSaying} from './progress';
import {addPruneOptions, givenPruneOptions, toPruneOptions, type PruneFlags} from './pruneOptions';
import {formatTable} from './tables';

interface Flags extends PruneFlags {
  readonly input?: InputShapes;
  readonly variant: ModelInspection['variant'];
  readonly html?: string;
  readonly force: boolean;
  readonly json: boolean;
}

export function addInspect(program: Command): void {
  const description = 'Lists zeros and blocks of each layer, and the path and time that they lead to.';
  const command = addCommand(program, 'inspect', description, [
    'model.json',
    '@vladmandic/human/models/centernet.json --json',
    'model.json --input image=1,320,320,3 --variant simd128',
    'model.json --html layers.html',
    'model.json --html layers.html --n 4 --sparsity 0.5 --force',
  ])
    .argument('<model>', MODEL_ARGUMENT)
    .option('--input <name=shape>', 'shape of an input, like image=1,224,224,3; repeat it for more', inputShape)
    .addOption(
      new Option('--variant <name>', 'kernels to expect times of').choices(['relaxed', 'simd128']).default('relaxed'),
    )
    .option('--html <file>', 'write a page with pictures of the blocks, as they are and as the options below make them')
    .option('--force', 'replace a page that is there', false);
  addPruneOptions(command, 0).action(inspect);
}

async function inspect(name: string, flags: Flags, command: Command): Promise<void> {
  const {html, force, variant, json} = flags;
  const [unused] = givenPruneOptions(command);
  if (html === undefined && unused !== undefined) {
    throw new UsageError(`--${unused} is for the pictures of the page: give --html FILE, too`);
  }
  if (html !== undefined) checkFile(html, force);
  const {artifacts} = await readGraphModel(name);
  const inspection = await checkingUsage(() => inspectModel(artifacts, {inputShapes: flags.input, variant}));
  const {layers} = inspection;
  if (html !== undefined) {
    const drawing = await whileSaying(`drawing ${html}`, () =>
      checkingUsage(() => drawLayers(artifacts, toPruneOptions(flags))),
    );
    await writeWholeFile(html, renderInspection(name, inspection, drawing), force);
  }
  printResult(json, {model: name, ...inspection, totals: totalsOf(layers), ...(html && {html})}, () =>
    [
      formatTable(INSPECTION_COLUMNS, layers.map(inspectionRow)),
      'Under N: the share of 1xN blocks that hold a weight other than zero.',
      totalsInWords(layers, variant),
      ...(html ? [`Pictures: ${html}`] : []),
    ].join('\n'),
  );
}
