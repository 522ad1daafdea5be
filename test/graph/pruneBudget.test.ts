// Budgets spread over layers, and N chosen by layer: what the options leave to the scores and the cost model.
import type {io} from '@tensorflow/tfjs-core';
import {inspectModel, pruneArtifacts, type LayerReport, type PruneOptions, type PruneReport} from '../../src/graph';
import type {BlockSize} from '../../src/packed';
import {ConvGraphBuilder} from './convGraphs';

const KINDS = ['macs', 'weights', 'latency'] as const;

/** Layers of 196 to 784 pixels; 'strong' has large weights in half of its input channels, 'tiny' is not worth a rate. */
function network(inputShape: readonly number[] = [-1, 28, 28, 3]): io.ModelArtifacts {
  const g = new ConvGraphBuilder(5);
  const stem = g.conv('stem', g.input('x', inputShape), {k: 3, out: 48, fused: ['BiasAdd', 'Relu']});
  const uneven = Array.from({length: 48 * 96}, (_, i) => Math.cos(i * i) * (Math.floor(i / 96) % 2 ? 1 : 0.01));
  const strong = g.conv('strong', stem, {filter: g.floats('uneven', [1, 1, 48, 96], uneven), out: 96});
  const square = g.conv('square', strong, {k: 3, stride: 2, out: 64, fused: ['BiasAdd', 'Relu']});
  const even = g.conv('even', square, {out: 128, fused: ['BiasAdd', 'Relu']});
  const tiny = g.conv('tiny', even, {out: 8});
  return g.artifacts([g.conv('last', tiny, {out: 96})]);
}

const prune = (options: PruneOptions, artifacts = network()) => pruneArtifacts(artifacts, options).report;
const layer = (report: PruneReport, name: string) => report.layers.find((candidate) => candidate.name === name)!;
const taken = (report: PruneReport) => report.layers.filter(({leftAlone}) => leftAlone === null);
const expectedMs = (artifacts: io.ModelArtifacts, names: readonly string[]) =>
  inspectModel(artifacts)
    .layers.filter(({name}) => names.includes(name.replace('/1xn', '')))
    .reduce((sum, {expectedMs}) => sum + expectedMs, 0);

describe('a budget', () => {
  test.each(KINDS)('of %s is reached, and the report says of what', (kind) => {
    const {artifacts, report} = pruneArtifacts(network(), {sparsity: {[kind]: 0.4} as PruneOptions['sparsity']});
    const budget = report.totals.budget!;
    expect(budget).toMatchObject({kind, asked: 0.4, cap: 0.85});
    expect(Math.abs(budget.reached - 0.4)).toBeLessThan(0.01);
    const prunable = report.layers.filter(({name}) => name !== 'stem' && name !== 'last');
    const names = ['strong', 'square', 'even', 'tiny'].filter((name) => layer(report, name).expectedMsBefore !== null);
    const sum = (key: 'macsBefore' | 'macsAfter' | 'weightsBefore' | 'weightsAfter') =>
      report.layers.filter(({name}) => names.includes(name)).reduce((total, entry) => total + entry[key]!, 0);
    expect(prunable.length).toBe(4);
    expect(budget.macsBefore - budget.macsAfter).toBe(sum('macsBefore') - sum('macsAfter'));
    expect(budget.weightsBefore - budget.weightsAfter).toBe(sum('weightsBefore') - sum('weightsAfter'));
    const reached = {
      macs: 1 - budget.macsAfter / budget.macsBefore,
      weights: 1 - budget.weightsAfter / budget.weightsBefore,
      latency: 1 - budget.expectedMsAfter / budget.expectedMsBefore,
    };
    expect(budget.reached).toBe(reached[kind]);
    // What inspectModel says of the models before and after.
    const chosen = report.layers.filter(({expectedMsBefore}) => expectedMsBefore !== null).map(({name}) => name);
    expect(budget.expectedMsBefore).toBeCloseTo(expectedMs(network(), chosen), 9);
    expect(budget.expectedMsAfter).toBeCloseTo(expectedMs(artifacts, chosen), 9);
  });

  test.each(KINDS)('of %s spends no rate that buys no time, and gives the reason', (kind) => {
    const report = prune({
      sparsity: {[kind]: 0.3} as PruneOptions['sparsity'],
      layers: ['strong', 'square', 'tiny', 'even'],
    });
    for (const {expectedMsBefore, expectedMsAfter} of taken(report)) {
      expect(expectedMsAfter!).toBeLessThan(expectedMsBefore!);
    }
    for (const {leftAlone, expectedMsBefore, expectedMsAfter} of report.layers) {
      if (leftAlone === null || expectedMsBefore === null) continue;
      expect(leftAlone).toMatch(/^(a rate of 0\.\d+ would not make it faster|the budget is met without it)$/);
      expect(expectedMsAfter).toBe(expectedMsBefore);
    }
  });

  test('leaves a layer alone that no rate makes faster', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 28, 28, 3]), {out: 64});
    const artifacts = g.artifacts([g.conv('eights', stem, {out: 128}), g.conv('ones', stem, {out: 16})]);
    // Single weights pay from 40% on.
    const options = {sparsity: {weights: 0.15, cap: 0.2}, n: {eights: 8, ones: 1}} as const;
    const report = prune(options, artifacts);
    expect(layer(report, 'ones').leftAlone).toBe('a rate of 0.2 would not make it faster');
    expect(layer(report, 'ones').weightsAfter).toBe(64 * 16);
    expect(report.totals.budget!.reached).toBeCloseTo(0.15, 2);
    expect(() => prune({...options, sparsity: {weights: 0.19, cap: 0.2}}, artifacts)).toThrow(/at most 17\.\d% can go/);
  });

  test('takes from where least score is lost', () => {
    const report = prune({sparsity: {weights: 0.2}});
    // Half of the input channels of 'strong' hold a hundredth of its weight.
    expect(layer(report, 'strong').sparsity).toBeGreaterThanOrEqual(0.45);
    const others = taken(report).filter(({name}) => name !== 'strong');
    for (const {sparsity} of others) expect(sparsity!).toBeLessThan(layer(report, 'strong').sparsity!);
    const uniform = prune({sparsity: layer(report, 'strong').sparsity!, layers: ['strong']});
    expect(layer(report, 'strong').blocksAfter).toBe(layer(uniform, 'strong').blocksAfter);
  });

  test('keeps at least as much score as one rate for all layers that removes as much', () => {
    const lost = (report: PruneReport) => report.layers.reduce((sum, {l1Kept}) => sum + 1 - l1Kept, 0);
    const uniform = prune({sparsity: 0.4, rearrange: false});
    const {macsBefore, macsAfter} = taken(uniform).reduce(
      (sums, entry) => ({
        macsBefore: sums.macsBefore + entry.macsBefore!,
        macsAfter: sums.macsAfter + entry.macsAfter!,
      }),
      {macsBefore: 0, macsAfter: 0},
    );
    const spread = prune({sparsity: {macs: 1 - macsAfter / macsBefore - 0.005}, rearrange: false});
    expect(lost(spread)).toBeLessThan(lost(uniform));
  });

  test('that cannot be reached is refused with the most that can', () => {
    expect(() => prune({sparsity: {macs: 0.9}})).toThrow(
      /'sparsity' is to remove 90% of the macs, but at most 8[45](\.\d)?% can go .*raise the cap/s,
    );
    expect(() => prune({sparsity: {weights: 0.9, cap: 0.95}})).not.toThrow();
    const report = prune({sparsity: {latency: 0.3, cap: 0.5}});
    for (const {sparsity} of taken(report)) expect(sparsity!).toBeLessThanOrEqual(0.5);
  });

  test('of zero takes nothing, and none is missed where there is nothing to prune', () => {
    const artifacts = network();
    expect(pruneArtifacts(artifacts, {sparsity: {macs: 0}}).artifacts).toBe(artifacts);
    const nothing = pruneArtifacts(artifacts, {sparsity: {macs: 0.5}, layers: []});
    expect(nothing.artifacts).toBe(artifacts);
    expect(nothing.report.totals.budget).toMatchObject({asked: 0.5, reached: 0, macsBefore: 0});
  });

  test('counts what is not zero yet: a pruned model loses its share of the rest', () => {
    const once = pruneArtifacts(network(), {sparsity: {weights: 0.4}, rearrange: false});
    const twice = prune({sparsity: {weights: 0.4}, rearrange: false}, once.artifacts);
    expect(twice.totals.budget!.weightsBefore).toBe(once.report.totals.budget!.weightsAfter);
    expect(Math.abs(twice.totals.budget!.reached - 0.4)).toBeLessThan(0.01);
  });

  test('leaves layers of unknown size alone where it counts pixels, not where it counts weights', () => {
    const unknown = network([-1, -1, -1, 3]);
    for (const kind of ['macs', 'latency'] as const) {
      const report = prune({sparsity: {[kind]: 0.3} as PruneOptions['sparsity']}, unknown);
      expect(layer(report, 'even').leftAlone).toBe(
        'the graph does not tell its output pixels, which the budget counts',
      );
      expect(taken(report)).toEqual([]);
    }
    expect(Math.abs(prune({sparsity: {weights: 0.3}}, unknown).totals.budget!.reached - 0.3)).toBeLessThan(0.01);
  });

  test('leaves a layer alone whose weights are not finite', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 28, 28, 3]), {out: 64});
    const filter = g.floats('broken', [1, 1, 64, 64], [NaN, ...Array<number>(64 * 64 - 1).fill(1)]);
    const broken = g.conv('broken/conv', stem, {filter, out: 64});
    const report = prune({sparsity: {macs: 0.3}}, g.artifacts([g.conv('sound', broken, {out: 64})]));
    expect(layer(report, 'broken/conv').leftAlone).toMatch(/not all finite/);
    expect(layer(report, 'sound').sparsity).toBeGreaterThan(0);
  });

  test('goes with every pattern and criterion, and gives the same bytes again', () => {
    for (const options of [
      {pattern: 'weight'},
      {pattern: 'filter'},
      {criterion: 'random', seed: 4},
      {n: 16},
    ] as const) {
      const once = pruneArtifacts(network(), {sparsity: {macs: 0.4}, ...options});
      expect(Math.abs(once.report.totals.budget!.reached - 0.4)).toBeLessThan(0.02);
      const again = pruneArtifacts(network(), {sparsity: {macs: 0.4}, ...options});
      expect(again.artifacts.weightData).toEqual(once.artifacts.weightData);
      expect(again.report).toEqual(once.report);
    }
  });

  test('is told from rates of layers that are called as budgets are', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 28, 28, 3]), {out: 64});
    const artifacts = g.artifacts([g.conv('macs', stem, {out: 64})]);
    expect(() => prune({sparsity: {macs: 0.5}}, artifacts)).toThrow(/has a layer 'macs', too: give a cap .* function/s);
    expect(prune({sparsity: {macs: 0.5, cap: 0.9}}, artifacts).totals.budget).toMatchObject({kind: 'macs'});
    const byFunction = prune({sparsity: ({name}) => (name === 'macs' ? 0.5 : undefined)}, artifacts);
    expect(byFunction.totals.budget).toBeNull();
    expect(layer(byFunction, 'macs').sparsity).toBe(0.5);
  });
});

describe("N chosen by layer ('auto')", () => {
  const lost = ({l1Kept}: LayerReport) => 1 - l1Kept;

  test('is never expected to take longer than N = 4 at the rate asked, nor to keep less', () => {
    const options = {sparsity: 0.5, rearrange: false} as const;
    const four = prune({...options, n: 4});
    const auto = prune({...options, n: 'auto'});
    const sizes = new Set<BlockSize>();
    for (const entry of taken(auto)) {
      const {artifacts} = pruneArtifacts(network(), {...options, n: 4});
      const time = inspectModel(artifacts).layers.find(({name}) => name === entry.name)!.expectedMs;
      sizes.add(entry.n);
      expect(entry.expectedMsAfter!).toBeLessThanOrEqual(time);
      expect(lost(entry)).toBeLessThanOrEqual(lost(layer(four, entry.name)) + 1e-12);
    }
    expect([...sizes].some((n) => n !== 4)).toBe(true);
  });

  test('is the best of all N, each at the least rate that takes no longer', () => {
    const g = new ConvGraphBuilder(5);
    const stem = g.conv('stem', g.input('x', [-1, 14, 14, 3]), {out: 32});
    const artifacts = g.artifacts([g.conv('even', stem, {out: 64})]);
    const run = (options: PruneOptions) => {
      const {artifacts: pruned, report} = pruneArtifacts(artifacts, {rearrange: false, ...options});
      return {ms: expectedMs(pruned, ['even']), ...layer(report, 'even')};
    };
    const auto = run({sparsity: 0.5, n: 'auto'});
    const limit = run({sparsity: 0.5, n: 4}).ms;
    expect(auto.ms).toBeLessThanOrEqual(limit);
    for (const n of [1, 2, 8, 16, 32] as const) {
      const rates = Array.from({length: 100}, (_, i) => (i + 1) / 100);
      const fits = rates.map((sparsity) => run({sparsity, n})).find(({ms}) => ms <= limit)!;
      expect(lost(fits)).toBeGreaterThanOrEqual(lost(auto) - 1e-9);
      if (n === auto.n) expect(auto.sparsity).toBe(fits.sparsity);
    }
  });

  test('may stand in a map or come from a function, beside numbers', () => {
    const byMap = prune({sparsity: 0.5, n: {even: 'auto', square: 8}});
    const alone = prune({sparsity: 0.5, n: 'auto'});
    expect(layer(byMap, 'even')).toMatchObject({n: layer(alone, 'even').n, sparsity: layer(alone, 'even').sparsity});
    expect(layer(byMap, 'square')).toMatchObject({n: 8, sparsity: 0.5, expectedMsAfter: null});
    const byFunction = prune({sparsity: 0.5, n: ({name}) => (name === 'even' ? 'auto' : undefined)});
    expect(layer(byFunction, 'even')).toMatchObject({n: layer(alone, 'even').n});
    expect(layer(byFunction, 'square')).toMatchObject({n: 4, sparsity: 0.5});
  });

  test('is 4 at the rate asked where the rate buys no time', () => {
    expect(layer(prune({sparsity: 0.01, n: 'auto', layers: ['even']}), 'even')).toMatchObject({n: 4, sparsity: 0.01});
    expect(layer(prune({sparsity: 0, n: 'auto', layers: ['even']}), 'even')).toMatchObject({n: 4, sparsity: 0});
  });

  test.each(KINDS)('meets a budget of %s with less lost than N = 4', (kind) => {
    const sparsity = {[kind]: 0.4} as PruneOptions['sparsity'];
    const auto = prune({sparsity, n: 'auto', rearrange: false});
    const four = prune({sparsity, rearrange: false});
    expect(Math.abs(auto.totals.budget!.reached - 0.4)).toBeLessThan(0.01);
    const total = (report: PruneReport) => report.layers.reduce((sum, entry) => sum + lost(entry), 0);
    // Rates are whole percents: what is lost is known to a thousandth.
    expect(total(auto)).toBeLessThanOrEqual(1.001 * total(four));
  });

  test.each([0.2, 0.4, 0.5])('meets a budget of %s of the time with no more lost than any single N', (latency) => {
    const total = (n: PruneOptions['n']) =>
      prune({sparsity: {latency}, n, rearrange: false}).layers.reduce((sum, entry) => sum + lost(entry), 0);
    const auto = total('auto');
    // Layers that are too thin for larger N are not given them.
    for (const n of [1, 2, 4] as const) expect(auto).toBeLessThanOrEqual(1.001 * total(n));
  });
});
