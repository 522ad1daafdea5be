import {_FusedMatMul} from '@tensorflow/tfjs-core';
import {matMultiply} from '../matMultiply';
import {ourKernel} from '../stockKernel';

/** MatMul + BiasAdd + activation in one pass. */
export const fusedMatMulConfig = ourKernel(_FusedMatMul, matMultiply);
