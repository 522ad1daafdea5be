import {backend_util, type TensorInfo} from '@tensorflow/tfjs-core';
import {cutDepthwise} from '../plan';
import {fusedActivation, isBias} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf} from './convInfo';
import type {ConvAttrs, ConvInputs} from './convolve';
import {withLastAnswer} from './lastAnswer';
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
  const {taps, plan} = layer;
  const {geometry, outChannels, cut} = plan;
  const {epilogue, then} = activation;
  const out = makeOutput(backend, [...plan.outShape], (output) =>
    backend.runner.depthwiseConv2d({
      input: backend.getMemoryOffset(x.dataId),
      output,
      taps,
      geometry,
      outChannels,
      epilogue,
      cut,
    }),
  );
  return then ? replaceByUnary(then, out, backend) : out;
}

/** What a depthwise convolution is, and the address of its taps, gathered on first use; null as above. */
export function resolveTaps(backend: BlockSparseBackend, {x, filter, bias}: ConvInputs, attrs: DepthwiseAttrs) {
  if ((attrs.dataFormat ?? 'NHWC') !== 'NHWC' || x.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const {strides, dilations, pad, dimRoundingMode} = attrs;
  const {threads} = backend.runner;
  const plan = planOf(filter.dataId, x.shape, filter.shape, strides, dilations, pad, dimRoundingMode, threads);
  if (!plan || !isBias(bias, plan.outChannels)) return null;
  const taps = backend.tapCache.resolve(
    {
      filter: filter.dataId,
      bias: bias?.dataId ?? null,
      count: plan.geometry.kernelHeight * plan.geometry.kernelWidth,
      channels: plan.outChannels,
    },
    backend.records,
  );
  return {taps, plan};
}

const planOf = withLastAnswer(
  (
    xShape: number[],
    filterShape: number[],
    strides: DepthwiseAttrs['strides'],
    dilations: DepthwiseAttrs['dilations'] | undefined,
    pad: DepthwiseAttrs['pad'],
    dimRoundingMode: DepthwiseAttrs['dimRoundingMode'],
    threads: number,
  ) => {
    const info = backend_util.computeConv2DInfo(
      xShape as [number, number, number, number],
      filterShape as [number, number, number, number],
      strides,
      dilations ?? [1, 1],
      pad,
      dimRoundingMode,
      true /* depthwise */,
    );
    const {inChannels, outChannels, outShape} = info;
    const [, , channels, multiplier] = filterShape;
    if (inChannels !== channels || outChannels !== inChannels * multiplier) return null;
    if ([...xShape, ...outShape].includes(0)) return null;
    const geometry = geometryOf(info);
    return {geometry, outChannels, outShape, cut: cutDepthwise({...geometry, outChannels, multiplier}, threads)};
  },
);
