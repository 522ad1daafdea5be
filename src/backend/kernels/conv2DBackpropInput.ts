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

/** What lies between the two steps is at most as large, unless that of a single image is larger. */
const MOST_BYTES = 2 ** 27;

/** Pixels and multiply-adds from which stock's loops are slower than packing a filter for a single use. */
const REPAID = {pixels: 2, products: 2 ** 15};

/**
 * A transposed convolution: each pixel of dy becomes a block of kh x kw pixels, which is a 1x1 convolution to
 * kh * kw * inChannels channels. Where blocks do not overlap a pixel shuffle puts them side by side, elsewhere they are
 * summed up. Batches whose blocks would take too much memory go part by part.
 *
 * @returns null where stock's kernel has to run: other layouts and types, images whose blocks take too much memory.
 */
function transposedConvolve(
  backend: BlockSparseBackend,
  {dy, filter}: {dy: TensorInfo; filter: TensorInfo},
  {strides, pad, dataFormat, dimRoundingMode, inputShape}: Conv2DBackpropInputAttrs,
): TensorInfo | null {
  if (dataFormat !== 'NHWC' || dy.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const plan = planOf(filter.dataId, dy.shape, filter.shape, inputShape, strides, pad, dimRoundingMode);
  if (!plan) return null;
  const {info, images, shapes, kh, kw, inChannels} = plan;
  const [batch, height, width, outChannels] = dy.shape;
  const {inShape, inHeight, inWidth, strideHeight, strideWidth} = info;
  const {top, left} = info.padInfo;
  const sizes = [height, width, kh, inHeight, strideHeight, top];
  const sum = (blocks: TensorInfo, output: number) =>
    runItems(backend, {
      job: Job.sumTaps,
      words: [
        ...[backend.getMemoryOffset(blocks.dataId), output, ...sizes],
        ...[kw, inWidth, strideWidth, left].map((pixels) => pixels * inChannels),
      ],
      items: blocks.shape[0] * inHeight,
      nanosecondsAnItem: COPY_NS * inChannels * (inWidth + (height * width * kh * kw) / inHeight),
    });
  /** What `use` makes of the blocks of x. */
  const withBlocks = <T>(x: TensorInfo, use: (blocks: TensorInfo) => T): T | null => {
    const blocks = multiply(backend, {x, filter, shape: shapes(x.shape[0])!});
    try {
      return blocks && use(blocks);
    } finally {
      if (blocks) backend.disposeData(blocks.dataId);
    }
  };
  if (images === batch) {
    const apart = strideHeight === kh && strideWidth === kw && inHeight === height * kh && inWidth === width * kw;
    if (apart && kh * kw === 1) return multiply(backend, {x: dy, filter, shape: shapes(batch)!});
    return withBlocks(dy, (blocks) =>
      apart
        ? shufflePixels(backend, blocks, kh, kw)
        : makeOutput(backend, [...inShape], (output) => sum(blocks, output)),
    );
  }
  if (backend.records) return null; // views are not for programs
  return makeOutput(backend, [...inShape], (output) => {
    for (let first = 0; first < batch; first += images) {
      const shape = [Math.min(images, batch - first), height, width, outChannels];
      const from = backend.getMemoryOffset(dy.dataId) + 4 * first * height * width * outChannels;
      const part = backend.makeView(shape, 'float32', from);
      withBlocks(part, (blocks) => sum(blocks, output + 4 * first * inHeight * inWidth * inChannels));
      backend.forgetView(part.dataId);
    }
  });
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
    const imagesInMemory = Math.floor(MOST_BYTES / (4 * height * width * channels));
    if (imagesInMemory === 0) return null;
    const images = channels === inChannels ? batch : Math.min(batch, imagesInMemory);
    const shapeOf = (count: number) =>
      productShape(
        pointwiseGeometry(count, height, width, outChannels),
        {kh: 1, kw: 1, inChannels: outChannels, outChannels: channels},
        [count, height, width, channels],
        {transposed: true, stockIsSlow: true, repaid: REPAID},
      );
    const whole = shapeOf(images);
    const rest = batch % images ? shapeOf(batch % images) : null;
    return whole && {info, images, shapes: (count: number) => (count === images ? whole : rest), kh, kw, inChannels};
  },
);

/** TensorFlow Conv2DBackpropInput: dy [batch, height, width, outChannels], filter [kh, kw, inChannels, outChannels]. */
export const conv2DBackpropInputConfig = ourKernel(Conv2DBackpropInput, transposedConvolve);
