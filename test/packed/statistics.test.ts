import fc from 'fast-check';
import {BLOCK_SIZES, blockRows, blockStatistics, nonzeroBlocks} from '../../src/packed';
import {arbitraryFilter} from './filters';

const shape = {kh: 1, kw: 1, inChannels: 2, outChannels: 5};

describe('blockStatistics', () => {
  it('counts the blocks of every N that nonzeroBlocks keeps', () => {
    fc.assert(
      fc.property(arbitraryFilter, ({weights, shape}) => {
        const statistics = blockStatistics(weights, shape);
        expect(statistics.size).toBe(weights.length);
        expect(statistics.nonzeros).toBe(Array.from(weights).filter((weight) => weight !== 0).length);
        for (const n of BLOCK_SIZES) {
          expect(statistics.total[n]).toBe(blockRows(shape, n) * shape.inChannels);
          expect(statistics.kept[n]).toBe(nonzeroBlocks(weights, shape, n).filter((kept) => kept === 1).length);
        }
      }),
      {numRuns: 200},
    );
  });

  it('counts NaN as something and -0 as nothing', () => {
    const weights = Float32Array.of(NaN, 0, 0, 0, 0, -0, -0, -0, -0, -0);
    expect(blockStatistics(weights, shape)).toMatchObject({nonzeros: 1, size: 10, kept: {1: 1, 2: 1, 32: 1}});
  });

  it.each([0, 1])('refuses weights that do not fit the shape, all of them %d', (value) => {
    expect(() => blockStatistics(new Float32Array(9).fill(value), shape)).toThrow(/9 weights, but 1 x 1 x 2 x 5 = 10/);
  });
});
