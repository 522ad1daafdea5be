// The commands that run models: bench and compare.
import path from 'node:path';
import {writeSmallModel} from '../bench/smallModel';
import {ConvGraphBuilder} from '../graph/convGraphs';
import {callCli, callForJson, expectOneLine, smallClassifier, withModel, writeModel} from '../support/commandLine';
import {readModel} from '../support/realModels';
import {pruneArtifacts} from '../../src/graph';

interface Difference {
  readonly output: string;
  readonly maxAbsDifference: number | null;
  readonly range: number;
  readonly relative: number | null;
  readonly top1Agreement: number | null;
  readonly problem: string | null;
}

interface Compared {
  readonly inputs: {readonly shape: number[]}[];
  readonly outputs: Difference[];
}

interface Timed {
  readonly engines: {
    readonly engine: string;
    readonly threads: number;
    readonly minMs: number;
    readonly medianMs: number;
  }[];
  readonly ratios: {readonly min: number; readonly median: number};
  readonly pruned: object | null;
  readonly outputs: Difference[];
}

let folder: string;
let model: string;
/** Its outputs depend on values in shape, so that only `executeAsync` can run it. */
let dynamic: string;

withModel(smallClassifier, (made) => ({folder, model} = made));
beforeAll(() => {
  dynamic = writeSmallModel(folder);
});

describe('blocksparse-1xn compare', () => {
  test.each(['blocksparse-1xn', 'wasm', 'cpu'])('finds a model equal to itself on %s', (backend) => {
    const {inputs, outputs} = callForJson<Compared>(['compare', model, model, '--backend', backend, '--samples', '2']);
    expect(inputs).toMatchObject([{name: 'image', shape: [1, 12, 12, 3]}]);
    expect(outputs).toMatchObject([
      {output: 'scores', maxAbsDifference: 0, relative: 0, top1Agreement: 1, problem: null},
    ]);
    expect(outputs[0].range).toBeGreaterThan(0);
  });

  test('finds a rearranged model equal within rounding, and a pruned one apart', () => {
    const write = (name: string, sparsity: number) =>
      writeModel(path.join(folder, name), pruneArtifacts(readModel(model), {sparsity}).artifacts);
    const [rearranged] = callForJson<Compared>(['compare', model, write('rearranged', 0)]).outputs;
    expect(rearranged.maxAbsDifference).toBeGreaterThan(0);
    expect(rearranged.relative).toBeLessThan(1e-5);
    const args = ['compare', model, write('pruned', 0.5), '--seed', '3'];
    const [pruned] = callForJson<Compared>(args).outputs;
    expect(pruned.relative).toBeGreaterThan(1e-2);
    expect(pruned.relative).toBe(pruned.maxAbsDifference! / pruned.range);
    expect(callForJson<Compared>(args).outputs).toEqual([pruned]);
    expect(callForJson<Compared>(['compare', model, path.join(folder, 'pruned')]).outputs).not.toEqual([pruned]);
  });

  test('prints a row for each output', () => {
    const {stdout, status} = callCli(['compare', model, model]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/scores .* 1×10 .* 0\.00 .* 100% /);
    expect(stdout).toContain('Differences over 4 random inputs on blocksparse-1xn.');
  });

  test('says where shapes differ, which are known to a run alone', () => {
    const other = readModel(dynamic);
    const negated = new Float32Array(other.weightData).map((value, i) => (i < 216 ? -value : value));
    const path2 = writeModel(path.join(folder, 'other'), {...other, weightData: negated.buffer});
    const [{output, maxAbsDifference, relative, problem}] = callForJson<Compared>(['compare', dynamic, path2]).outputs;
    expect([output, maxAbsDifference, relative]).toEqual(['places', null, null]);
    expect(problem).toMatch(/^shapes differ: \[\d+, 4\] and \[\d+, 4\]$/);
  });

  test('refuses models of other inputs or outputs', () => {
    expectOneLine(callCli(['compare', model, dynamic]), 1, /different outputs and cannot be compared: scores; places/);
  });
});

describe('blocksparse-1xn bench', () => {
  test('times stock and ours, and compares their outputs', () => {
    const {engines, ratios, pruned, outputs} = callForJson<Timed>(['bench', model, '--runs', '3']);
    expect(engines).toMatchObject([
      {engine: 'blocksparse-1xn', threads: 1},
      {engine: 'tfjs-wasm', threads: 1},
    ]);
    for (const {minMs, medianMs} of engines) {
      expect(minMs).toBeGreaterThan(0);
      expect(medianMs).toBeGreaterThanOrEqual(minMs);
    }
    expect(ratios.min).toBeCloseTo(engines[1].minMs / engines[0].minMs, 2);
    expect(ratios.median).toBeCloseTo(engines[1].medianMs / engines[0].medianMs, 2);
    expect(pruned).toBeNull();
    expect(outputs).toMatchObject([{output: 'scores', problem: null, top1Agreement: 1}]);
    expect(outputs[0].relative).toBeLessThan(1e-5);
  });

  test('prunes the model for both first where a rate is given, and takes threads', () => {
    const args = ['bench', model, '--runs', '1', '--threads', '2', '--n', '8', '--sparsity', '0.5'];
    const {engines, pruned, outputs} = callForJson<Timed>(args);
    expect(pruned).toMatchObject({n: 8, sparsity: 0.5});
    expect(engines.map(({threads}) => threads)).toEqual([2, 1]);
    expect(outputs[0].relative).toBeLessThan(1e-5);
  });

  test('runs a model that only executeAsync can run, and prints a table', () => {
    const {stdout, status} = callCli(['bench', dynamic, '--runs', '1']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/blocksparse-1xn +│ +1 │ +\d+\.\d\d │/);
    expect(stdout).toMatch(/Stock takes \d+\.\d\d times as long/);
    expect(stdout).toMatch(/places .* 0\.00 /);
  });

  test('settles dimensions that the model leaves open, and takes others', () => {
    const graph = new ConvGraphBuilder();
    const image = graph.input('image', [-1, -1, -1, 3]);
    const open = writeModel(path.join(folder, 'open'), graph.artifacts([graph.conv('conv', image, {k: 3, out: 4})]));
    const shapeOf = (...args: string[]) =>
      callForJson<Compared>(['bench', open, '--runs', '1', ...args]).inputs[0].shape;
    expect(shapeOf()).toEqual([1, 224, 224, 3]);
    expect(shapeOf('--input', 'image=2,16,20,3')).toEqual([2, 16, 20, 3]);
  });
});
