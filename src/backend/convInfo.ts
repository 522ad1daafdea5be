import type {backend_util} from '@tensorflow/tfjs-core';
import type {ConvGeometry} from '../runtime';

/** tfjs's description of a convolution, as the kernels want it. */
export function geometryOf(info: backend_util.Conv2DInfo): ConvGeometry {
  return {
    batch: info.batchSize,
    inHeight: info.inHeight,
    inWidth: info.inWidth,
    inChannels: info.inChannels,
    outHeight: info.outHeight,
    outWidth: info.outWidth,
    kernelHeight: info.filterHeight,
    kernelWidth: info.filterWidth,
    strideHeight: info.strideHeight,
    strideWidth: info.strideWidth,
    dilationHeight: info.dilationHeight,
    dilationWidth: info.dilationWidth,
    padTop: info.padInfo.top,
    padLeft: info.padInfo.left,
  };
}

/** The geometry of a 1x1 convolution of stride 1 without padding over images [batch, height, width, channels]. */
export function pointwiseGeometry(batch: number, height: number, width: number, channels: number): ConvGeometry {
  return {
    batch,
    inHeight: height,
    inWidth: width,
    inChannels: channels,
    outHeight: height,
    outWidth: width,
    kernelHeight: 1,
    kernelWidth: 1,
    strideHeight: 1,
    strideWidth: 1,
    dilationHeight: 1,
    dilationWidth: 1,
    padTop: 0,
    padLeft: 0,
  };
}
