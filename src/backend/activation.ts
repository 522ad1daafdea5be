import type {backend_util, TensorInfo} from '@tensorflow/tfjs-core';
import type {Epilogue} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';

/** How a fused activation is computed: in the kernel's epilogue, or by a unary kernel on the result. */
export interface FusedActivation {
  readonly epilogue: Epilogue;
  readonly then?: 'Elu' | 'Sigmoid';
}

const NO_CLAMP = {min: -Infinity, max: Infinity};
const LINEAR: FusedActivation = {epilogue: NO_CLAMP};
const RELU: FusedActivation = {epilogue: {min: 0, max: Infinity}};
const RELU6: FusedActivation = {epilogue: {min: 0, max: 6}};

/** Inputs of fused kernels that say what their activation is. */
export interface ActivationInputs {
  /** 1 or outChannels values. */
  readonly preluActivationWeights?: TensorInfo;
}

/** Attributes likewise; without them there is none. */
export interface ActivationAttrs {
  readonly activation?: backend_util.Activation;
  readonly leakyreluAlpha?: number;
}

/** Whether a bias, if there is one, is a float for each output channel; of others stock's kernel knows what to say. */
export function isBias(bias: TensorInfo | undefined, outChannels: number): boolean {
  return !bias || (bias.dtype === 'float32' && bias.shape.length === 1 && bias.shape[0] === outChannels);
}

/**
 * @returns null for what stock has no fused kernel for, or slopes of another shape: stock's kernel knows what to say.
 */
export function fusedActivation(
  backend: BlockSparseBackend,
  outChannels: number,
  {preluActivationWeights: slopes}: ActivationInputs,
  {activation = 'linear', leakyreluAlpha}: ActivationAttrs,
): FusedActivation | null {
  switch (activation) {
    case 'linear':
      return LINEAR;
    case 'relu':
      return RELU;
    case 'relu6':
      return RELU6;
    case 'leakyrelu':
      return {epilogue: {...NO_CLAMP, slope: leakyreluAlpha ?? 0}};
    case 'elu':
      return {epilogue: NO_CLAMP, then: 'Elu'};
    case 'sigmoid':
      return {epilogue: NO_CLAMP, then: 'Sigmoid'};
    case 'prelu': {
      if (!slopes || slopes.dtype !== 'float32') return null;
      const count = slopes.shape.reduce((size, dimension) => size * dimension, 1);
      if (count !== 1 && count !== outChannels) return null;
      return {epilogue: {...NO_CLAMP, slope: {address: backend.getMemoryOffset(slopes.dataId), count}}};
    }
    default:
      return null;
  }
}
