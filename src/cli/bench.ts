/** `blocksparse-1xn bench`: a model on stock's backend and on ours, run by run in turn. */
import {dispose, version_core, type NamedTensorMap} from '@tensorflow/tfjs-core';
import type {Command} from 'commander';
import {backendInfo, configure, pruneGraphModel, type PruneOptions} from '../index';
import {randomNumbers} from '../pruning/random';
import {inputShape, integer, type InputShapes} from './arguments';
import {addCommand, MODEL_ARGUMENT, printResult} from './commands';
import {describe as describeDifferences} from './compare';
import {OutputComparison, type OutputDifference} from './differences';
import {startEngine, type Engine, type Output} from './engine';
import {checkingUsage, UserError} from './errors';
import {planInputs, randomInputs} from './inputs';
import {readGraphModel, type Model} from './models';
import {showProgress} from './progress';
import {addPruneOptions, pruneOptionsOnRequest} from './pruneOptions';
import {formatTable} from './tables';

const OURS = 'blocksparse-1xn';
const STOCK = 'wasm';
/** The second inference is noted, later ones run as a program. */
const WARM_UPS = 4;
/** As many threads as the backend takes. */
const MOST_THREADS = 64;
/** Largest difference between the two, as a share of an output's range, that is rounding. */
const TOLERANCE = 1e-3;

interface Flags {
  readonly runs: number;
  readonly threads: number;
  readonly input?: InputShapes;
  readonly json: boolean;
}

interface EngineTimes {
  readonly engine: string;
  readonly threads: number;
  readonly minMs: number;
  readonly medianMs: number;
}

export function addBench(program: Command): void {
  const command = addCommand(program, 'bench', 'Times a model on stock tfjs-wasm and on ours, run by run in turn.', [
    'model.json',
    '@vladmandic/human/models/centernet.json --runs 50 --threads 2',
    'model.json --n 4 --sparsity 0.5 --json',
    'model.json --input image=1,320,320,3',
  ])
    .argument('<model>', MODEL_ARGUMENT)
    .option('--runs <number>', 'timed runs of each', integer(1, 1e6), 30)
    .option('--threads <number>', 'threads of ours; stock has one in Node', integer(1, MOST_THREADS), 1)
    .option('--input <name=shape>', 'shape of an input, like image=1,224,224,3; repeat it for more', inputShape);
  addPruneOptions(command).action(bench);
}

async function bench(name: string, flags: Flags, command: Command): Promise<void> {
  const pruning = pruneOptionsOnRequest(command);
  const model = await pruned(await readGraphModel(name), pruning);
  configure({threads: flags.threads});
  const ours = await startEngine(OURS, model);
  const {variant, threads, reasons} = backendInfo();
  if (threads < flags.threads) {
    throw new UserError(`${OURS} runs on ${threads} of ${flags.threads} threads: ${reasons.join('; ')}`);
  }
  const stock = await startEngine(STOCK, model);
  const plan = planInputs(stock.model, flags.input);
  const inputs = randomInputs(plan, randomNumbers(0));
  const measured = await interleave([ours, stock], inputs, flags.runs);
  dispose(inputs);

  const times = measured.map(({times}, i): EngineTimes => ({
    engine: [OURS, 'tfjs-wasm'][i],
    threads: [threads, 1][i],
    minMs: rounded(Math.min(...times)),
    medianMs: rounded(median(times)),
  }));
  const outputs = differences(measured[1].outputs, measured[0].outputs);
  const result = {
    model: name,
    pruned: pruning,
    runs: flags.runs,
    inputs: plan,
    variant,
    versions: {node: process.versions.node, tfjs: version_core},
    engines: times,
    /** Times of stock over ours. */
    ratios: {
      min: rounded(times[1].minMs / times[0].minMs),
      median: rounded(times[1].medianMs / times[0].medianMs),
    },
    outputs,
  };
  printResult(flags.json, result, () => describe(result));
  const wrong = outputs.find(({relative}) => relative === null || relative > TOLERANCE);
  if (wrong) {
    const {output, problem, relative} = wrong;
    throw new UserError(
      `output ${output} of ${OURS} is not stock's: ${problem ?? `it differs by ${relative} of its range`}`,
    );
  }
}

async function pruned(model: Model, options: PruneOptions | null): Promise<Model> {
  if (options === null) return model;
  const {artifacts} = await checkingUsage(() => pruneGraphModel(model.artifacts, options));
  return {...model, artifacts: artifacts as Model['artifacts']};
}

/** A B A B, so that what disturbs the machine meets both alike. */
async function interleave(engines: readonly Engine[], inputs: NamedTensorMap, runs: number) {
  const measured = engines.map((engine) => ({engine, times: [] as number[], outputs: [] as Output[]}));
  const progress = showProgress('running', runs + WARM_UPS);
  try {
    for (let i = -WARM_UPS; i < runs; i++) {
      for (const record of measured) {
        const {ms, outputs} = await record.engine.run(inputs);
        if (i >= 0) record.times.push(ms);
        record.outputs = outputs;
      }
      progress.step();
    }
  } finally {
    progress.stop();
  }
  return measured;
}

function differences(expected: readonly Output[], actual: readonly Output[]): OutputDifference[] {
  return expected.map((output, i) => {
    const comparison = new OutputComparison(output.name);
    comparison.add(output, actual[i]);
    return comparison.result();
  });
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

const rounded = (value: number): number => Number(value.toFixed(3));

interface BenchResult {
  readonly runs: number;
  readonly variant: string;
  readonly engines: readonly EngineTimes[];
  readonly ratios: {readonly min: number; readonly median: number};
  readonly outputs: readonly OutputDifference[];
}

function describe({engines, ratios, outputs, runs, variant}: BenchResult): string {
  const columns = [{title: 'engine', text: true}, {title: 'threads'}, {title: 'min ms'}, {title: 'median ms'}] as const;
  const rows = engines.map(({engine, threads, minMs, medianMs}) => [
    engine,
    String(threads),
    minMs.toFixed(2),
    medianMs.toFixed(2),
  ]);
  return [
    formatTable(columns, rows),
    `Stock takes ${ratios.min.toFixed(2)} times as long (minimum of ${runs} runs), ${ratios.median.toFixed(2)} times ` +
      `by the median. ${variant} kernels, Node ${process.versions.node}.`,
    describeDifferences(outputs, 'the same random input, ours beside stock'),
  ].join('\n');
}
