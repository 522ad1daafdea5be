import {backend_util, type FusedConv2DAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import type {ActivationAttrs, ActivationInputs} from './activation';
import type {ConvGeometry} from '../runtime';
import type {BlockSparseBackend} from './blockSparseBackend';
import {geometryOf, pointwiseGeometry} from './convInfo';
import {multiply, type Product} from './multiply';

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
  const [kh, kw, inChannels, outChannels] = filter.shape;
  if (x.shape[3] !== inChannels) return null; // grouped: not a convolution that stock's wasm knows either
  if (bias && (bias.dtype !== 'float32' || bias.shape.length !== 1 || bias.shape[0] !== outChannels)) return null;
  const [batch, height, width] = x.shape;
  const geometry = isPointwise(filter.shape, attrs)
    ? pointwiseGeometry(batch, height, width, inChannels)
    : generalGeometry(x.shape, filter.shape, attrs);
  return {
    x,
    filter,
    filterShape: {kh, kw, inChannels, outChannels},
    bias,
    geometry,
    outShape: [geometry.batch, geometry.outHeight, geometry.outWidth, outChannels],
  };
}

function generalGeometry(xShape: number[], filterShape: number[], attrs: ConvAttrs): ConvGeometry {
  return geometryOf(
    backend_util.computeConv2DInfo(
      xShape as [number, number, number, number],
      filterShape as [number, number, number, number],
      attrs.strides,
      attrs.dilations,
      attrs.pad,
      attrs.dimRoundingMode,
    ),
  );
}

/**
 * Whether a convolution is 1x1 with stride 1, most of a mobile network's layers. Its geometry takes a fraction of the
 * time of tfjs's general function, which for the smallest layers is a third of a call.
 */
function isPointwise([kh, kw]: number[], {pad, strides}: ConvAttrs): boolean {
  if (kh !== 1 || kw !== 1 || (pad !== 'same' && pad !== 'valid')) return false;
  return strides === 1 || (Array.isArray(strides) && strides[0] === 1 && strides[1] === 1);
}
