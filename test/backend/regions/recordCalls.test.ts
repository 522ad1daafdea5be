import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, type BlockSparseBackend, configure} from '../../../src';
import {recordCalls, type RecordedProgram} from '../../../src/backend/regions/recordCalls';
import {traced, type Trace} from '../../../src/backend/regions/trace';
import {startOnThreads, stopBackend} from '../../support/network';
import {randomTensor} from '../../support/plannedModels';
import {until} from '../../support/workers';

const backend = () => tf.backend() as BlockSparseBackend;

function record(inputs: tf.Tensor[], run: () => tf.Tensor | tf.Tensor[]): RecordedProgram {
  let program: RecordedProgram | null = null;
  const outputs = traced(
    backend(),
    inputs,
    () => tf.tidy(() => [run()].flat()),
    (trace) => {
      expect(typeof trace).not.toBe('string');
      program = recordCalls(backend(), trace as Trace);
      tf.dispose([...(trace as Trace).kept]);
    },
  );
  tf.dispose(outputs);
  return program!;
}

/** A region by its number of tasks, a call by its kernel. */
const stepsOf = ({steps}: RecordedProgram) =>
  steps.map((step) => (step.kind === 'region' ? step.end - step.begin : step.call.kernelName));

const tensor4d = (seed: number, shape: number[]) => randomTensor(seed, shape) as tf.Tensor4D;

describe('a recorded program', () => {
  let x: tf.Tensor4D;
  let filter: tf.Tensor4D;
  let taps: tf.Tensor4D;
  let bias: tf.Tensor1D;

  beforeAll(() => startOnThreads(1));
  afterAll(() => stopBackend());
  beforeEach(() => {
    x = tensor4d(1, [1, 9, 9, 16]);
    filter = tensor4d(2, [1, 1, 16, 16]);
    taps = tensor4d(3, [3, 3, 16, 1]);
    bias = randomTensor(4, [16]) as tf.Tensor1D;
  });
  afterEach(() => tf.dispose([x, filter, taps, bias]));

  const conv = (input: tf.Tensor4D, activation: 'relu' | 'elu' | 'sigmoid' | 'linear' = 'linear') =>
    tf.fused.conv2d({x: input, filter, strides: 1, pad: 'same', bias, activation});

  it('is one region of kernels of ours', () => {
    const program = record([x], () => {
      const a = conv(x, 'relu');
      const b = tf.depthwiseConv2d(a, taps, 1, 'same');
      return tf.add(conv(b), a);
    });
    expect(stepsOf(program)).toEqual([4]);
    expect(program.buffers.map(({origin}) => origin)).toEqual(['input', 'arena', 'arena', 'arena', 'output']);
    const lifetimes = program.buffers.map(({first, last}) => [first, last]);
    expect(lifetimes).toEqual([
      [0, 0],
      [0, 3],
      [1, 2],
      [2, 3],
      [3, 3],
    ]);
    expect(program.buffers.every(({bytes}) => bytes === 4 * 81 * 16)).toBe(true);
    expect(program.zeroBytes).toBeGreaterThan(0);
    expect(program.scratchBytes).toBeGreaterThan(0);
  });

  it('has no steps for reshapes, whatever they are called', () => {
    const program = record([x], () => {
      const flat = tf.reshape(tf.relu(x), [81, 16]);
      const wide = tf.expandDims(tf.squeeze(tf.expandDims(flat, 0)), 1);
      return [tf.add(wide, bias), tf.reshape(wide, [1, 9, 9, 16])];
    });
    expect(stepsOf(program)).toEqual([2]);
    expect(program.outputs.map(({shape}) => shape)).toEqual([
      [81, 1, 16],
      [1, 9, 9, 16],
    ]);
    expect(program.buffers).toHaveLength(3);
  });

  it('has no steps for clones and casts to the type that is there', () => {
    const program = record([x], () => {
      const a = tf.clone(tf.relu(x));
      return [tf.relu(tf.cast(tf.clone(a), 'float32')), a];
    });
    expect(stepsOf(program)).toEqual([2]);
    expect(program.kernels).toBe(2);
    expect(program.buffers.map(({origin}) => origin)).toEqual(['input', 'output', 'output']);
  });

  it('has calls of kernels between regions, and results of these that others work on', () => {
    const program = record([x], () => tf.relu(tf.tanh(tf.relu(tf.transpose(tf.relu(x), [0, 2, 1, 3])))));
    expect(stepsOf(program)).toEqual([1, 'Transpose', 1, 'Tanh', 1]);
    expect(program.buffers.map(({origin}) => origin)).toEqual(['input', 'arena', 'call', 'arena', 'call', 'output']);
    expect(program.steps.map(({position}) => position)).toEqual([0, 1, 2, 3, 4]);
  });

  it('calls what needs a kernel of stock’s after ours', () => {
    expect(stepsOf(record([x], () => tf.relu(conv(conv(x), 'elu'))))).toEqual([1, 'FusedConv2D', 1]);
    expect(
      stepsOf(
        record([x], () =>
          tf.relu(
            tf.fused.depthwiseConv2d({x: tf.relu(x), filter: taps, strides: 1, pad: 'same', bias, activation: 'elu'}),
          ),
        ),
      ),
    ).toEqual([1, 'FusedDepthwiseConv2D', 1]);
  });

  it('records a sigmoid where ours runs: a short one, or on several threads', async () => {
    expect(stepsOf(record([x], () => tf.relu(conv(conv(x), 'sigmoid'))))).toEqual([4]);
    const large = tensor4d(1, [4, 9, 9, 16]);
    const run = () => tf.relu(conv(conv(large), 'sigmoid'));
    const alone = record([large], run);
    expect(stepsOf(alone)).toEqual([1, 'FusedConv2D', 1]);
    expect(alone.buffers).toHaveLength(4);
    configure({threads: 3});
    await until(() => backendInfo().threads === 3, '3 threads run');
    expect(stepsOf(record([large], run))).toEqual([4]);
    large.dispose();
    configure({threads: 1});
    await until(() => backendInfo().threads === 1, '1 thread runs');
  });

  it('records a bilinear resize on one thread where the image grows', () => {
    const run = (size: number) => () => tf.relu(tf.image.resizeBilinear(tf.relu(x), [size, size]));
    expect(stepsOf(record([x], run(14)))).toEqual([3]);
    expect(stepsOf(record([x], run(13)))).toEqual([1, 'ResizeBilinear', 1]);
  });

  it('calls what has a filter, a matrix or a bias that hangs on the input', () => {
    const square = () => tf.reshape(tf.slice(x, 0, [1, 4, 4, 16]), [1, 1, 16, 16]) as tf.Tensor4D;
    const mean = () => tf.mean(tf.relu(x), [1, 2]);
    const cases: [() => tf.Tensor, (string | number)[]][] = [
      [() => tf.conv2d(tf.relu(x), square(), 1, 'same'), [2, 'Conv2D']],
      [() => tf.matMul(tf.reshape(tf.relu(x), [81, 16]), tf.reshape(square(), [16, 16])), [2, 'BatchMatMul']],
      [
        () => tf.depthwiseConv2d(x, tf.mul(taps, tf.reshape(mean(), [16, 1])) as tf.Tensor4D, 1, 'same'),
        [3, 'DepthwiseConv2dNative'],
      ],
      [
        () => {
          const computed = tf.reshape(mean(), [16]) as tf.Tensor1D;
          return tf.fused.conv2d({x, filter, strides: 1, pad: 'same', bias: computed, activation: 'relu'});
        },
        [2, 'FusedConv2D'],
      ],
    ];
    for (const [run, expected] of cases) expect(stepsOf(record([x], run))).toEqual(expected);
  });

  it('leaves out calls that nothing hangs on', () => {
    const program = record([x], () => {
      conv(conv(x));
      tf.softmax(x);
      return tf.relu(x);
    });
    expect(stepsOf(program)).toEqual([1]);
    expect(program.buffers).toHaveLength(2);
  });

  it('leaves no trace on the backend', () => {
    const warm = record([x], () => tf.relu(conv(x)));
    const before = [
      tf.memory().numTensors,
      backend().numDataIds(),
      backendInfo().packedBytes,
      backendInfo().scratchBytes,
    ];
    const again = record([x], () => tf.relu(conv(x)));
    const after = [
      tf.memory().numTensors,
      backend().numDataIds(),
      backendInfo().packedBytes,
      backendInfo().scratchBytes,
    ];
    expect(after).toEqual(before);
    expect(again.image).toEqual(warm.image);
    expect(again.relocations).toEqual(warm.relocations);
  });

  it('has an address in every record: its own memory, what it reads and what it writes', () => {
    const {relocations, tasks, image} = record([x], () => tf.relu(conv(x)));
    const [first, second] = tasks.map(({at}) => at);
    const segments = (from: number, to: number) =>
      new Set([...relocations.segments].filter((_, i) => relocations.words[i] >= from && relocations.words[i] < to));
    // program (the bias), scratch, x, what lies between | scratch, that, y
    expect([...segments(first, second)].sort()).toEqual([0, 1, 3, 4]);
    expect([...segments(second, image.length)].sort()).toEqual([1, 4, 5]);
  });
});
