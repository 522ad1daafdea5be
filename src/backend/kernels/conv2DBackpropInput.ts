import {Conv2DBackpropInput, type Conv2DBackpropInputAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {LINEAR} from '../activation';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {pointwiseGeometry} from '../convInfo';
import {multiply} from '../multiply';
import {shufflePixels} from '../pixelShuffle';
import {ourKernel} from '../stockKernel';

/**
 * A transposed convolution whose filter does not overlap itself: each pixel of dy becomes a block of kh x kw pixels, which
 * is a 1x1 convolution to kh * kw * inChannels channels and a pixel shuffle.
 *
 * @returns null for any other: stock's kernel has to run.
 */
function transposedConvolve(
  backend: BlockSparseBackend,
  {dy, filter}: {dy: TensorInfo; filter: TensorInfo},
  {strides, pad, dataFormat, inputShape}: Conv2DBackpropInputAttrs,
): TensorInfo | null {
  if (dataFormat !== 'NHWC' || dy.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const [kh, kw, inChannels, outChannels] = filter.shape;
  const [strideHeight, strideWidth] = typeof strides === 'number' ? [strides, strides] : strides;
  if (strideHeight !== kh || strideWidth !== kw || (pad !== 'same' && pad !== 'valid')) return null;
  const [batch, height, width] = dy.shape;
  if (inputShape[1] !== height * kh || inputShape[2] !== width * kw) return null;
  const channels = kh * kw * inChannels;
  const blocks = multiply(backend, {
    x: dy,
    filter,
    filterShape: {kh: 1, kw: 1, inChannels: outChannels, outChannels: channels},
    transposed: true,
    geometry: pointwiseGeometry(batch, height, width, outChannels),
    outShape: [batch, height, width, channels],
    activation: LINEAR,
    stockIsSlow: true,
  });
  if (!blocks) return null;
  try {
    return shufflePixels(backend, blocks, kh, kw);
  } finally {
    backend.disposeData(blocks.dataId);
  }
}

/** TensorFlow Conv2DBackpropInput: dy [batch, height, width, outChannels], filter [kh, kw, inChannels, outChannels]. */
export const conv2DBackpropInputConfig = ourKernel(Conv2DBackpropInput, transposedConvolve);
