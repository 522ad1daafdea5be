// Networks as lists of their convolutions: what the simulation of `npm run bench:scaling` cuts into pieces.

/**
 * @typedef {object} ArchitectureLayer
 * @property {string} name
 * @property {'conv' | 'depthwise'} kind a MatMul is a 1x1 convolution on as many pixels as it has rows
 * @property {number} kernel height and width of the filter
 * @property {number} stride either way
 * @property {number} inChannels
 * @property {number} outChannels
 * @property {number} outSize height and width of the output; one image
 */

/** The networks by name. */
export const ARCHITECTURES = {
  'MobileNetV2 1.0 224': mobileNetV2,
  'ResNet-50 224': resNet50,
  'ESRGAN-like 128': residualDenseNetwork,
};

/**
 * MobileNetV2 of width 1.0 on an image of 224 x 224, 1001 classes (Sandler et al., 2018, table 2).
 *
 * @returns {ArchitectureLayer[]}
 */
export function mobileNetV2() {
  // Expansion, output channels, repeats, stride of the first.
  const table = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
  ];
  let size = 112;
  let channels = 32;
  const layers = [conv('first', 3, 3, channels, size, 2)];
  for (const [expansion, outChannels, repeats, firstStride] of table) {
    for (let i = 0; i < repeats; i++) {
      const wide = channels * expansion;
      if (expansion > 1) layers.push(conv('expand', 1, channels, wide, size));
      const stride = i === 0 ? firstStride : 1;
      size /= stride;
      layers.push(depthwise(3, stride, wide, size), conv('project', 1, wide, outChannels, size));
      channels = outChannels;
    }
  }
  layers.push(conv('last', 1, channels, 1280, size), conv('classifier', 1, 1280, 1001, 1));
  return layers;
}

/**
 * ResNet-50 on an image of 224 x 224, 1000 classes, strides in the 3x3 convolutions (He et al., 2015, table 1).
 *
 * @returns {ArchitectureLayer[]}
 */
export function resNet50() {
  // Channels of the bottleneck, repeats, stride of the first.
  const table = [
    [64, 3, 1],
    [128, 4, 2],
    [256, 6, 2],
    [512, 3, 2],
  ];
  let size = 56;
  let channels = 64;
  const layers = [conv('first', 7, 3, channels, 112, 2)];
  for (const [narrow, repeats, firstStride] of table) {
    const outChannels = 4 * narrow;
    for (let i = 0; i < repeats; i++) {
      layers.push(conv('reduce', 1, channels, narrow, size));
      const stride = i === 0 ? firstStride : 1;
      size /= stride;
      layers.push(conv('middle', 3, narrow, narrow, size, stride), conv('restore', 1, narrow, outChannels, size));
      if (i === 0) layers.push(conv('shortcut', 1, channels, outChannels, size, stride));
      channels = outChannels;
    }
  }
  layers.push(conv('classifier', 1, channels, 1000, 1));
  return layers;
}

/**
 * The residual dense network that `@upscalerjs/esrgan-medium` is, on an image of 128 x 128 that it doubles: ten blocks of
 * one 3x3 convolution on 64 channels (Zhang et al., 2018).
 *
 * @returns {ArchitectureLayer[]}
 */
export function residualDenseNetwork() {
  const size = 128;
  const blocks = 10;
  const block = [conv('block', 3, 64, 64, size), conv('fuse block', 1, 128, 64, size)];
  return [
    conv('first', 3, 3, 64, size),
    conv('second', 3, 64, 64, size),
    ...Array.from({length: blocks}, () => block).flat(),
    conv('fuse all', 1, 64 * blocks, 64, size),
    conv('after fusion', 3, 64, 64, size),
    conv('upscale 1', 5, 64, 64, size),
    conv('upscale 2', 3, 64, 32, size),
    conv('upscale 3', 3, 32, 12, size),
    conv('last', 3, 12, 3, 2 * size),
  ];
}

function conv(role, kernel, inChannels, outChannels, outSize, stride = 1) {
  const name = `${role} ${kernel}x${kernel} ${inChannels} -> ${outChannels}, ${sizeInWords(outSize, stride)}`;
  return {name, kind: 'conv', kernel, stride, inChannels, outChannels, outSize};
}

function depthwise(kernel, stride, channels, outSize) {
  const name = `depthwise ${kernel}x${kernel} ${channels}, ${sizeInWords(outSize, stride)}`;
  return {name, kind: 'depthwise', kernel, stride, inChannels: channels, outChannels: channels, outSize};
}

function sizeInWords(outSize, stride) {
  return `${outSize}x${outSize}${stride > 1 ? `, stride ${stride}` : ''}`;
}
