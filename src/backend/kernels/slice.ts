import {Slice, type SliceAttrs, slice_util, type Tensor, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {floatsOfPart, partsOfRow} from '../parts';
import {ourKernel} from '../stockKernel';

/** The runs of floats that a slice consists of. */
interface Runs {
  /** Of the first run, in floats. */
  readonly offset: number;
  /** Floats of a run. */
  readonly run: number;
  /** Numbers and distances of runs along up to three axes, outermost first. */
  readonly sizes: [number, number, number];
  readonly strides: [number, number, number];
}

/** @returns null for other types than float32, empty slices and more than three axes of runs: stock's kernel has to run. */
function slice(backend: BlockSparseBackend, {x}: {x: TensorInfo}, attrs: SliceAttrs): TensorInfo | null {
  if (x.dtype !== 'float32') return null;
  const [begin, size] = slice_util.parseSliceParams(x as Tensor, attrs.begin, attrs.size);
  const runs = size.includes(0) ? null : runsOf(x.shape, begin, size);
  if (!runs) return null;
  const {offset, run, sizes, strides} = runs;
  const rows = sizes[0] * sizes[1] * sizes[2];
  const parts = partsOfRow(rows, run);
  return makeOutput(backend, size, (output) =>
    runItems(backend, {
      job: Job.slice,
      words: [
        ...[backend.getMemoryOffset(x.dataId) + 4 * offset, output, sizes[1], sizes[2], ...strides],
        ...[run, parts, floatsOfPart(run, parts)],
      ],
      items: rows * parts,
      nanosecondsAnItem: 2 + (COPY_NS * run) / parts,
    }),
  );
}

function runsOf(shape: readonly number[], begin: readonly number[], size: readonly number[]): Runs | null {
  const sizes: [number, number, number] = [1, 1, 1];
  const strides: [number, number, number] = [0, 0, 0];
  let offset = 0;
  let run = 1;
  let stride = 1;
  let joined = true; // all axes so far are whole: the next one continues the run
  let next = 2;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    offset += begin[axis] * stride;
    if (joined) {
      run *= size[axis];
      joined = size[axis] === shape[axis];
    } else if (size[axis] > 1) {
      if (next < 0) return null;
      sizes[next] = size[axis];
      strides[next--] = stride;
    }
    stride *= shape[axis];
  }
  return {offset, run, sizes, strides};
}

/** TensorFlow Slice. */
export const sliceConfig = ourKernel(Slice, slice);
