import type {TensorInfo} from '@tensorflow/tfjs-core';
import type {FilterShape} from '../packed';
import {winogradTiles} from '../plan';
import type {ConvGeometry} from '../runtime';
import type {FusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {options} from './config';
import {makeOutput} from './output';
import {replaceByUnary} from './stockKernel';
import type {WeightSource} from './weightCache';

/** A convolution or MatMul whose arguments have been checked. */
export interface Product {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly filterShape: FilterShape;
  /** The filter tensor holds `[outChannels, K]`. */
  readonly transposed?: boolean;
  /** outChannels floats. */
  readonly bias?: TensorInfo;
  readonly geometry: ConvGeometry;
  readonly outShape: number[];
  readonly activation: FusedActivation;
  /** Stock's kernel for this is no match for ours. */
  readonly stockIsSlow?: boolean;
}

/**
 * Runs a product on our kernels: the one way from tfjs kernels into the runtime.
 *
 * @returns null where the layer is better off on stock's kernel, or has nothing to compute.
 */
export function multiply(backend: BlockSparseBackend, product: Product): TensorInfo | null {
  const {x, filter, bias, geometry, filterShape} = product;
  const outputPixels = geometry.batch * geometry.outHeight * geometry.outWidth;
  const outChannels = filterShape.outChannels;
  if (outputPixels * outChannels * filterShape.inChannels === 0) return null;
  if (options().path === 'auto' && !backend.isWeight(filter.dataId)) return null;
  const source: WeightSource = {
    dataId: filter.dataId,
    shape: filterShape,
    transposed: product.transposed ?? false,
    stockIsSlow: product.stockIsSlow ?? false,
    winogradTiles: winogradTiles(
      filterShape,
      [geometry.strideHeight, geometry.strideWidth, geometry.dilationHeight, geometry.dilationWidth],
      product.outShape,
    ),
  };
  const layer = backend.weightCache.resolve(source, outputPixels, backend.runner.threads);
  if (!layer) return null;
  const out = makeOutput(backend, product.outShape, (output) =>
    backend.runner.conv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      weights: layer.weights,
      bias: bias ? backend.getMemoryOffset(bias.dataId) : 0,
      geometry,
      epilogue: product.activation.epilogue,
      cut: layer.cut,
    }),
  );
  return product.activation.then ? replaceByUnary(product.activation.then, out, backend) : out;
}
