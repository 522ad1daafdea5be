/** `blocksparse-1xn compare`: two models on the same inputs. */
import {dispose, type NamedTensorMap} from '@tensorflow/tfjs-core';
import {Option, type Command} from 'commander';
import {randomNumbers} from '../pruning/random';
import {inputShape, integer, seed, type InputShapes} from './arguments';
import {addCommand, MODEL_ARGUMENT, printResult} from './commands';
import {OutputComparison, type OutputDifference} from './differences';
import {BACKENDS, startEngine, type Backend, type Engine} from './engine';
import {UserError} from './errors';
import {planInputs, randomInputs} from './inputs';
import {readGraphModel} from './models';
import {showProgress} from './progress';
import {formatTable, percent, shapeOf} from './tables';

interface Flags {
  readonly samples: number;
  readonly seed: number;
  readonly backend: Backend;
  readonly input?: InputShapes;
  readonly json: boolean;
}

export function addCompare(program: Command): void {
  addCommand(program, 'compare', 'Runs two models on the same random inputs: differences per output.', [
    'model.json pruned/model.json',
    '@vladmandic/human/models/centernet.json out --samples 16 --backend wasm',
    'model.json pruned --input image=1,320,320,3 --json',
  ])
    .argument('<first>', MODEL_ARGUMENT)
    .argument('<second>', 'the other model, alike')
    .option('--samples <number>', 'inputs to compare on', integer(1, 1e6), 4)
    .option('--seed <number>', 'of the inputs', seed, 0)
    .addOption(new Option('--backend <name>', 'what runs both').choices(BACKENDS).default(BACKENDS[0]))
    .option('--input <name=shape>', 'shape of an input, like image=1,224,224,3; repeat it for more', inputShape)
    .action(compare);
}

async function compare(firstName: string, secondName: string, flags: Flags): Promise<void> {
  const {backend, samples} = flags;
  const first = await startEngine(backend, await readGraphModel(firstName));
  const second = await startEngine(backend, await readGraphModel(secondName));
  checkAlike('inputs', first.model.inputs, second.model.inputs);
  checkAlike('outputs', first.model.outputs, second.model.outputs);
  const inputs = planInputs(first.model, flags.input);
  planInputs(second.model, Object.fromEntries(inputs.map(({name, shape}) => [name, shape])));

  const random = randomNumbers(flags.seed);
  const outputs = await compareOn(first, second, samples, () => randomInputs(inputs, random));
  const result = {first: firstName, second: secondName, backend, samples, seed: flags.seed, inputs, outputs};
  printResult(flags.json, result, () => describe(outputs, `${samples} random inputs on ${backend}`));
}

interface Named {
  readonly name: string;
}

function checkAlike(what: string, first: readonly Named[], second: readonly Named[]): void {
  const [a, b] = [first, second].map((list) => list.map(({name}) => name).sort());
  if (String(a) === String(b)) return;
  throw new UserError(`the models have different ${what} and cannot be compared: ${a.join(', ')}; ${b.join(', ')}`);
}

async function compareOn(
  first: Engine,
  second: Engine,
  samples: number,
  nextInputs: () => NamedTensorMap,
): Promise<OutputDifference[]> {
  const comparisons = new Map(first.model.outputs.map(({name}) => [name, new OutputComparison(name)]));
  const progress = showProgress('comparing', samples);
  try {
    for (let sample = 0; sample < samples; sample++) {
      const inputs = nextInputs();
      const expected = await first.run(inputs);
      const {outputs} = await second.run(inputs);
      for (const output of expected.outputs) {
        comparisons.get(output.name)!.add(
          output,
          outputs.find(({name}) => name === output.name)!,
        );
      }
      dispose(inputs);
      progress.step();
    }
  } finally {
    progress.stop();
  }
  return [...comparisons.values()].map((comparison) => comparison.result());
}

const COLUMNS = [
  {title: 'output', text: true},
  {title: 'shape'},
  {title: 'max difference'},
  {title: 'range'},
  {title: 'of range'},
  {title: 'same top-1'},
  {title: '', text: true},
] as const;

/** The differences as a table, and what they are over. */
export function describe(outputs: readonly OutputDifference[], over: string): string {
  const number = (value: number | null) => (value === null ? '' : value.toPrecision(3));
  const rows = outputs.map(({output, shape, maxAbsDifference, range, relative, top1Agreement, problem}) => [
    output,
    shapeOf(shape),
    number(maxAbsDifference),
    number(range),
    relative === null ? '' : relative.toExponential(1),
    top1Agreement === null ? '' : percent(top1Agreement),
    problem ?? '',
  ]);
  return `${formatTable(COLUMNS, rows)}\nDifferences over ${over}.`;
}
