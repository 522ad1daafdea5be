import {backend_util, type FusedConv2DAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import {type ActivationAttrs, type ActivationInputs, isBias} from './activation';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf} from './convInfo';
import {withLastAnswer} from './lastAnswer';
import {multiply, type Product} from './multiply';
import {productShape} from './productShape';

/** Inputs of Conv2D and FusedConv2D. */
export interface ConvInputs extends ActivationInputs {
  readonly x: TensorInfo;
  readonly filter: TensorInfo;
  readonly bias?: TensorInfo;
}

/** Attributes of both; Conv2D has no activation. */
export type ConvAttrs = Pick<FusedConv2DAttrs, 'strides' | 'pad' | 'dilations'> &
  Partial<Pick<FusedConv2DAttrs, 'dimRoundingMode'>> &
  ActivationAttrs & {readonly dataFormat: string};

/**
 * A convolution on our kernels.
 *
 * @returns null where stock's kernel has to run: a layout, dtype or shape that it must refuse, or a layer that it runs
 *     faster.
 */
export function convolve(backend: BlockSparseBackend, inputs: ConvInputs, attrs: ConvAttrs): TensorInfo | null {
  return multiply(backend, convProduct(inputs, attrs), inputs, attrs);
}

/** A convolution as a product; null where its layout, dtypes or shapes are not for our kernels. */
export function convProduct({x, filter, bias}: ConvInputs, attrs: ConvAttrs): Product | null {
  if (attrs.dataFormat !== 'NHWC' || x.dtype !== 'float32' || filter.dtype !== 'float32') return null;
  const {strides, dilations, pad, dimRoundingMode} = attrs;
  const shape = shapeOf(filter.dataId, x.shape, filter.shape, strides, dilations, pad, dimRoundingMode);
  return shape && isBias(bias, shape.filter.outChannels) ? {x, filter, bias, shape} : null;
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
