import {inferShapes, ModelGraph, type Shape} from '../../src/graph';
import {intAttr, intsAttr, stringAttr} from '../../src/graph/attributes';
import {topologicalOrder} from '../../src/graph/topologicalOrder';
import {ConvGraphBuilder} from './convGraphs';

/** Shape of the node that `build` returns, in a graph with the input x. */
function shapeOf(
  build: (g: ConvGraphBuilder, x: string) => string,
  input: readonly number[] = [-1, 9, 7, 4],
  inputShapes?: Record<string, Shape>,
): Shape | undefined {
  const g = new ConvGraphBuilder();
  const out = build(g, g.input('x', input));
  return inferShapes(ModelGraph.from(g.artifacts([out])), inputShapes).get(out);
}

const window = (padding: string, extra = {}) => ({
  strides: intsAttr([1, 2, 2, 1]),
  dilations: intsAttr([1, 1, 1, 1]),
  padding: stringAttr(padding),
  data_format: stringAttr('NHWC'),
  ...extra,
});

describe('shape inference', () => {
  test('knows convolutions of every padding, stride and dilation', () => {
    const conv = (attr: object) =>
      shapeOf((g, x) => g.add('c', 'Conv2D', [x, g.floats('f', [3, 3, 4, 6])], attr as ReturnType<typeof window>));
    expect(conv(window('SAME'))).toEqual([null, 5, 4, 6]);
    expect(conv(window('VALID'))).toEqual([null, 4, 3, 6]);
    const explicit_paddings = intsAttr([0, 0, 1, 2, 0, 1, 0, 0]);
    expect(conv(window('EXPLICIT', {explicit_paddings}))).toEqual([null, 5, 3, 6]);
    expect(conv(window('VALID', {strides: intsAttr([1, 1, 1, 1]), dilations: intsAttr([1, 2, 3, 1])}))).toEqual([
      null,
      5,
      1,
      6,
    ]);
    expect(conv(window('SAME', {data_format: stringAttr('NCHW')}))).toBeUndefined();
  });

  test('knows depthwise convolutions and pools', () => {
    expect(shapeOf((g, x) => g.depthwise('d', x, {multiplier: 3, stride: 2}))).toEqual([null, 5, 4, 12]);
    expect(shapeOf((g, x) => g.pool('p', 'MaxPool', x))).toEqual([null, 5, 4, 4]);
  });

  test('knows broadcasting, concatenation, padding, resizing, reduction', () => {
    expect(shapeOf((g, x) => g.add('m', 'Mul', [g.floats('c', [1, 1, 4]), x]))).toEqual([null, 9, 7, 4]);
    expect(shapeOf((g, x) => g.add('c', 'ConcatV2', [x, g.conv('d', x, {out: 6}), g.ints('axis', [-1], [])]))).toEqual([
      null,
      9,
      7,
      10,
    ]);
    const pads = [0, 0, 1, 2, 3, 4, 0, 0];
    expect(shapeOf((g, x) => g.add('p', 'Pad', [x, g.ints('pads', pads, [4, 2])]))).toEqual([null, 12, 14, 4]);
    expect(shapeOf((g, x) => g.add('r', 'ResizeBilinear', [x, g.ints('size', [3, 5])]))).toEqual([null, 3, 5, 4]);
    expect(shapeOf((g, x) => g.reduce('m', 'Mean', x, [1, -2], false))).toEqual([null, 4]);
    expect(shapeOf((g, x) => g.reduce('m', 'Mean', x, [1, -2], true))).toEqual([null, 1, 1, 4]);
  });

  test('knows reshapes, also those to a size computed from another shape', () => {
    const reshape = (target: number[]) =>
      shapeOf((g, x) => g.add('r', 'Reshape', [x, g.ints('t', target)]), [2, 9, 7, 4]);
    expect(reshape([2, -1])).toEqual([2, 252]);
    expect(reshape([-1, 4])).toEqual([126, 4]);
    expect(shapeOf((g, x) => g.add('r', 'Reshape', [x, g.ints('t', [-1, 4])]))).toEqual([null, 4]);
    const computed = (g: ConvGraphBuilder, x: string) => {
      const [zero, one] = [g.ints('zero', [0]), g.ints('one', [1])];
      const shape = g.add('shape', 'Shape', [x]);
      const attr = {shrink_axis_mask: intAttr(1)};
      const batch = g.add('batch', 'StridedSlice', [shape, zero, one, g.ints('step', [1])], attr);
      const target = g.add('target', 'Pack', [batch, g.ints('a', [63], []), g.ints('b', [4], [])]);
      return g.add('r', 'Reshape', [x, target]);
    };
    expect(shapeOf(computed)).toEqual([null, 63, 4]);
    expect(shapeOf(computed, [5, 9, 7, 4])).toEqual([5, 63, 4]);
  });

  test('knows squeezing, expanding, transposing and moving channels into pixels', () => {
    const axes = {squeeze_dims: intsAttr([1, -2])};
    expect(shapeOf((g, x) => g.add('s', 'Squeeze', [x], axes), [-1, 1, 1, 4])).toEqual([null, 4]);
    expect(shapeOf((g, x) => g.add('s', 'Squeeze', [x]), [2, 1, 3, 1])).toEqual([2, 3]);
    expect(shapeOf((g, x) => g.add('s', 'Squeeze', [x]), [-1, 1, 1, 4])).toBeUndefined();
    expect(shapeOf((g, x) => g.add('e', 'ExpandDims', [x, g.ints('a', [-1], [])]))).toEqual([null, 9, 7, 4, 1]);
    expect(shapeOf((g, x) => g.add('t', 'Transpose', [x, g.ints('p', [0, 3, 1, 2])]))).toEqual([null, 4, 9, 7]);
    expect(shapeOf((g, x) => g.add('d', 'DepthToSpace', [x], {block_size: intAttr(2)}))).toEqual([null, 18, 14, 1]);
  });

  test('knows matrix products, transposed or not', () => {
    expect(shapeOf((g, x) => g.matMul('m', x, 5), [-1, 4])).toEqual([null, 5]);
    expect(shapeOf((g, x) => g.matMul('m', x, 5, true), [3, 4])).toEqual([3, 5]);
  });

  test('takes the shapes that it is given for inputs, and refuses those of other nodes', () => {
    const conv = (g: ConvGraphBuilder, x: string) => g.conv('c', x, {stride: 2});
    expect(shapeOf(conv, [-1, -1, -1, 4])).toEqual([null, null, null, 8]);
    expect(shapeOf(conv, [-1, -1, -1, 4], {x: [2, 64, 33, 4]})).toEqual([2, 32, 17, 8]);
    expect(() => shapeOf(conv, [-1, -1, -1, 4], {y: [1]})).toThrow(/'y', which is no input .* Its inputs: x\./);
    expect(() => shapeOf(conv, [-1, -1, -1, 4], {c: [1]})).toThrow(/'c', which is no input/);
  });

  test('leaves unknown what it does not know', () => {
    expect(shapeOf((g, x) => g.add('s', 'NoSuchOp', [x]))).toBeUndefined();
    expect(shapeOf((g, x) => g.add('s', 'constructor', [x]))).toBeUndefined();
    expect(shapeOf((g, x) => g.add('r', 'Relu', [g.add('s', 'NoSuchOp', [x])]))).toBeUndefined();
    expect(shapeOf((g, x) => g.conv('c', g.add('s', 'NoSuchOp', [x])))).toEqual([null, null, null, 8]);
  });
});

describe('topological order', () => {
  test('puts inputs first in graphs deeper than the call stack, and survives loops', () => {
    const g = new ConvGraphBuilder();
    let last = g.input('x', [1, 2]);
    for (let i = 0; i < 20_000; i++) last = g.add(`n${i}`, 'Neg', [last]);
    g.add('loop_a', 'Merge', [last, 'loop_b']);
    g.add('loop_b', 'NextIteration', ['loop_a']);
    const artifacts = g.artifacts(['loop_b']);
    const nodes = (artifacts.modelTopology as {node: unknown[]}).node;
    const order = topologicalOrder(ModelGraph.from({...artifacts, modelTopology: {node: [...nodes].reverse()}}));
    expect(order).toHaveLength(20_003);
    const position = new Map(order.map((node, i) => [node.name, i]));
    for (let i = 1; i < 20_000; i++) expect(position.get(`n${i - 1}`)! < position.get(`n${i}`)!).toBe(true);
  });
});
