// What tests of models that run as programs share: loading, running with regions and without, what was planned.
import {type GraphModel, loadGraphModelSync} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {configure} from '../../src';
import {PlannedRuns} from '../../src/backend';
import {Program} from '../../src/backend/regions/program';
import type {RecordedProgram} from '../../src/backend/regions/recordCalls';

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
 * @param inputs of inference 0, 1, ..
 * @returns how many ran as programs
 */
export function expectSameAsWithoutRegions(
  model: GraphModel,
  inputs: (inference: number) => Inputs,
  {fetch, inferences = 5}: {fetch?: string | string[]; inferences?: number} = {},
): number {
  const all = (regions: boolean) => {
    configure({regions});
    return Array.from({length: inferences}, (_, i) => {
      const given = inputs(i);
      const outputs = infer(model, given, fetch);
      return outputs;
    });
  };
  const expected = all(false);
  const watch = watchPrograms();
  try {
    all(true).forEach((outputs, i) => expectSameOutputs(outputs, expected[i], `inference ${i + 1}`));
    return watch.runs;
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
  const list = () => [...new Set(planned.mock.contexts as PlannedRuns[])].flatMap((runs) => runs.list());
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
