import {DEFAULT_OUTPUT_PIXELS, inspectModel, pruneArtifacts} from '../../src/graph';
import {choosePath} from '../../src/plan';
import {blockStatistics} from '../../src/packed';
import {WeightStore} from '../../src/graph/weights';
import {ConvGraphBuilder} from './convGraphs';

function model(size = 8) {
  const g = new ConvGraphBuilder(5);
  const stem = g.conv('stem', g.input('x', [-1, size, size, 3]), {k: 3, stride: 2, out: 16, fused: ['Relu']});
  const inner = g.conv('inner', g.depthwise('depthwise', stem), {out: 40});
  const mean = g.reduce('mean', 'Mean', inner, [1, 2], false);
  return g.artifacts([g.matMul('classifier', mean, 10, true)]);
}

describe('inspectModel', () => {
  test('lists convolutions and products with shape, zeros, blocks and pixels, as plain data', () => {
    const {artifacts} = pruneArtifacts(model(), {n: 4, sparsity: 0.5, rearrange: false, layers: ['inner']});
    const inspection = inspectModel(artifacts);
    expect(inspection.layers.map(({name, op, shape, outputPixels}) => ({name, op, shape, outputPixels}))).toEqual([
      {name: 'stem', op: '_FusedConv2D', shape: [3, 3, 3, 16], outputPixels: 16},
      {name: 'inner', op: 'Conv2D', shape: [1, 1, 16, 40], outputPixels: 16},
      {name: 'classifier', op: 'MatMul', shape: [1, 1, 40, 10], outputPixels: 1},
    ]);
    const [stem, inner] = inspection.layers;
    expect(stem).toMatchObject({
      zeros: 0,
      weights: 432,
      blocks: {1: {nonzero: 48, all: 48}, 4: {nonzero: 12, all: 12}},
    });
    expect(inner).toMatchObject({zeros: 320, weights: 640, outputPixelsKnown: true});
    expect(inner.blocks[1]).toEqual({nonzero: 320, all: 640});
    expect(inner.blocks[4]).toEqual({nonzero: 80, all: 160});
    expect(inner.blocks[8].nonzero).toBeGreaterThan(40);
    expect(JSON.parse(JSON.stringify(inspection))).toEqual(inspection);
  });

  test('reports what the cost model chooses for these weights, pixels and variant', () => {
    const artifacts = model();
    const filter = {kh: 1, kw: 1, inChannels: 16, outChannels: 40};
    const values = new WeightStore(artifacts.weightSpecs, artifacts.weightData).floats('inner/filter');
    for (const variant of ['relaxed', 'simd128'] as const) {
      const expected = choosePath({filter, outputPixels: 16}, blockStatistics(values, filter), variant);
      const inspection = inspectModel(artifacts, {variant});
      expect(inspection.variant).toBe(variant);
      expect(inspection.layers[1]).toMatchObject(expected);
    }
  });

  test("reports Winograd's algorithm where it can run: 3x3, at stride 1, with many pixels, known or not", () => {
    const pathsOf = (size: number) => {
      const g = new ConvGraphBuilder(5);
      const x = g.input('x', [-1, size, size, 32]);
      const layers = [g.conv('a', x, {k: 3, out: 32}), g.conv('b', x, {k: 3, out: 32, stride: 2}), g.conv('c', x)];
      return inspectModel(g.artifacts(layers), {variant: 'simd128'}).layers.map(({path}) => path.kind);
    };
    expect(pathsOf(20)).toEqual(['winograd', 'dense', 'dense']);
    expect(pathsOf(-1)).toEqual(['winograd', 'dense', 'dense']);
    expect(pathsOf(4)[0]).toBe('dense');
  });

  test('takes input shapes, batch included, and says where pixels are not known', () => {
    const unknown = inspectModel(model(-1)).layers[1];
    expect(unknown).toMatchObject({outputPixels: DEFAULT_OUTPUT_PIXELS, outputPixelsKnown: false});
    const known = inspectModel(model(-1), {inputShapes: {x: [2, 20, 10, 3]}}).layers;
    expect(known.map((layer) => layer.outputPixels)).toEqual([100, 100, 2]);
    expect(() => inspectModel(model(), {inputShapes: {y: [1]}})).toThrow(/'y'/);
  });
});
