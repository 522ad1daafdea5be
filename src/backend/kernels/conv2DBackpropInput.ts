import {
  backend_util,
  Conv2DBackpropInput,
  type Conv2DBackpropInputAttrs,
  type TensorInfo,
  util,
} from '@tensorflow/tfjs-core';
import {Job} from '../../../kernels/task';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {pointwiseGeometry} from '../convInfo';
import {withLastAnswer} from '../lastAnswer';
import {multiply} from '../multiply';
import {makeOutput} from '../output';
import {COPY_NS, runItems} from '../parallel';
import {shufflePixels} from '../pixelShuffle';
import {productShape} from '../productShape';
import {ourKernel} from '../stockKernel';

/** What lies between the two steps has to be no larger than this; stock's kernel needs no such memory. */
const MOST_BYTES = 2 ** 27;

/**
 * A transposed convolution: each pixel of dy becomes a block of kh x kw pixels, which is a 1x1 convolution to
 * kh * kw * inChannels channels. Where blocks do not overlap a pixel shuffle puts them side by side, elsewhere they are
 * summed up.
 *
 * @returns null where stock's kernel has to run: other layouts and types, blocks that take too much memory.
 */
function transposedConvolve(
  backend: BlockSparseBackend,
  {dy, filter}: {dy: TensorInfo; filter: TensorInfo},
  {strides, pad, dataFormat, dimRoundingMode, inputShape}: Conv2DBackpropInputAttrs,
): TensorInfo | null {
  if (dataFormat !== 'NHWC' || dy.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const plan = planOf(filter.dataId, dy.shape, filter.shape, inputShape, strides, pad, dimRoundingMode);
  if (!plan) return null;
  const {info, shape, kh, kw, inChannels} = plan;
  const {outChannels: channels} = shape.filter; // of a block
  const [batch, height, width] = dy.shape;
  const {inShape, inHeight, inWidth, strideHeight, strideWidth} = info;
  const blocks = multiply(backend, {x: dy, filter, shape});
  if (!blocks) return null;
  const {top, left} = info.padInfo;
  const sizes = [height, width, kh, inHeight, strideHeight, top];
  const apart = strideHeight === kh && strideWidth === kw && inHeight === height * kh && inWidth === width * kw;
  try {
    if (apart) return shufflePixels(backend, blocks, kh, kw);
    return makeOutput(backend, [...inShape], (output) =>
      runItems(backend, {
        job: Job.sumTaps,
        words: [
          ...[backend.getMemoryOffset(blocks.dataId), output, ...sizes],
          ...[kw, inWidth, strideWidth, left].map((pixels) => pixels * inChannels),
        ],
        items: batch * inHeight,
        nanosecondsAnItem: COPY_NS * (inWidth * inChannels + (height * width * channels) / inHeight),
      }),
    );
  } finally {
    backend.disposeData(blocks.dataId);
  }
}

const planOf = withLastAnswer(
  (
    dyShape: number[],
    filterShape: number[],
    inputShape: Conv2DBackpropInputAttrs['inputShape'],
    strides: Conv2DBackpropInputAttrs['strides'],
    pad: Conv2DBackpropInputAttrs['pad'],
    dimRoundingMode: Conv2DBackpropInputAttrs['dimRoundingMode'],
  ) => {
    const info = backend_util.computeConv2DInfo(
      inputShape,
      filterShape as [number, number, number, number],
      strides,
      1 /* dilations */,
      pad,
      dimRoundingMode,
    );
    const [kh, kw, inChannels, outChannels] = filterShape;
    const [batch, height, width] = dyShape;
    const channels = kh * kw * inChannels;
    // tfjs does not check that dy is what the convolution would have made of its input.
    if (!util.arraysEqual(info.outShape, dyShape) || inChannels !== info.inChannels) return null;
    if (4 * batch * height * width * channels > MOST_BYTES) return null;
    const shape = productShape(
      pointwiseGeometry(batch, height, width, outChannels),
      {kh: 1, kw: 1, inChannels: outChannels, outChannels: channels},
      [batch, height, width, channels],
      {transposed: true, stockIsSlow: true},
    );
    return shape && {info, shape, kh, kw, inChannels};
  },
);

/** TensorFlow Conv2DBackpropInput: dy [batch, height, width, outChannels], filter [kh, kw, inChannels, outChannels]. */
export const conv2DBackpropInputConfig = ourKernel(Conv2DBackpropInput, transposedConvolve);
