import {TopK, type TopKAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutputs} from '../output';
import {runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** The best so far have to stay in the level-1 cache. */
const MOST_VALUES = 2048;
/** Nanoseconds of a float that is passed over, and of a value that is put in order. */
const PASS_NS = 0.15;
const ORDER_NS = 20;

/**
 * @returns values and indices; null where stock's kernel has to run: other types than float32, none or very many values,
 *     or those that need no order, since stock leaves them in one of its own.
 */
function topK(backend: BlockSparseBackend, {x}: {x: TensorInfo}, {k, sorted}: TopKAttrs): TensorInfo[] | null {
  const rowFloats = x.shape[x.shape.length - 1];
  if (!sorted || x.dtype !== 'float32' || k < 1 || k > MOST_VALUES || k > rowFloats) return null;
  const outer = x.shape.slice(0, -1);
  const rows = outer.reduce((product, size) => product * size, 1);
  if (rows === 0) return null;
  return makeOutputs(backend, [...outer, k], ['float32', 'int32'], ([values, indices]) =>
    runItems(backend, {
      job: Job.topK,
      words: [backend.getMemoryOffset(x.dataId), values, indices, rowFloats, k],
      items: rows,
      nanosecondsAnItem: PASS_NS * rowFloats + ORDER_NS * k,
    }),
  );
}

/** TensorFlow TopKV2: x [..., n] to values and indices [..., k]. */
export const topKConfig = ourKernel(TopK, topK);
