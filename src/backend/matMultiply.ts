import type {_FusedMatMulAttrs, TensorInfo} from '@tensorflow/tfjs-core';
import {type ActivationAttrs, type ActivationInputs, isBias} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {pointwiseGeometry} from './convInfo';
import {withLastAnswer} from './lastAnswer';
import {multiply, type Product} from './multiply';
import {productShape} from './productShape';

/** Inputs of BatchMatMul and _FusedMatMul. */
export interface MatMulInputs extends ActivationInputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
  readonly bias?: TensorInfo;
}

/** Attributes of both; BatchMatMul has no activation. */
export type MatMulAttrs = Pick<_FusedMatMulAttrs, 'transposeA' | 'transposeB'> & ActivationAttrs;

/**
 * The cost model knows stock's convolution. Its MatMul takes 1 to 4 microseconds more, so that ours takes 0.2 to 0.9 of its
 * time up to so many multiply-adds.
 */
const SMALL_MADDS = 2 ** 15;

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
  const shape = shapeOf(b.dataId, a.shape, b.shape, attrs.transposeB ? 1 : 0);
  return shape && isBias(bias, shape.filter.outChannels) ? {x: a, filter: b, bias, shape} : null;
}

const shapeOf = withLastAnswer((aShape: number[], bShape: number[], transposeB: number) => {
  if (aShape.length < 2 || bShape.length < 2) return null;
  if (bShape.slice(0, -2).some((size) => size !== 1) || bShape.length > aShape.length) return null;
  const transposed = transposeB !== 0;
  const [k, m] = transposed ? bShape.slice(-2).reverse() : bShape.slice(-2);
  if (aShape[aShape.length - 1] !== k) return null;
  const outShape = [...aShape.slice(0, -1), m];
  const rows = outShape.slice(0, -1).reduce((product, size) => product * size, 1);
  // A MatMul is a 1x1 convolution over an image of `rows` x 1 pixels.
  const filter = {kh: 1, kw: 1, inChannels: k, outChannels: m};
  return productShape(pointwiseGeometry(1, rows, 1, k), filter, outShape, {
    transposed,
    stockIsSlow: rows * k * m <= SMALL_MADDS,
  });
});
