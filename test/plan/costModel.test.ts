import fc from 'fast-check';
import {BLOCK_SIZES} from '../../src/packed';
import {choosePath, layerStatistics, type LayerGeometry} from '../../src/plan';
import {macroTile} from '../../src/plan/macroTile';
import {blockSparseFloats, randomNumbers} from '../support/random';

function layer(k: number, outChannels: number, outputPixels: number): LayerGeometry {
  return {filter: {kh: 1, kw: 1, inChannels: k, outChannels}, outputPixels};
}

function choose(geometry: LayerGeometry, n: number, density: number, variant: 'relaxed' | 'simd128' = 'relaxed') {
  const {inChannels, outChannels} = geometry.filter;
  const weights = blockSparseFloats(inChannels, outChannels, n, density, randomNumbers(1));
  return choosePath(geometry, layerStatistics(weights, geometry.filter), variant);
}

describe('choosePath', () => {
  it('runs a dense layer of MobileNetV2 on the dense kernel', () => {
    expect(choose(layer(384, 64, 196), 1, 1).path).toEqual({kind: 'dense'});
  });

  it('runs a layer that was pruned to 1x4 blocks on 1x4 or larger kernels', () => {
    const {path} = choose(layer(384, 64, 196), 4, 0.5);
    expect(path).toEqual({kind: 'packed', n: 4});
  });

  it('finds the scattered zeros of a model that was trained sparse', () => {
    const {path} = choose(layer(192, 64, 784), 1, 0.1);
    expect(path).toEqual({kind: 'packed', n: 1});
  });

  it('does not spend panels on a single pixel', () => {
    const {path} = choose(layer(1280, 1001, 1), 1, 0.3);
    expect(path).not.toEqual({kind: 'packed', n: 1});
  });

  it('lists every path once, cheapest first, whatever the layer', () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 300}),
        fc.integer({min: 1, max: 100}),
        fc.integer({min: 1, max: 5000}),
        fc.constantFrom(...BLOCK_SIZES),
        fc.double({min: 0, max: 1, noNaN: true}),
        (k, outChannels, pixels, n, density) => {
          const {candidates, path, expectedMs} = choose(layer(k, outChannels, pixels), n, density);
          expect(candidates).toHaveLength(2 + BLOCK_SIZES.length);
          expect(candidates).toContainEqual({path, expectedMs});
          for (let i = 1; i < candidates.length; i++) {
            expect(candidates[i].expectedMs).toBeGreaterThanOrEqual(candidates[i - 1].expectedMs);
          }
          expect(expectedMs).toBeGreaterThan(0);
        },
      ),
      {numRuns: 100},
    );
  });

  it("keeps stock's kernel where the gain it expects is no clearer than its own error", () => {
    fc.assert(
      fc.property(
        fc.integer({min: 1, max: 400}),
        fc.integer({min: 1, max: 400}),
        fc.integer({min: 1, max: 400}),
        (k, outChannels, pixels) => {
          const {candidates, path} = choose(layer(k, outChannels, pixels), 1, 0.5);
          const stock = candidates.find((candidate) => candidate.path.kind === 'stock')!;
          const ours = candidates.filter((candidate) => candidate.path.kind !== 'stock');
          const large = k * outChannels * pixels >= 500_000;
          const bar = (pixels > 2 ? 0.97 : large ? 1.05 : 0.85) * stock.expectedMs;
          expect(path.kind === 'stock').toBe(Math.min(...ours.map(({expectedMs}) => expectedMs)) >= bar);
        },
      ),
      {numRuns: 100},
    );
  });

  it("leaves out stock's kernel where it is told to", () => {
    const geometry = layer(400, 1, 1);
    const {filter} = geometry;
    const statistics = layerStatistics(blockSparseFloats(400, 1, 1, 1, randomNumbers(1)), filter);
    expect(choosePath(geometry, statistics, 'relaxed').path).toEqual({kind: 'stock'});
    const {path, candidates} = choosePath(geometry, statistics, 'relaxed', true, false);
    expect(path).toEqual(candidates[0].path);
    expect(candidates.map((candidate) => candidate.path.kind)).not.toContain('stock');
  });

  it('leaves out what skips zeros where zeros must meet their inputs', () => {
    const geometry = layer(384, 64, 196);
    const {filter} = geometry;
    const weights = blockSparseFloats(384, 64, 4, 0.2, randomNumbers(1));
    const {path, candidates} = choosePath(geometry, layerStatistics(weights, filter), 'relaxed', false);
    expect(path).toEqual({kind: 'dense'});
    expect(candidates.map((candidate) => candidate.path.kind).sort()).toEqual(['dense', 'stock']);
  });

  it('never expects more zeros to cost more time on the same kernel', () => {
    const geometry = layer(256, 64, 196);
    for (const variant of ['relaxed', 'simd128'] as const) {
      const times = [1, 0.75, 0.5, 0.25, 0].map(
        (density) =>
          choose(geometry, 4, density, variant).candidates.find(({path}) => path.kind === 'packed' && path.n === 4)!
            .expectedMs,
      );
      expect(times).toEqual([...times].sort((a, b) => b - a));
    }
  });
});

describe('macroTile', () => {
  it('is at least one pixel however wide a layer is', () => {
    expect(macroTile(1e6, 1e6)).toBe(1);
    expect(macroTile(16, 96)).toBeGreaterThan(100);
  });
});
