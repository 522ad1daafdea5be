import fc from 'fast-check';
import {BLOCK_SIZES} from '../../src/packed';
import {choosePath, layerStatistics, winogradTiles, type LayerGeometry} from '../../src/plan';
import {macroTile, winogradMacroTile} from '../../src/plan/macroTile';
import {blockSparseFloats, randomNumbers} from '../support/random';

function layer(k: number, outChannels: number, outputPixels: number): LayerGeometry {
  return {filter: {kh: 1, kw: 1, inChannels: k, outChannels}, outputPixels};
}

/** A 3x3 convolution of stride 1 whose output is a square. */
function square(inChannels: number, outChannels: number, side: number): LayerGeometry {
  const filter = {kh: 3, kw: 3, inChannels, outChannels};
  return {filter, outputPixels: side * side, winogradTiles: winogradTiles(filter, [1, 1, 1, 1], [1, side, side])};
}

function choose(geometry: LayerGeometry, n: number, density: number, variant: 'relaxed' | 'simd128' = 'relaxed') {
  const {kh, kw, inChannels, outChannels} = geometry.filter;
  const weights = blockSparseFloats(kh * kw * inChannels, outChannels, n, density, randomNumbers(1));
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
          const bar = pixels > 2 ? 0.97 * stock.expectedMs : large ? 1.3 * stock.expectedMs : stock.expectedMs + 0.0015;
          expect(path.kind === 'stock').toBe(Math.min(...ours.map(({expectedMs}) => expectedMs)) >= bar);
        },
      ),
      {numRuns: 100},
    );
  });

  it("leaves out stock's kernel where it is told to", () => {
    const geometry = layer(9000, 1, 1);
    const {filter} = geometry;
    const statistics = layerStatistics(blockSparseFloats(9000, 1, 1, 1, randomNumbers(1)), filter);
    expect(choosePath(geometry, statistics, 'relaxed').path).toEqual({kind: 'stock'});
    const {path, candidates} = choosePath(geometry, statistics, 'relaxed', true, false);
    expect(path.kind).not.toBe('stock');
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

describe("choosePath, where Winograd's algorithm can run", () => {
  it.each(['relaxed', 'simd128'] as const)('takes it for dense layers of many channels (%s)', (variant) => {
    for (const [inChannels, outChannels, side] of [
      [64, 64, 56],
      [128, 128, 28],
      [64, 64, 14],
      [32, 64, 14],
    ]) {
      expect(choose(square(inChannels, outChannels, side), 1, 1, variant).path).toEqual({kind: 'winograd'});
    }
  });

  it('leaves it out for few channels, in or out, and few pixels', () => {
    for (const layer of [square(7, 64, 56), square(64, 7, 56), square(64, 64, 6)]) {
      expect(choose(layer, 1, 1).candidates).not.toContainEqual(expect.objectContaining({path: {kind: 'winograd'}}));
    }
  });

  it('prefers to skip the zeros of a layer that has many', () => {
    expect(choose(square(64, 64, 28), 8, 0.2).path.kind).toBe('packed');
  });

  it('takes it only where it saves a clear share of what the dense kernel is expected to take', () => {
    let [taken, left] = [0, 0];
    for (const channels of [16, 20, 24, 64]) {
      for (let side = 7; side < 40; side++) {
        const {path, candidates} = choose(square(channels, channels, side), 1, 1);
        const ms = (kind: string) => candidates.find((candidate) => candidate.path.kind === kind)!.expectedMs;
        const clear = ms('winograd') <= 0.85 * ms('dense');
        if (path.kind === 'winograd') taken++;
        else left++;
        expect(path.kind === 'winograd' && !clear).toBe(false);
      }
    }
    expect(taken).toBeGreaterThan(100);
    expect(left).toBeGreaterThan(0);
  });

  it('leaves it out where infinities must stay', () => {
    const geometry = square(64, 64, 56);
    const weights = blockSparseFloats(9 * 64, 64, 1, 1, randomNumbers(1));
    const {path} = choosePath(geometry, layerStatistics(weights, geometry.filter), 'relaxed', false);
    expect(path).toEqual({kind: 'dense'});
  });
});

describe('winogradTiles', () => {
  const filter = {kh: 3, kw: 3, inChannels: 4, outChannels: 1};

  it('counts tiles of 2x2 pixels, those that the image cuts off too', () => {
    expect(winogradTiles(filter, [1, 1, 1, 1], [2, 7, 8, 1])).toBe(2 * 4 * 4);
    expect(winogradTiles(filter, [1, 1, 1, 1], [1, 1, 1, 1])).toBe(1);
  });

  it.each([
    [{...filter, kh: 1}, [1, 1, 1, 1]],
    [{...filter, kw: 5}, [1, 1, 1, 1]],
    [{...filter, inChannels: 3}, [1, 1, 1, 1]],
    [filter, [2, 1, 1, 1]],
    [filter, [1, 2, 1, 1]],
    [filter, [1, 1, 1, 2]],
  ])('finds none for %j, strides and dilations %j', (unsuitable, steps) => {
    expect(winogradTiles(unsuitable, steps, [1, 8, 8, 1])).toBe(0);
  });
});

describe('winogradMacroTile', () => {
  it('is enough for several tiles of the kernels, however wide a layer is', () => {
    expect(winogradMacroTile(64, 64)).toBe(64);
    expect(winogradMacroTile(4096, 4096)).toBe(24);
  });
});

describe('macroTile', () => {
  it('is at least one pixel however wide a layer is', () => {
    expect(macroTile(1e6, 1e6)).toBe(1);
    expect(macroTile(16, 96)).toBeGreaterThan(100);
  });
});
