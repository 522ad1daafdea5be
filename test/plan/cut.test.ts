import fc from 'fast-check';
import {BLOCK_SIZES} from '../../src/packed';
import {cutLayer, makespan, type LayerGeometry, type LayerPath, type Variant} from '../../src/plan';
import {COST_CONSTANTS, THREAD_COST} from '../../src/plan/costConstants';
import {KERNEL_TILES, microkernel} from '../../src/runtime/microkernels';

type OurPath = Exclude<LayerPath, {kind: 'stock'}>;

interface CutCase {
  readonly layer: LayerGeometry;
  readonly path: OurPath;
  readonly entries: number;
  readonly variant: Variant;
  readonly threads: number;
}

const ALL_PATHS: readonly OurPath[] = [
  {kind: 'dense'},
  {kind: 'winograd'},
  ...BLOCK_SIZES.map((n) => ({kind: 'packed', n}) as const),
];

/** What a path's kernels take for pixels. */
const pixelsOf = ({outputPixels, winogradTiles}: LayerGeometry, {kind}: OurPath) =>
  kind === 'winograd' ? winogradTiles! : outputPixels;

const anyCase: fc.Arbitrary<CutCase> = fc
  .record({
    taps: fc.constantFrom(1, 3, 5),
    inChannels: fc.integer({min: 1, max: 700}),
    outChannels: fc.oneof(fc.integer({min: 1, max: 40}), fc.integer({min: 1, max: 1300})),
    outputPixels: fc.oneof(fc.integer({min: 1, max: 60}), fc.integer({min: 1, max: 20000})),
    path: fc.constantFrom(...ALL_PATHS),
    density: fc.double({min: 0, max: 1, noNaN: true}),
    variant: fc.constantFrom<Variant>('simd128', 'relaxed'),
    threads: fc.integer({min: 1, max: 64}),
  })
  .map(({taps, inChannels, outChannels, outputPixels, path, density, variant, threads}) => {
    const blocks = path.kind !== 'packed' ? 0 : taps * taps * inChannels * Math.ceil(outChannels / path.n);
    return {
      layer: {
        filter: {kh: taps, kw: taps, inChannels, outChannels},
        outputPixels,
        winogradTiles: Math.ceil(outputPixels / 4),
      },
      path,
      entries: Math.round(blocks * density),
      variant,
      threads,
    };
  });

const cutOf = ({layer, path, entries, variant}: CutCase, threads: number) =>
  cutLayer(layer, path, entries, variant, threads);

function forEveryCase(check: (cutCase: CutCase) => void): void {
  fc.assert(fc.property(anyCase, check), {numRuns: 1000});
}

/** The price of a call, at most: it is not part of a piece. */
const call = Math.max(
  ...Object.values(COST_CONSTANTS).flatMap((prices) => Object.values(prices).map((cost) => cost.call)),
);

describe('cutLayer', () => {
  it('cuts into pieces of whole tiles and of channels that the kernels can start at, which cover the output', () => {
    forEveryCase((cutCase) => {
      const {layer, path, variant, threads} = cutCase;
      const {macroTile, groupChannels, parallel, pieces} = cutOf(cutCase, threads);
      const {outChannels} = layer.filter;
      expect(Number.isInteger(macroTile) && macroTile > 0).toBe(true);
      if (groupChannels !== outChannels) {
        expect(groupChannels).toBeLessThan(outChannels);
        expect(groupChannels % 16).toBe(0);
        expect(groupChannels % (path.kind === 'packed' ? path.n : 8)).toBe(0);
      }
      // What KernelRunner.conv2d makes of it.
      const {kh, kw, inChannels} = layer.filter;
      const dense = path.kind !== 'packed';
      const layout = {dense, n: dense ? 8 : path.n, k: kh * kw * inChannels};
      const pixels = pixelsOf(layer, path);
      const tile = KERNEL_TILES[microkernel(layout, pixels, variant)];
      const runnersTile = Math.ceil(Math.min(macroTile, pixels) / tile) * tile;
      const items = Math.ceil(pixels / runnersTile) * Math.ceil(outChannels / groupChannels);
      if (parallel) {
        expect(macroTile % tile).toBe(0);
        expect(pieces).toHaveLength(items);
        expect(items).toBeGreaterThan(1);
      } else {
        expect(pieces).toHaveLength(1);
        expect(groupChannels).toBe(outChannels);
      }
    });
  });

  it('expects of the pieces together at least the work of the whole, and not much more', () => {
    let parallelCases = 0;
    forEveryCase((cutCase) => {
      const {threads} = cutCase;
      const whole = cutOf(cutCase, 1).expectedMs * 1e6;
      const {pieces, parallel, workMs, expectedMs} = cutOf(cutCase, threads);
      const sum = pieces.reduce((total, piece) => total + piece, 0);
      expect(pieces.every((piece) => piece > 0)).toBe(true);
      expect(workMs * 1e6).toBeCloseTo(sum, 3);
      if (!parallel) {
        expect(sum).toBeCloseTo(whole, 3);
        return;
      }
      parallelCases++;
      expect(sum).toBeGreaterThan(whole - call);
      expect(sum).toBeLessThan(0.9 * threads * whole);
      expect(expectedMs * 1e6).toBeLessThan(0.9 * whole);
      expect(expectedMs * 1e6).toBeGreaterThan((whole - call) / threads);
    });
    expect(parallelCases).toBeGreaterThan(300);
  });

  it('leaves the layer whole on one thread', () => {
    forEveryCase((cutCase) => {
      const {parallel, pieces, expectedMs, groupChannels} = cutOf(cutCase, 1);
      expect({parallel, groupChannels}).toEqual({
        parallel: false,
        groupChannels: cutCase.layer.filter.outChannels,
      });
      expect(pieces).toEqual([expectedMs * 1e6]);
    });
  });

  it('leaves a layer whole that is shorter than what more threads cost', () => {
    const tiny = {filter: {kh: 1, kw: 1, inChannels: 8, outChannels: 8}, outputPixels: 16};
    let short = 0;
    forEveryCase((cutCase) => {
      const whole = cutOf(cutCase, 1).expectedMs * 1e6;
      if (whole >= THREAD_COST.breakEven) return;
      short++;
      expect(cutOf(cutCase, cutCase.threads)).toEqual(cutOf(cutCase, 1));
    });
    expect(short).toBeGreaterThan(10);
    for (const path of ALL_PATHS) expect(cutLayer(tiny, path, 8, 'relaxed', 8).parallel).toBe(false);
  });

  it.each(ALL_PATHS)('lets all of 2 and 8 threads have a part of a large layer, run as %j', (path) => {
    const filter = {kh: 1, kw: 1, inChannels: 256, outChannels: 256};
    const entries = path.kind === 'packed' ? (256 * 256) / path.n / 2 : 0;
    for (const variant of ['simd128', 'relaxed'] as const) {
      for (const threads of [2, 8]) {
        const layer = {filter, outputPixels: 28 * 28, winogradTiles: 14 * 14};
        const {parallel, pieces} = cutLayer(layer, path, entries, variant, threads);
        expect(parallel).toBe(true);
        expect(pieces.length).toBeGreaterThanOrEqual(threads);
      }
    }
  });
});

describe('the order of pieces', () => {
  const order = (inChannels: number, outChannels: number, outputPixels: number) => {
    const layer = {filter: {kh: 1, kw: 1, inChannels, outChannels}, outputPixels};
    const {parallel, channelsOutermost} = cutLayer(layer, {kind: 'dense'}, 0, 'relaxed', 2);
    expect(parallel).toBe(true);
    return channelsOutermost ? 'channels' : 'pixels';
  };

  it('deals out channels where the weights are more than the image, so that each thread fetches a part of them', () => {
    expect(order(960, 320, 49)).toBe('channels');
    expect(order(1280, 1001, 1)).toBe('channels');
  });

  it('deals out pixels where the image is more than the weights', () => {
    expect(order(16, 96, 112 * 112)).toBe('pixels');
    expect(order(24, 144, 56 * 56)).toBe('pixels');
  });
});

describe('makespan', () => {
  const anyPieces = fc.array(fc.double({min: 1, max: 1000, noNaN: true}), {minLength: 1, maxLength: 90});

  it('is the sum on one thread, and the longest piece where each has a thread of its own', () => {
    fc.assert(
      fc.property(anyPieces, (pieces) => {
        expect(makespan(pieces, 1)).toBeCloseTo(
          pieces.reduce((sum, piece) => sum + piece, 0),
          6,
        );
        expect(makespan(pieces, pieces.length)).toBe(Math.max(...pieces));
      }),
    );
  });

  it('lies between what no schedule beats and what no greedy one exceeds', () => {
    fc.assert(
      fc.property(anyPieces, fc.integer({min: 1, max: 32}), (pieces, threads) => {
        const share = pieces.reduce((sum, piece) => sum + piece, 0) / threads;
        const longest = Math.max(...pieces);
        const span = makespan(pieces, threads);
        expect(span).toBeGreaterThanOrEqual(Math.max(share, longest) * (1 - 1e-9));
        expect(span).toBeLessThanOrEqual((share + longest) * (1 + 1e-9));
      }),
    );
  });

  it('plays pieces in their order, each to the thread that is free first', () => {
    expect(makespan([3, 1, 1, 1, 4], 2)).toBe(7);
    expect(makespan([4, 3, 1, 1, 1], 2)).toBe(5);
  });

  it('is near the share of a thread for many alike pieces', () => {
    const pieces = Array<number>(1000).fill(2);
    for (const threads of [2, 3, 8]) {
      expect(makespan(pieces, threads)).toBeGreaterThanOrEqual(2000 / threads);
      expect(makespan(pieces, threads)).toBeLessThanOrEqual(2000 / threads + 2);
    }
  });
});
