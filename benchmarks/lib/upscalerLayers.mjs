import * as tf from '@tensorflow/tfjs-core';
import {layers} from '@tensorflow/tfjs-layers';

const BETA = 0.2;
const SCALES = [2, 3, 4, 8];

let registered = false;

/**
 * Makes tfjs know the custom layers of @upscalerjs's models: MultiplyBeta, which scales a residual, and PixelShuffle2x to
 * 8x. They are defined as the packages define them, in code that loads with the upscaler only.
 */
export function registerUpscalerLayers() {
  if (registered) return;
  registered = true;
  tf.serialization.registerClass(MultiplyBeta);
  for (const scale of SCALES) tf.serialization.registerClass(pixelShuffle(scale));
}

class MultiplyBeta extends layers.Layer {
  static className = 'MultiplyBeta';

  call(inputs) {
    return tf.mul(first(inputs), BETA);
  }
}

function pixelShuffle(scale) {
  return class extends layers.Layer {
    static className = `PixelShuffle${scale}x`;

    computeOutputShape([batch, height, width, channels]) {
      return [batch, height && height * scale, width && width * scale, channels / scale ** 2];
    }

    call(inputs) {
      return tf.depthToSpace(first(inputs), scale, 'NHWC');
    }
  };
}

function first(inputs) {
  return Array.isArray(inputs) ? inputs[0] : inputs;
}
