import fc from 'fast-check';
import {cutStrips, findChains, lineBytes, type Stage, type StripCut} from '../../src/plan';

/** From so many bytes on a tensor between two stages is worth a chain, and so many may a chain hold. */
const WORTH_BYTES = 800 * 1024;
const HELD_BYTES = 256 * 1024;

/** A 1x1 convolution of 64 channels on 64x64 pixels, whose output takes 1 MiB. */
const POINTWISE: Stage = {
  depthwise: false,
  batch: 1,
  ...{inHeight: 64, inWidth: 64, inChannels: 64},
  ...{outHeight: 64, outWidth: 64, outChannels: 64},
  ...{reach: 1, stride: 1, handsOn: true, scratchBytes: 0},
};
const DEPTHWISE: Stage = {...POINTWISE, depthwise: true, reach: 3};

describe('findChains', () => {
  test('finds convolutions in a row with a depthwise one in every neighbouring pair', () => {
    expect(findChains([POINTWISE, DEPTHWISE, POINTWISE])).toEqual([[0, 3]]);
    expect(findChains([DEPTHWISE, POINTWISE])).toEqual([[0, 2]]);
    expect(findChains([POINTWISE, DEPTHWISE])).toEqual([[0, 2]]);
    expect(findChains([DEPTHWISE, DEPTHWISE])).toEqual([[0, 2]]);
    expect(findChains([POINTWISE, POINTWISE, DEPTHWISE])).toEqual([[1, 3]]);
    expect(findChains([POINTWISE, POINTWISE])).toEqual([]);
    expect(findChains([POINTWISE])).toEqual([]);
    expect(findChains([])).toEqual([]);
  });

  test('takes at most three stages, and goes on with the next', () => {
    expect(findChains([DEPTHWISE, POINTWISE, DEPTHWISE, POINTWISE])).toEqual([[0, 3]]);
    expect(findChains([DEPTHWISE, POINTWISE, DEPTHWISE, POINTWISE, DEPTHWISE])).toEqual([
      [0, 3],
      [3, 5],
    ]);
  });

  test('passes over tasks that are no stages', () => {
    expect(findChains([null, POINTWISE, DEPTHWISE, null, DEPTHWISE, POINTWISE, null])).toEqual([
      [1, 3],
      [4, 6],
    ]);
    expect(findChains([POINTWISE, null, DEPTHWISE])).toEqual([]);
  });

  test('needs an output that the next stage alone reads', () => {
    expect(findChains([{...POINTWISE, handsOn: false}, DEPTHWISE, POINTWISE])).toEqual([[1, 3]]);
    expect(findChains([POINTWISE, {...DEPTHWISE, handsOn: false}, POINTWISE])).toEqual([[0, 2]]);
    expect(findChains([POINTWISE, {...DEPTHWISE, handsOn: false}])).toEqual([[0, 2]]); // the last may be any
  });

  test('needs shapes that fit', () => {
    const other: Partial<Stage>[] = [{batch: 2}, {inHeight: 63}, {inWidth: 63}, {inChannels: 32}];
    for (const change of other) expect(findChains([POINTWISE, {...DEPTHWISE, ...change}])).toEqual([]);
  });

  test('needs every row between two stages to be read', () => {
    expect(findChains([DEPTHWISE, {...POINTWISE, reach: 1, stride: 2, outHeight: 32}])).toEqual([]);
    expect(findChains([DEPTHWISE, {...POINTWISE, reach: 2, stride: 2, outHeight: 32}])).toEqual([[0, 2]]);
    expect(findChains([{...POINTWISE, inHeight: 128, stride: 2}, DEPTHWISE])).toEqual([[0, 2]]);
  });

  test('needs a tensor between two stages that is large, image by image', () => {
    const pair = (outHeight: number, batch = 1) => [
      {...POINTWISE, outHeight, batch},
      {...DEPTHWISE, inHeight: outHeight, batch},
    ];
    const rows = WORTH_BYTES / lineBytes(POINTWISE);
    expect(findChains(pair(rows))).toEqual([[0, 2]]);
    expect(findChains(pair(rows - 1))).toEqual([]);
    expect(findChains(pair(rows - 1, 4))).toEqual([]);
  });
});

/** A stage and where the first output row's input begins. */
type PaddedStage = Stage & {readonly padTop: number};

/** Chains of 2 or 3 stages of any reach, stride and padding, some of it beyond all input. */
const chains: fc.Arbitrary<PaddedStage[]> = fc
  .record({
    batch: fc.integer({min: 1, max: 4}),
    inHeight: fc.integer({min: 1, max: 150}),
    stages: fc.array(
      fc.record({
        reach: fc.integer({min: 1, max: 9}),
        stride: fc.integer({min: 1, max: 3}),
        padTop: fc.integer({min: 0, max: 10}),
        padBottom: fc.integer({min: 0, max: 10}),
        outWidth: fc.integer({min: 1, max: 300}),
        outChannels: fc.integer({min: 1, max: 100}),
      }),
      {minLength: 2, maxLength: 3},
    ),
  })
  .map(({batch, inHeight, stages}) => {
    let [height, width, channels] = [inHeight, 10, 8];
    return stages.map(({reach, stride, padTop, padBottom, outWidth, outChannels}) => {
      const outHeight = Math.floor((height + padTop + padBottom - reach) / stride) + 1;
      const stage: PaddedStage = {
        ...{depthwise: false, batch, inHeight: height, inWidth: width, inChannels: channels},
        ...{outHeight, outWidth, outChannels, reach, stride, handsOn: true, scratchBytes: 0, padTop},
      };
      [height, width, channels] = [outHeight, outWidth, outChannels];
      return stage;
    });
  })
  .filter((chain) => chain.every(({outHeight}) => outHeight >= 1));
const threadCounts = fc.integer({min: 1, max: 64});

/** The bands of an image, each as its strips: rows first .. end - 1 of the last stage's output. */
function bandsOf(chain: readonly Stage[], {bands, bandRows, stripRows}: StripCut): [first: number, end: number][][] {
  const {outHeight} = chain[chain.length - 1];
  return Array.from({length: bands}, (_, band) => {
    const strips: [number, number][] = [];
    const to = Math.min((band + 1) * bandRows, outHeight);
    for (let row = band * bandRows; row < to; row += stripRows) strips.push([row, Math.min(row + stripRows, to)]);
    return strips;
  });
}

/** Input rows first .. end - 1 that output rows of a stage depend on. */
function rowsRead({inHeight, reach, stride, padTop}: PaddedStage, first: number, end: number): [number, number] {
  const clip = (row: number) => Math.min(inHeight, Math.max(0, row));
  return [clip(first * stride - padTop), clip((end - 1) * stride - padTop + reach)];
}

describe('cutStrips', () => {
  test('has bands, none of them empty, whose strips are all rows in their order', () => {
    fc.assert(
      fc.property(chains, threadCounts, (chain, threads) => {
        const cut = cutStrips(chain, threads);
        const bands = bandsOf(chain, cut);
        for (const strips of bands) expect(strips.length).toBeGreaterThan(0);
        let row = 0;
        for (const [first, end] of bands.flat()) {
          expect(first).toBe(row);
          expect(end).toBeGreaterThan(first);
          row = end;
        }
        expect(row).toBe(chain[chain.length - 1].outHeight);
        expect(cut.stripRows).toBeLessThanOrEqual(cut.bandRows);
      }),
    );
  });

  test('holds as many rows of each inner stage as any strip reads at a time, and no more than there are', () => {
    fc.assert(
      fc.property(chains, threadCounts, (chain, threads) => {
        const cut = cutStrips(chain, threads);
        expect(cut.heldRows).toHaveLength(chain.length - 1);
        for (const strips of bandsOf(chain, cut)) {
          for (let [first, end] of strips) {
            for (let stage = chain.length - 1; stage > 0; stage--) {
              [first, end] = rowsRead(chain[stage], first, end);
              expect(end - first).toBeLessThanOrEqual(cut.heldRows[stage - 1]);
              expect(cut.heldRows[stage - 1]).toBeLessThanOrEqual(chain[stage].inHeight);
            }
          }
        }
      }),
    );
  });

  test('lets every inner row be computed once in a band: what a strip reads again is still held', () => {
    fc.assert(
      fc.property(chains, threadCounts, (chain, threads) => {
        for (const strips of bandsOf(chain, cutStrips(chain, threads))) {
          const held = chain.map((): [number, number] => [0, 0]);
          const computed = chain.map(() => new Set<number>());
          const compute = (stage: number, first: number, end: number) => {
            if (stage > 0) provide(stage - 1, ...rowsRead(chain[stage], first, end));
            for (let row = first; row < end; row++) {
              expect(computed[stage].has(row)).toBe(false);
              computed[stage].add(row);
            }
          };
          const provide = (stage: number, first: number, end: number) => {
            const [, heldEnd] = held[stage];
            const missing = Math.max(first, heldEnd);
            held[stage] = [first, Math.max(end, missing)];
            if (missing < end) compute(stage, missing, end);
          };
          for (const [first, end] of strips) compute(chain.length - 1, first, end);
        }
      }),
    );
  });

  test('holds no more than fits into the cache, unless a single row needs more', () => {
    fc.assert(
      fc.property(chains, threadCounts, (chain, threads) => {
        const {heldRows, stripRows} = cutStrips(chain, threads);
        const bytes = heldRows.reduce((sum, rows, i) => sum + rows * lineBytes(chain[i]), 0);
        if (stripRows > 1) expect(bytes).toBeLessThanOrEqual(HELD_BYTES);
      }),
    );
  });

  test('takes larger strips as long as they fit', () => {
    const chain = [POINTWISE, DEPTHWISE, POINTWISE]; // a row of each inner stage takes 16 KiB: 2 + 2 * 7 are 256 KiB
    expect(cutStrips(chain, 1)).toEqual({bands: 1, bandRows: 64, stripRows: 7, heldRows: [9, 7]});
  });

  test('cuts an image into bands for several threads alone, fewer where there are more images or few rows', () => {
    const bands = (threads: number, change: Partial<Stage> = {}) =>
      cutStrips([POINTWISE, {...DEPTHWISE, ...change}], threads).bands;
    expect([1, 2, 4].map((threads) => bands(threads))).toEqual([1, 2, 4]);
    expect(bands(8, {batch: 3})).toBe(3);
    expect(bands(2, {batch: 3})).toBe(1);
    expect(bands(2, {batch: 8})).toBe(1);
    expect(bands(8, {outHeight: 5})).toBe(5);
    expect(bands(1, {batch: 3})).toBe(1);
    fc.assert(
      fc.property(chains, threadCounts, (chain, threads) => {
        const {batch, outHeight} = chain[chain.length - 1];
        const most = threads === 1 ? 1 : Math.ceil((2 * threads) / batch);
        expect(cutStrips(chain, threads).bands).toBeLessThanOrEqual(Math.min(most, outHeight));
      }),
    );
  });
});
