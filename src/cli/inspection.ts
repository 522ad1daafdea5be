/** An inspection in words and sums, for the table and the page. */
import type {LayerInspection} from '../index';
import {BLOCK_SIZES} from '../packed';
import {percent, shapeOf, type Column} from './tables';

/** Sums over all layers. */
export interface InspectionTotals {
  readonly weights: number;
  readonly zeros: number;
  /** On the cost model's reference core, one thread. */
  readonly expectedMs: number;
}

export function totalsOf(layers: readonly LayerInspection[]): InspectionTotals {
  const sum = (value: (layer: LayerInspection) => number) => layers.reduce((total, layer) => total + value(layer), 0);
  return {
    weights: sum((layer) => layer.weights),
    zeros: sum((layer) => layer.zeros),
    expectedMs: sum((layer) => layer.expectedMs),
  };
}

export const INSPECTION_COLUMNS: readonly Column[] = [
  {title: 'layer', text: true},
  {title: 'shape'},
  {title: 'zeros'},
  ...BLOCK_SIZES.map((n) => ({title: `N=${n}`})),
  {title: 'path', text: true},
  {title: 'ms'},
];

/** A layer's cells: under each N the share of blocks that hold a weight other than zero. */
export function inspectionRow(layer: LayerInspection): string[] {
  const {name, shape, zeros, weights, blocks, path, expectedMs, outputPixelsKnown} = layer;
  return [
    name,
    shapeOf(shape),
    percent(zeros / weights),
    ...BLOCK_SIZES.map((n) => percent(blocks[n].nonzero / blocks[n].all)),
    path.kind === 'packed' ? `1x${path.n} blocks` : path.kind,
    `${expectedMs.toFixed(3)}${outputPixelsKnown ? '' : '?'}`,
  ];
}

export function totalsInWords(layers: readonly LayerInspection[], variant: string): string {
  const {weights, zeros, expectedMs} = totalsOf(layers);
  const unknown = layers.filter(({outputPixelsKnown}) => !outputPixelsKnown);
  return (
    `${layers.length} layers, ${weights} weights, ${percent(weights > 0 ? zeros / weights : 0, 1)} of them zero; ` +
    `expected ${expectedMs.toFixed(2)} ms with ${variant} kernels on one thread of the cost model's reference core` +
    (unknown.length > 0
      ? `; ? marks ${unknown.length} layers of unknown size, taken as ${unknown[0].outputPixels} pixels: ` +
        'give --input for their true times'
      : '')
  );
}
