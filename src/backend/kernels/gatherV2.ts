import {GatherV2, type GatherV2Attrs, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {isCopied} from '../copies';
import {makeOutput} from '../output';
import {ourKernel} from '../stockKernel';

/** Shorter runs are stock's, which goes value by value. */
const LEAST_RUN = 16;

/** TensorFlow GatherV2 of long runs: each is copied as one. */
export const gatherV2Config = ourKernel(
  GatherV2,
  (backend, {x, indices}: {x: TensorInfo; indices: TensorInfo}, {axis, batchDims}: GatherV2Attrs) => {
    const [along] = util.parseAxisParam(axis, x.shape);
    const run = util.sizeFromShape(x.shape.slice(along + 1));
    // A copy of values is nothing that a program could run again.
    if (backend.records || batchDims || run < LEAST_RUN || !isCopied(x.dtype) || indices.dtype !== 'int32') return null;
    const picked = backend.readSync(indices.dataId) as Int32Array;
    const length = x.shape[along];
    if (picked.some((index) => !(index >= 0 && index < length))) return null; // stock has the error for it
    const shape = [...x.shape.slice(0, along), ...indices.shape, ...x.shape.slice(along + 1)];
    const compute = (address: number) => {
      const {f32} = backend.heap;
      const from = backend.getMemoryOffset(x.dataId) / 4;
      for (let outer = 0, to = address / 4; outer < util.sizeFromShape(x.shape.slice(0, along)); outer++) {
        for (let i = 0; i < picked.length; i++, to += run) {
          const start = from + (outer * length + picked[i]) * run;
          f32.copyWithin(to, start, start + run);
        }
      }
    };
    return makeOutput(backend, shape, compute, x.dtype);
  },
);
