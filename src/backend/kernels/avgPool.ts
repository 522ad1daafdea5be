import {AvgPool, type AvgPoolAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import {poolImages} from '../pool';
import {ourKernel} from '../stockKernel';

/** TensorFlow AvgPool: x [batch, height, width, channels]. Padding does not count. */
export const avgPoolConfig = ourKernel(AvgPool, (backend, {x}: {x: TensorInfo}, attrs: AvgPoolAttrs) =>
  poolImages(backend, x, attrs, Job.avgPool),
);
