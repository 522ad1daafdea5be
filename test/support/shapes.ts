import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {backend_util} from '@tensorflow/tfjs-core';

/** A row of kernels/shapes.json, the table that tests and benchmarks share. */
export interface ConvShape {
  readonly name: string;
  readonly batch: number;
  readonly size: readonly [number, number];
  readonly cin: number;
  /** Of a depthwise row by default cin, otherwise a multiple of it. */
  readonly cout: number;
  readonly k: readonly [number, number];
  readonly stride: [number, number];
  readonly dilation: [number, number];
  readonly pad: 'same' | 'valid' | number | backend_util.ExplicitPadding;
}

const table = JSON.parse(readFileSync(join(__dirname, '../../kernels/shapes.json'), 'utf8')) as Record<
  'edge' | 'bench' | 'depthwiseEdge' | 'depthwiseThreads' | 'depthwiseBench',
  (Omit<ConvShape, 'stride' | 'dilation' | 'pad' | 'cout'> & Partial<ConvShape>)[]
>;

/** The shapes of one part of the table, defaults filled in. */
export function convShapes(part: keyof typeof table): ConvShape[] {
  return table[part].map((row) => ({stride: [1, 1], dilation: [1, 1], pad: 'valid', cout: row.cin, ...row}));
}
