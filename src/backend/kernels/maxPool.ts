import {MaxPool, type MaxPoolAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {poolImages} from '../pool';
import {ourKernel} from '../stockKernel';

/** TensorFlow MaxPool: x [batch, height, width, channels]. */
export const maxPoolConfig = ourKernel(MaxPool, (backend, {x}: {x: TensorInfo}, attrs: MaxPoolAttrs) =>
  poolImages(backend, x, attrs, Job.maxPool),
);
