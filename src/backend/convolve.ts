import {backend_util, type FusedConv2DAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {fusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf} from './convInfo';
import {multiply} from './multiply';

/** Inputs of Conv2D and FusedConv2D. */
export interface ConvInputs {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly bias?: TensorInfo;
  readonly preluActivationWeights?: TensorInfo;
}

/** Attributes of both; Conv2D has no activation. */
export type ConvAttrs = Pick<FusedConv2DAttrs, 'strides' | 'pad' | 'dilations' | 'dimRoundingMode'> &
  Partial<Pick<FusedConv2DAttrs, 'activation' | 'leakyreluAlpha'>> & {dataFormat: string};

/**
 * A convolution on our kernels.
 *
 * @returns null where stock's kernel has to run: a layout, dtype or shape that it must refuse, or a layer that it runs
 *     faster.
 */
export function convolve(backend: BlockSparseBackend, inputs: ConvInputs, attrs: ConvAttrs): TensorInfo | null {
  const {x, filter, bias, preluActivationWeights} = inputs;
  if (attrs.dataFormat !== 'NHWC' || x.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const info = backend_util.computeConv2DInfo(
    x.shape as [number, number, number, number],
    filter.shape as [number, number, number, number],
    attrs.strides,
    attrs.dilations,
    attrs.pad,
    attrs.dimRoundingMode,
  );
  if (info.inChannels !== filter.shape[2]) return null; // grouped: not a convolution that stock's wasm knows either
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== info.outChannels)) return null;
  const activation = fusedActivation(
    attrs.activation ?? 'linear',
    info.outChannels,
    preluActivationWeights,
    attrs.leakyreluAlpha,
    backend,
  );
  if (!activation) return null;
  return multiply(backend, {
    x,
    filter,
    filterShape: {
      kh: info.filterHeight,
      kw: info.filterWidth,
      inChannels: info.inChannels,
      outChannels: info.outChannels,
    },
    bias,
    geometry: geometryOf(info),
    outShape: info.outShape,
    activation,
  });
}
