import fc from 'fast-check';
import {
  axisLength,
  fixAxis,
  fixedAxis,
  freeAxis,
  multiplyAxis,
  repeatAxis,
  resolveAxis,
  sliceAxis,
  unifyAxes,
  type Cell,
  type ChannelAxis,
} from '../../src/graph/channelAxis';

/** A number for each cell: how many others were met before it. */
function describeAxes(...axes: ChannelAxis[]): string[] {
  const cells = new Map<Cell, number>();
  return axes.map((axis) =>
    resolveAxis(axis)
      .map(({cell, multiplier}) => {
        const id = cells.get(cell) ?? cells.set(cell, cells.size).get(cell)!;
        return `${cell.fixed ?? id}:${cell.channels}x${multiplier}`;
      })
      .join(' '),
  );
}

describe('axes of channels', () => {
  test('two free axes become one cell', () => {
    const [a, b] = [freeAxis(8), freeAxis(8)];
    unifyAxes(a, b, 'why');
    expect(describeAxes(a, b)).toEqual(['0:8x1', '0:8x1']);
  });

  test('a joined axis takes the other apart where its parts meet', () => {
    const [a, b, whole] = [freeAxis(3), freeAxis(5), freeAxis(8)];
    unifyAxes([...a, ...b], whole, 'why');
    expect(describeAxes(a, b, whole)).toEqual(['0:3x1', '1:5x1', '0:3x1 1:5x1']);
  });

  test('parts that do not meet are taken apart on both sides', () => {
    const [a, b, c, d] = [freeAxis(3), freeAxis(5), freeAxis(5), freeAxis(3)];
    unifyAxes([...a, ...b], [...c, ...d], 'why');
    expect(describeAxes(a, b, c, d)).toEqual(['0:3x1', '1:2x1 2:3x1', '0:3x1 1:2x1', '2:3x1']);
  });

  test('neighbours that move together make others do so', () => {
    const [a, b] = [freeAxis(4), freeAxis(8)];
    unifyAxes(b, multiplyAxis(a, 2), 'why');
    expect(describeAxes(a, b)).toEqual(['0:4x1', '0:4x2']);
  });

  test('steps of 2 and of 3 have steps of 6 in common', () => {
    const [a, b] = [freeAxis(6), freeAxis(4)];
    unifyAxes(multiplyAxis(a, 2), multiplyAxis(b, 3), 'why');
    expect(describeAxes(a, b)).toEqual(['0:2x3', '0:2x2']);
  });

  test('an axis of which two halves are added has both in one order', () => {
    const a = freeAxis(8);
    unifyAxes(sliceAxis(a, 0, 4, 'cut'), sliceAxis(a, 4, 8, 'cut'), 'why');
    expect(describeAxes(a)).toEqual(['0:4x1 0:4x1']);
  });

  test('an axis that is added to itself, moved by one, has all its channels alike but none free', () => {
    const a = freeAxis(8);
    unifyAxes(sliceAxis(a, 0, 7, 'cut'), sliceAxis(a, 1, 8, 'cut'), 'why');
    expect(describeAxes(a)).toEqual([Array(8).fill('0:1x1').join(' ')]);
  });

  test('a cut between neighbours of one channel fixes that channel alone', () => {
    const a = freeAxis(5);
    const part = sliceAxis(multiplyAxis(a, 2), 0, 5, 'torn');
    expect(describeAxes(a, part)).toEqual(['0:2x1 torn:1x1 2:2x1', '0:2x2 torn:1x1']);
  });

  test('what is fixed fixes what must be equal to it, and no more', () => {
    const [a, b] = [freeAxis(6), freeAxis(8)];
    unifyAxes([...fixedAxis(2, 'fixed'), ...a], b, 'why');
    expect(describeAxes(a, b)).toEqual(['0:6x1', 'fixed:2x1 0:6x1']);
    fixAxis(sliceAxis(a, 4, 6, 'cut'), 'late');
    expect(describeAxes(b)).toEqual(['fixed:2x1 1:4x1 late:2x1']);
  });

  test('a repeated axis keeps its repeats together', () => {
    const [a, whole] = [freeAxis(4), freeAxis(12)];
    unifyAxes(whole, repeatAxis(a, 3), 'why');
    expect(describeAxes(a, whole)).toEqual(['0:4x1', '0:4x1 0:4x1 0:4x1']);
    fixAxis(sliceAxis(whole, 5, 6, 'cut'), 'one');
    expect(describeAxes(a)).toEqual(['0:1x1 one:1x1 2:2x1']);
  });

  test('after any demands all of them hold, and equal demands change nothing', () => {
    const run = fc.record({channels: fc.integer({min: 1, max: 4}), multiplier: fc.integer({min: 1, max: 3})});
    const demand = fc.record({
      kind: fc.constantFrom('unify', 'slice', 'fix'),
      axes: fc.tuple(fc.nat(), fc.nat()),
      places: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    });
    let cutAxes = 0;
    fc.assert(
      fc.property(
        fc.array(fc.array(run, {minLength: 1, maxLength: 3}), {minLength: 2, maxLength: 5}),
        fc.array(demand),
        (shapes, demands) => {
          const axes = shapes.map((runs) =>
            runs.flatMap(({channels, multiplier}) => multiplyAxis(freeAxis(channels), multiplier)),
          );
          const lengths = axes.map(axisLength);
          const equal: Array<[ChannelAxis, ChannelAxis]> = [];
          for (const {
            kind,
            axes: [i, j],
            places: [p, q, n],
          } of demands) {
            const [a, b] = [axes[i % axes.length], axes[j % axes.length]];
            const size = 1 + (n % Math.min(axisLength(a), axisLength(b)));
            const x = sliceAxis(a, p % (axisLength(a) - size + 1), (p % (axisLength(a) - size + 1)) + size, 'cut');
            if (kind === 'fix') fixAxis(x, 'fixed');
            if (kind !== 'unify') continue;
            const y = sliceAxis(b, q % (axisLength(b) - size + 1), (q % (axisLength(b) - size + 1)) + size, 'cut');
            unifyAxes(x, y, 'unified');
            equal.push([x, y]);
          }
          expect(axes.map(axisLength)).toEqual(lengths);
          // Entry by entry: fixed on both sides or the same channel of the same cell.
          const entries = (axis: ChannelAxis) =>
            resolveAxis(axis).flatMap(({cell, multiplier}) =>
              Array.from({length: cell.channels * multiplier}, (_, entry) => ({cell, entry, multiplier})),
            );
          for (const [x, y] of equal) {
            const other = entries(y);
            entries(x).forEach(({cell, entry, multiplier}, i) => {
              if (cell.fixed !== undefined) expect(other[i].cell.fixed).toBeDefined();
              else
                expect([other[i].cell === cell, other[i].entry, other[i].multiplier]).toEqual([
                  true,
                  entry,
                  multiplier,
                ]);
            });
          }
          const before = describeAxes(...axes);
          for (const [x, y] of equal) unifyAxes(x, y, 'again');
          expect(describeAxes(...axes)).toEqual(before);
          if (equal.length > 0) cutAxes++;
        },
      ),
      {numRuns: 500},
    );
    expect(cutAxes).toBeGreaterThan(100);
  });
});
