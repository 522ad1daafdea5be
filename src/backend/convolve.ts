import {backend_util, type FusedConv2DAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {fusedActivation} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf} from './convInfo';
import {withLastAnswer} from './lastAnswer';
import {multiply} from './multiply';
import {productShape} from './productShape';

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
  const {strides, dilations, pad, dimRoundingMode} = attrs;
  const shape = shapeOf(filter.dataId, x.shape, filter.shape, strides, dilations, pad, dimRoundingMode);
  if (!shape) return null;
  const {outChannels} = shape.filter;
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== outChannels)) return null;
  const activation = fusedActivation(
    attrs.activation ?? 'linear',
    outChannels,
    preluActivationWeights,
    attrs.leakyreluAlpha,
    backend,
  );
  return activation && multiply(backend, {x, filter, bias, shape, activation});
}

const shapeOf = withLastAnswer(
  (
    xShape: number[],
    filterShape: number[],
    strides: ConvAttrs['strides'],
    dilations: ConvAttrs['dilations'],
    pad: ConvAttrs['pad'],
    dimRoundingMode: ConvAttrs['dimRoundingMode'],
  ) => {
    const [kh, kw, inChannels, outChannels] = filterShape;
    if (xShape[3] !== inChannels) return null; // grouped: not a convolution that stock's wasm knows either
    const info = backend_util.computeConv2DInfo(
      xShape as [number, number, number, number],
      filterShape as [number, number, number, number],
      strides,
      dilations,
      pad,
      dimRoundingMode,
    );
    return productShape(geometryOf(info), {kh, kw, inChannels, outChannels}, info.outShape);
  },
);
