import {BatchMatMul} from '@tensorflow/tfjs-core';
import {matMultiply} from '../matMultiply';
import {ourKernel} from '../stockKernel';

/** TensorFlow BatchMatMulV2: a [..., rows, k], b [..., k, m]. */
export const batchMatMulConfig = ourKernel(BatchMatMul, matMultiply);
