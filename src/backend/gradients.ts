import {backend_util, type TensorInfo, util} from '@tensorflow/tfjs-core';
import {Job} from '../../kernels/task';
import type {BlockSparseBackend} from './blockSparseBackend';
import {makeOutput} from './output';
import {runItems} from './parallel';

type Shape4D = [number, number, number, number];

/** Channels of an item of the filters' gradients: kernels/gradients.ts. */
const GROUP = 4;
/** What a multiply-add takes, in nanoseconds: those of depthwise convolutions wait for memory. */
const MADD_NS = {filterGradient: 0.03, depthwiseFilterGradient: 0.15, depthwiseInputGradient: 0.15};

/** Attributes of the three gradient kernels; the depthwise ones have no layout, the dense one no dilations. */
export interface GradientAttrs {
  readonly strides: number | [number, number];
  readonly dilations?: number | [number, number];
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  readonly dataFormat?: string;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * A gradient of a convolution on our kernels, float32 and NHWC.
 *
 * @param kernelName for errors
 * @param first what the kernel has beside dy: the convolution's input, or its filter
 * @param shapes of the convolution's input and filter
 * @param outShape of the result: one of the two
 * @throws Error that names the kernel where a type, a layout or a shape is not what it takes.
 */
export function gradient(
  backend: BlockSparseBackend,
  kernelName: string,
  job: keyof typeof MADD_NS,
  {first, dy}: {first: TensorInfo; dy: TensorInfo},
  {input, filter}: {input: number[]; filter: number[]},
  {strides, dilations = 1, pad, dataFormat = 'NHWC', dimRoundingMode}: GradientAttrs,
): TensorInfo {
  const check = (condition: boolean, what: string) => util.assert(condition, () => `${kernelName}: ${what}.`);
  check(dataFormat === 'NHWC', `dataFormat is ${dataFormat}, but this backend computes it for NHWC only`);
  for (const {dtype} of [first, dy]) check(dtype === 'float32', `a tensor is ${dtype}: cast it to float32`);
  const depthwise = job !== 'filterGradient';
  const info = backend_util.computeConv2DInfo(
    input as Shape4D,
    filter as Shape4D,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    depthwise,
  );
  const {outShape, inChannels, outChannels, padInfo} = info;
  const expected = `the convolution gives [${outShape.join()}]`;
  check(util.arraysEqual(outShape, dy.shape), `dy is [${dy.shape.join()}], but ${expected}`);
  check(filter[2] === inChannels, `the filter is for ${filter[2]} channels, but the input has ${inChannels}`);
  const toInput = job === 'depthwiseInputGradient';
  const items = toInput
    ? info.batchSize * info.inHeight
    : depthwise
      ? Math.ceil(outChannels / GROUP)
      : filter[0] * filter[1] * Math.ceil(inChannels / GROUP);
  const products = util.sizeFromShape(outShape) * filter[0] * filter[1] * (depthwise ? 1 : inChannels);
  return makeOutput(backend, toInput ? input : filter, (output) =>
    runItems(backend, {
      job: Job[job],
      words: [
        ...[backend.getMemoryOffset(first.dataId), backend.getMemoryOffset(dy.dataId), output],
        ...[info.batchSize, info.inHeight, info.inWidth, inChannels, info.outHeight, info.outWidth, outChannels],
        ...[filter[0], filter[1], info.strideHeight, info.strideWidth, info.dilationHeight, info.dilationWidth],
        ...[padInfo.top, padInfo.left],
      ],
      items,
      nanosecondsAnItem: (MADD_NS[job] * products) / items,
    }),
  );
}
