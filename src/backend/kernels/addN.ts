import {AddN, type TensorInfo} from '@tensorflow/tfjs-core';
import {ELEMENTWISE_SCRATCH_FLOATS, Job, SPAN_FLOATS} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {sameShape} from '../broadcast';
import {isNonemptyFloat32, NANOSECONDS_A_FLOAT} from '../elementwise';
import {makeOutput} from '../output';
import {runItems} from '../parallel';
import {ourKernel} from '../stockKernel';

/** As many addresses as a task record has room for. */
const MOST_INPUTS = 48;

/** @returns null for one input, very many, and for other types than float32: stock's kernel has to run. */
function addN(backend: BlockSparseBackend, inputs: TensorInfo[]): TensorInfo | null {
  const {shape} = inputs[0];
  if (inputs.length < 2 || inputs.length > MOST_INPUTS) return null;
  if (!inputs.every((input) => isNonemptyFloat32(input) && sameShape(input.shape, shape))) return null;
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  return makeOutput(backend, shape, (output) =>
    runItems(backend, {
      job: Job.addN,
      words: [size, output, inputs.length, ...inputs.map(({dataId}) => backend.getMemoryOffset(dataId))],
      items: Math.ceil(size / SPAN_FLOATS),
      nanosecondsAnItem: SPAN_FLOATS * NANOSECONDS_A_FLOAT * (inputs.length + 1),
      scratchBytes: ELEMENTWISE_SCRATCH_FLOATS * 4,
    }),
  );
}

/** TensorFlow AddN. */
export const addNConfig = ourKernel(AddN, addN);
