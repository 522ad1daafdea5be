import * as tf from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../../../src';
import {traced, type Trace} from '../../../src/backend/regions/trace';
import {startOnThreads, stopBackend} from '../../support/network';
import {randomTensor} from '../../support/plannedModels';

/** Runs as a model does, in a tidy; gives its trace or the obstacle, and disposes of all that came of it. */
function traceOf(inputs: tf.Tensor[], run: () => tf.Tensor | tf.Tensor[]): Trace | string {
  let result: Trace | string = 'no trace';
  const outputs = traced(
    tf.backend() as BlockSparseBackend,
    inputs,
    () => tf.tidy(() => [run()].flat()),
    (trace) => (result = trace),
  );
  tf.dispose(outputs.filter((output) => !inputs.includes(output)));
  return result;
}

const namesOf = (trace: Trace | string) =>
  typeof trace === 'string' ? trace : trace.calls.map(({kernelName}) => kernelName);

describe('a trace', () => {
  let x: tf.Tensor4D;
  let w: tf.Tensor;
  let before: number;

  beforeAll(() => startOnThreads(1));
  afterAll(() => stopBackend());
  beforeEach(() => {
    before = tf.memory().numTensors;
    x = randomTensor(1, [1, 4, 4, 8]) as tf.Tensor4D;
    w = randomTensor(2, [8]);
  });
  afterEach(() => {
    tf.dispose([x, w]);
    expect(tf.memory().numTensors).toBe(before);
    expect(Object.hasOwn(tf.engine(), 'runKernel')).toBe(false);
    expect((tf.backend() as BlockSparseBackend).onRead).toBeNull();
  });

  it('holds the calls that outputs hang on, in their order, with what they were given', () => {
    const trace = traceOf([x], () => tf.relu(tf.add(tf.softmax(x), w))) as Trace;
    expect(namesOf(trace)).toEqual(['Softmax', 'Add', 'Relu']);
    const [softmax, add, relu] = trace.calls;
    expect(softmax.inputs).toEqual({logits: {dataId: x.dataId, shape: x.shape, dtype: 'float32'}});
    expect(softmax.attrs).toEqual({dim: 3});
    expect(add.inputs).toMatchObject({a: {dataId: softmax.outputs[0].dataId}, b: {dataId: w.dataId, shape: [8]}});
    expect(trace.outputs[0].dataId).toBe(relu.outputs[0].dataId);
    expect([...trace.constants]).toEqual([w.dataId]);
    expect(trace.kept).toEqual([]);
  });

  it('leaves out what no output hangs on', () => {
    const trace = traceOf([x], () => {
      tf.neg(tf.exp(x));
      const [first] = tf.split(x, 2, 3);
      tf.abs(first);
      return tf.relu(first);
    });
    expect(namesOf(trace)).toEqual(['SplitV', 'Relu']);
  });

  it('leaves out what makes constants, and holds these', () => {
    const trace = traceOf([x], () => {
      const scale = tf.exp(tf.mul(w, tf.scalar(2)));
      return tf.add(tf.mul(x, scale), tf.fill([8], 3));
    }) as Trace;
    expect(namesOf(trace)).toEqual(['Multiply', 'Add']);
    expect(trace.kept).toHaveLength(2);
    expect(trace.constants.has(w.dataId)).toBe(true); // what they are made of
    expect(trace.constants.size).toBe(3);
    expect(trace.kept.every((tensor) => !tensor.isDisposed)).toBe(true);
    tf.dispose([...trace.kept]);
  });

  it('keeps one constant of several views of it', () => {
    const trace = traceOf([x], () => {
      const fill = tf.fill([8], 3);
      return tf.mul(tf.add(x, fill), tf.reshape(fill, [1, 1, 1, 8]));
    }) as Trace;
    expect(trace.kept).toHaveLength(1);
    tf.dispose([...trace.kept]);
  });

  it('knows a tensor that is an output twice', () => {
    const trace = traceOf([x], () => {
      const y = tf.relu(x);
      return [y, tf.reshape(y, [16, 8]), y];
    }) as Trace;
    expect(trace.outputs[2]).toBe(trace.outputs[0]);
    expect(trace.outputs[1]).not.toBe(trace.outputs[0]);
    expect(trace.outputs[1].dataId).toBe(trace.outputs[0].dataId);
  });

  it.each([
    ['an output is an input or a constant', () => x],
    ['an output is an input or a constant', () => tf.reshape(x, [16, 8])],
    ['an output is an input or a constant', () => tf.exp(w)],
    ['an output is an input or a constant', () => [tf.relu(x), tf.exp(w)]],
    ['what it computes depends on the values of a tensor', () => tf.mul(x, x.dataSync()[0])],
    ['what it computes depends on the values of a tensor', () => tf.mul(x, tf.max(tf.exp(x)).arraySync() as number)],
  ])('is not to be had: %s', (obstacle, run) => {
    expect(traceOf([x], run)).toBe(obstacle);
  });

  it('is not to be had for two inputs with the same data', () => {
    expect(traceOf([x, x], () => tf.relu(x))).toBe('two inputs share their data');
  });

  it('may read constants', () => {
    const trace = traceOf([x], () => tf.mul(x, w.dataSync()[0])) as Trace;
    expect(namesOf(trace)).toEqual(['Multiply']);
    tf.dispose([...trace.kept]);
  });

  it('ends with an inference that throws, and holds nothing of it', () => {
    expect(() =>
      traceOf([x], () => {
        tf.add(x, tf.exp(w));
        return tf.add(x, tf.ones([3])) as tf.Tensor;
      }),
    ).toThrow('could not be broadcast');
  });
});
