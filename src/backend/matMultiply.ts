import type {_FusedMatMulAttrs, TensorInfo} from '@tensorflow/tfjs-core';
import type {ActivationAttrs, ActivationInputs} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {pointwiseGeometry} from './convInfo';
import {multiply, type Product} from './multiply';

/** Inputs of BatchMatMul and _FusedMatMul. */
export interface MatMulInputs extends ActivationInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly bias?: TensorInfo;
}

/** Attributes of both; BatchMatMul has no activation. */
export type MatMulAttrs = Pick<_FusedMatMulAttrs, 'transposeA' | 'transposeB'> & ActivationAttrs;

/**
 * A MatMul with one right-hand side for the whole batch on our kernels.
 *
 * @returns null where stock's kernel has to run: a transposed left-hand side, a batch of right-hand sides, dtypes or
 *     shapes that it must refuse, or a product that it runs faster.
 */
export function matMultiply(backend: BlockSparseBackend, inputs: MatMulInputs, attrs: MatMulAttrs): TensorInfo | null {
  return multiply(backend, matMulProduct(inputs, attrs), inputs, attrs);
}

/** A MatMul as a product; null where its operands are not for our kernels. */
export function matMulProduct({a, b, bias}: MatMulInputs, attrs: MatMulAttrs): Product | null {
  if (a.dtype !== 'float32' || b.dtype !== 'float32' || attrs.transposeA) return null;
  if (a.shape.length < 2 || b.shape.length < 2) return null;
  if (b.shape.slice(0, -2).some((size) => size !== 1) || b.shape.length > a.shape.length) return null;
  const [k, m] = attrs.transposeB ? b.shape.slice(-2).reverse() : b.shape.slice(-2);
  if (a.shape[a.shape.length - 1] !== k) return null;
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== m)) return null;
  const outShape = [...a.shape.slice(0, -1), m];
  const rows = outShape.slice(0, -1).reduce((product, size) => product * size, 1);
  return {
    x: a,
    filter: b,
    filterShape: {kh: 1, kw: 1, inChannels: k, outChannels: m},
    transposed: attrs.transposeB,
    bias,
    geometry: pointwiseGeometry(1, rows, 1, k), // a MatMul is a 1x1 convolution over an image of `rows` x 1 pixels
    outShape,
  };
}
