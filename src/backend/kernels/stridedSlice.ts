import {slice_util, StridedSlice, type StridedSliceAttrs, type TensorInfo} from '@tensorflow/tfjs-core';
import type {BlockSparseBackend} from '../blockSparseBackend';
import {cutBox} from '../copies';
import {ourKernel} from '../stockKernel';

/** @returns null where it steps over values or takes all, and as `cutBox`: stock's kernel has to run. */
function stridedSlice(
  backend: BlockSparseBackend,
  {x}: {x: TensorInfo},
  {begin, end, strides, ...masks}: StridedSliceAttrs,
): TensorInfo | null {
  const {beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask} = masks;
  const from = [beginMask, endMask, ellipsisMask, newAxisMask, shrinkAxisMask] as const;
  const cut = slice_util.sliceInfo(x.shape, begin, end, strides, ...from);
  if (!cut.isSimpleSlice || cut.isIdentity) return null;
  const size = slice_util.computeOutShape(cut.begin, cut.end, cut.strides);
  return cutBox(backend, x, cut.begin, size, cut.finalShape);
}

/** TensorFlow StridedSlice. */
export const stridedSliceConfig = ourKernel(StridedSlice, stridedSlice);
