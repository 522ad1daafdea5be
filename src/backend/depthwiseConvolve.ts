import {backend_util, type TensorInfo} from '@tensorflow/tfjs-core';
import {cutDepthwise} from '../plan';
import type {ConvGeometry} from '../runtime';
import {fusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf} from './convInfo';
import type {ConvAttrs, ConvInputs} from './convolve';
import {makeOutput} from './output';
import {replaceByUnary} from './stockKernel';

/** Attributes of DepthwiseConv2dNative and FusedDepthwiseConv2D; the former has no data format of its own. */
export type DepthwiseAttrs = Omit<ConvAttrs, 'dataFormat'> & {dataFormat?: string};

/**
 * A depthwise convolution on our kernels.
 *
 * @returns null where stock's kernel has to run: a layout, dtype or shape that it must refuse.
 */
export function depthwiseConvolve(
  backend: BlockSparseBackend,
  inputs: ConvInputs,
  attrs: DepthwiseAttrs,
): TensorInfo | null {
  const {x, filter} = inputs;
  const activation = fusedActivation(backend, filter.shape[2] * filter.shape[3], inputs, attrs);
  const layer = activation && resolveTaps(backend, inputs, attrs);
  if (!layer) return null;
  const {geometry, outShape, taps} = layer;
  const [, , , outChannels] = outShape;
  const cut = cutDepthwise({...geometry, outChannels, multiplier: filter.shape[3]}, backend.runner.threads);
  const out = makeOutput(backend, outShape, (output) =>
    backend.runner.depthwiseConv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      taps,
      geometry,
      outChannels,
      epilogue: activation.epilogue,
      cut,
    }),
  );
  return activation.then ? replaceByUnary(activation.then, out, backend) : out;
}

/** What a depthwise convolution is, with the address of its taps, gathered on first use; null as above. */
export function resolveTaps(
  backend: BlockSparseBackend,
  {x, filter, bias}: ConvInputs,
  attrs: DepthwiseAttrs,
): {geometry: ConvGeometry; outShape: number[]; taps: number} | null {
  if ((attrs.dataFormat ?? 'NHWC') !== 'NHWC' || x.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    attrs.strides,
    attrs.dilations ?? [1, 1],
    attrs.pad,
    attrs.dimRoundingMode,
    true /* depthwise */,
  );
  const geometry = geometryOf(info);
  const {inChannels, outChannels, outShape} = info;
  if (inChannels !== filter.shape[2] || outChannels !== inChannels * filter.shape[3]) return null;
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== outChannels)) return null;
  if ([...x.shape, ...outShape].includes(0)) return null;
  const taps = backend.tapCache.resolve(
    {
      filter: filter.dataId,
      bias: bias?.dataId ?? null,
      count: geometry.kernelHeight * geometry.kernelWidth,
      channels: outChannels,
    },
    backend.records,
  );
  return {geometry, outShape, taps};
}
