// What tests of models that run as programs share: loading, running with regions and without, what was planned.
import {type GraphModel, loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {PlannedRuns} from '../../src/backend';
import {Program} from '../../src/backend/regions/program';
import type {RecordedProgram} from '../../src/backend/regions/recordCalls';
import {ConvGraphBuilder} from '../graph/convGraphs';
import {randomFloats, randomNumbers} from './random';

export type Inputs = tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;

/** Values of one output tensor. */
export interface Output {
  readonly shape: readonly number[];
  readonly dtype: tf.DataType;
  /** The bits of its values; strings as they are. */
  readonly bits: string;
}

export function load(artifacts: tf.io.ModelArtifacts): GraphModel {
  return loadGraphModelSync(artifacts as Parameters<typeof loadGraphModelSync>[0]) as unknown as GraphModel;
}

export function outputOf(tensor: tf.Tensor): Output {
  const values = tensor.dataSync() as tf.TypedArray | string[];
  const bits = Array.isArray(values)
    ? JSON.stringify(values)
    : Buffer.from(values.buffer, values.byteOffset, values.byteLength).toString('latin1');
  return {shape: tensor.shape, dtype: tensor.dtype, bits};
}

/** One inference; nothing of it stays. */
export function infer(model: GraphModel, inputs: Inputs, fetch?: string | string[]): Output[] {
  const result = model.execute(inputs, fetch);
  const outputs = [result].flat().map(outputOf);
  tf.dispose(result);
  return outputs;
}

/**
 * Runs inferences with regions off, and the same with regions on: expects the same bits, shapes and types of all.
 *
 * @param inputs makes those of inference 0, 1, .., which are disposed of after it
 * @returns what became of the latter
 */
export function expectSameAsWithoutRegions(
  model: GraphModel,
  inputs: (inference: number) => Inputs,
  {fetch, inferences = 5}: {fetch?: string | string[]; inferences?: number} = {},
): Pick<ProgramWatch, 'runs' | 'obstacles' | 'steps'> {
  const all = (regions: boolean) => {
    configure({regions});
    return Array.from({length: inferences}, (_, i) => {
      const given = inputs(i);
      const outputs = infer(model, given, fetch);
      tf.dispose(given);
      return outputs;
    });
  };
  const expected = all(false);
  const watch = watchPrograms();
  try {
    all(true).forEach((outputs, i) => expectSameOutputs(outputs, expected[i], `inference ${i + 1}`));
    const {runs, obstacles, steps} = watch;
    return {runs, obstacles, steps};
  } finally {
    watch.end();
  }
}

/** As `toEqual`, which writes megabytes where values differ. */
export function expectSameOutputs(actual: readonly Output[], expected: readonly Output[], what = ''): void {
  const differences = expected.flatMap(({shape, dtype, bits}, i) => {
    const other = actual[i];
    if (other?.dtype !== dtype || other.shape.join() !== shape.join()) {
      return [`${what}: output ${i} is ${other?.dtype} [${other?.shape.join()}], not ${dtype} [${shape.join()}]`];
    }
    return other.bits === bits ? [] : [`${what}: output ${i} has other bits`];
  });
  expect(differences).toEqual([]);
  expect(actual).toHaveLength(expected.length);
}

/** What became of the inferences of models since `watchPrograms` was called. */
export interface ProgramWatch {
  /** How many ran as programs. */
  readonly runs: number;
  /** The programs that there are now, and the reasons why some kinds of inferences have none. */
  readonly programs: RecordedProgram[];
  readonly obstacles: string[];
  /** Kernels that are called between regions, and 'region' for each of these. */
  readonly steps: string[];
  end(): void;
}

export function watchPrograms(): ProgramWatch {
  const run = jest.spyOn(Program.prototype, 'run');
  const planned = jest.spyOn(PlannedRuns.prototype, 'run');
  type Entries = ReadonlyMap<string, {readonly recorded: RecordedProgram | null; readonly obstacle: string | null}>;
  const list = () =>
    [...new Set(planned.mock.contexts as unknown as {readonly entries: Entries}[])].flatMap(({entries}) =>
      [...entries.values()].map(({recorded, obstacle}) => ({program: recorded, obstacle})),
    );
  return {
    get runs() {
      return run.mock.calls.length;
    },
    get programs() {
      return list().flatMap(({program}) => (program ? [program] : []));
    },
    get obstacles() {
      return list().flatMap(({obstacle}) => (obstacle === null ? [] : [obstacle]));
    },
    get steps() {
      return this.programs.flatMap(({steps}) => steps.map((s) => (s.kind === 'call' ? s.call.kernelName : 'region')));
    },
    end() {
      run.mockRestore();
      planned.mockRestore();
    },
  };
}

/** x [?, ?, ?, 6] -> 1x1, depthwise, 1x1, 'sum' with x; its 'mean' over pixels, 'logits' [?, 10], 'y' of Tanh. */
export function plannedNetwork(seed = 1): ConvGraphBuilder {
  const graph = new ConvGraphBuilder(seed);
  const x = graph.input('x', [-1, -1, -1, 6]);
  const expand = graph.conv('expand', x, {out: 24, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Relu6']});
  const project = graph.conv('project', depthwise, {out: 6, fused: ['BiasAdd']});
  graph.add('sum', 'AddV2', [project, x], {}, 6);
  graph.reduce('mean', 'Mean', 'sum', [1, 2], false);
  graph.matMul('logits', 'mean', 10);
  graph.add('y', 'Tanh', ['logits']);
  return graph;
}

/** Random values in [-1, 1), the same for the same seed. */
export function randomTensor(seed: number, shape: number[] = [1, 8, 8, 6]): tf.Tensor {
  return tf.tensor(randomFloats(tf.util.sizeFromShape(shape), randomNumbers(seed)), shape);
}
