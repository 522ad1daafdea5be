import {backend_util, type TensorInfo} from '@tensorflow/tfjs-core';
import {cutDepthwise} from '../plan';
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
  const {x, filter, bias, preluActivationWeights} = inputs;
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
  const {outChannels} = info;
  const multiplier = filter.shape[3];
  if (info.inChannels !== filter.shape[2] || outChannels !== info.inChannels * multiplier) return null;
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== outChannels)) return null;
  const activation = fusedActivation(
    attrs.activation ?? 'linear',
    outChannels,
    preluActivationWeights,
    attrs.leakyreluAlpha,
    backend,
  );
  if (!activation || [...x.shape, ...info.outShape].includes(0)) return null;
  const taps = backend.tapCache.resolve(
    {
      filter: filter.dataId,
      bias: bias?.dataId ?? null,
      count: geometry.kernelHeight * geometry.kernelWidth,
      channels: outChannels,
    },
    backend.records,
  );
  const cut = cutDepthwise({...geometry, outChannels, multiplier}, backend.runner.threads);
  const out = makeOutput(backend, info.outShape, (output) =>
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
