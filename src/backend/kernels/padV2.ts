import {PadV2, type PadV2Attrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {floatBits} from '../../runtime';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** @returns null for other ranks than 4 and other types than float32: stock's kernel has to run. */
function pad(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {paddings, constantValue}: PadV2Attrs,
): TensorInfo | null {
  if (x.dtype !== 'float32' || x.shape.length !== 4 || x.shape.includes(0)) return null;
  if (paddings.length !== 4 || paddings.some(([before, after]) => before < 0 || after < 0)) return null;
  const outShape = x.shape.map((size, axis) => paddings[axis][0] + size + paddings[axis][1]);
  const [[before0], [before1, after1], [before2, after2], [before3, after3]] = paddings;
  const borders = [before0, before1, after1, before2, after2, before3, after3];
  return makeOutput(backend, outShape, (output) =>
    runItems(backend, {
      job: Job.pad4d,
      words: [backend.getMemoryOffset(x.dataId), output, ...x.shape, ...borders, floatBits(constantValue)],
      items: outShape[0] * outShape[1],
      nanosecondsAnItem: COPY_NS * outShape[2] * outShape[3],
    }),
  );
}

/** TensorFlow PadV2. */
export const padV2Config = ourKernel(PadV2, pad);
