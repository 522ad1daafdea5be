import type {io} from '@tensorflow/tfjs-core';
import {inferShapes, ModelGraph} from '../../src/graph';
import {findChannelGroups, type ChannelGroups, type GroupedAxis} from '../../src/graph/coupling';
import {stringAttr} from '../../src/graph/attributes';
import {boolAttr, ConvGraphBuilder} from './convGraphs';

function find(artifacts: io.ModelArtifacts): ChannelGroups {
  const graph = ModelGraph.from(artifacts);
  return findChannelGroups(graph, inferShapes(graph));
}

/** A graph that begins with a convolution of 8 channels, 'conv'. */
const start = (): [ConvGraphBuilder, string] => {
  const g = new ConvGraphBuilder();
  return [g, g.conv('conv', g.input('x', [-1, 6, 6, 5]))];
};

/** Producers of each group: 'name', 'name+from', 'name*multiplier'. */
const producersOf = ({groups}: ChannelGroups): string[] =>
  groups.map(({channels, producers}) => {
    const names = producers.map(
      ({name, from, multiplier}) => name + (from ? `+${from}` : '') + (multiplier > 1 ? `*${multiplier}` : ''),
    );
    return `${channels}: ${names.join(', ')}`;
  });

const describeAxes = (axes: readonly GroupedAxis[], {groups}: ChannelGroups): string =>
  axes
    .map(({axis, runs}) => {
      const cells = runs.map(
        ({group, channels, multiplier}) =>
          `${group ? groups.indexOf(group) : '-'}:${channels}${multiplier > 1 ? `x${multiplier}` : ''}`,
      );
      return `${axis}[${cells.join(' ')}]`;
    })
    .join(' ');

const tensorsOf = (found: ChannelGroups): Record<string, string> =>
  Object.fromEntries(
    found.tensors.map(({node, output, axes}) => [node + (output ? `:${output}` : ''), describeAxes(axes, found)]),
  );

const constantsOf = (found: ChannelGroups): Record<string, string> =>
  Object.fromEntries(
    found.constants.map(({weight, uses, axes}) => [
      `${weight} of ${uses.map(({node, slot}) => `${node}/${slot}`).join(', ')}`,
      describeAxes(axes, found),
    ]),
  );

describe('groups of channels', () => {
  test('name every tensor in the new order and every constant that has to follow, with their axes', () => {
    const g = new ConvGraphBuilder();
    const e = g.conv('expand', g.input('x', [-1, 6, 6, 5]), {fused: ['BiasAdd', 'Prelu']});
    const d = g.depthwise('double', e, {multiplier: 2, fused: ['BiasAdd', 'Relu']});
    const mean = g.reduce('mean', 'Mean', d, [1, 2], false);
    const found = find(g.artifacts([g.conv('project', d, {out: 3}), g.matMul('product', mean, 4, true)]));

    expect(producersOf(found)).toEqual(['8: expand']);
    expect(tensorsOf(found)).toEqual({expand: '3[0:8]', double: '3[0:8x2]', mean: '1[0:8x2]'});
    expect(constantsOf(found)).toEqual({
      'expand/filter of expand/1': '3[0:8]',
      'expand/bias of expand/2': '0[0:8]',
      'expand/alpha of expand/3': '2[0:8]',
      'double/filter of double/1': '2[0:8]',
      'double/bias of double/2': '0[0:8x2]',
      'project/filter of project/1': '2[0:8x2]',
      'product/weights of product/1': '1[0:8x2]',
    });
    expect([...found.fixed]).toEqual([
      ['project', "its channels reach 'project', an output of the model"],
      ['product', "its channels reach 'product', an output of the model"],
    ]);
  });

  test('a residual sum makes one group of its addends', () => {
    const [g, a] = start();
    const b = g.conv('b', g.conv('expand', a, {out: 12}));
    const sum = g.add('sum', 'AddV2', [a, b]);
    const c = g.conv('c', sum);
    const found = find(g.artifacts([g.conv('last', g.add('sums', 'AddN', [c, sum, b]), {out: 3})]));
    expect(producersOf(found)).toEqual(['8: conv, b, c', '12: expand']);
  });

  test('a concatenation has a group for each part, a sum with it takes the other addend apart', () => {
    const [g, a] = start();
    const b = g.conv('b', 'x', {out: 4});
    const joined = g.add('joined', 'ConcatV2', [a, b, g.ints('axis', [-1], [])], {}, 12);
    const whole = g.conv('whole', joined, {out: 12});
    const found = find(g.artifacts([g.conv('last', g.add('sum', 'AddV2', [joined, whole], {}, 12), {out: 3})]));
    expect(producersOf(found)).toEqual(['8: conv, whole', '4: b, whole+8']);
    expect(tensorsOf(found)).toMatchObject({joined: '3[0:8 1:4]', whole: '3[0:8 1:4]', sum: '3[0:8 1:4]'});
  });

  test('a split takes its input apart, equal or not', () => {
    const [g, a] = start();
    g.add('halves', 'Split', [g.ints('axis', [3], []), a], {num_split: {i: 2}}, 4);
    const sizes = [g.ints('sizes', [1, -1]), g.ints('axis_v', [-1], [])];
    g.add('parts', 'SplitV', ['halves:1', ...sizes], {num_split: {i: 2}}, 3);
    const outputs = [g.conv('left', 'halves', {out: 2}), g.conv('right', 'parts:1', {out: 2, inputChannels: 3})];
    const found = find(g.artifacts(outputs));
    expect(producersOf(found)).toEqual(['4: conv', '3: conv+5']);
    expect(tensorsOf(found)).toEqual({
      conv: '3[0:4 -:1 1:3]',
      halves: '3[0:4]',
      'halves:1': '3[-:1 1:3]',
      'parts:1': '3[1:3]',
    });
  });

  test('a squeeze-and-excite branch, with either kind of product, belongs to the group that it multiplies', () => {
    for (const kind of ['convolution', 'matrix']) {
      const [g, a] = start();
      const mean = g.reduce('mean', 'Mean', a, [1, 2], kind === 'convolution');
      const squeeze = kind === 'convolution' ? g.conv('squeeze', mean, {out: 4}) : g.matMul('squeeze', mean, 4);
      const relu = g.add('relu', 'Relu', [squeeze]);
      const excite = kind === 'convolution' ? g.conv('excite', relu) : g.matMul('excite', relu, 8, true);
      const gate = g.add('gate', 'Sigmoid', [excite]);
      const wide = kind === 'convolution' ? gate : g.add('wide', 'Reshape', [gate, g.ints('to', [-1, 1, 1, 8])]);
      const found = find(g.artifacts([g.conv('last', g.add('mul', 'Mul', [a, wide]), {out: 3})]));
      expect(producersOf(found)).toEqual(['8: conv, excite', '4: squeeze']);
    }
  });

  test('channels of padding may change places among each other, and a sum with them lets the others do so', () => {
    const [g, a] = start();
    const padded = g.add('pad', 'Pad', [a, g.ints('pads', [0, 0, 0, 0, 0, 0, 0, 4], [4, 2])], {}, 12);
    const sum = g.add('sum', 'AddV2', [padded, g.conv('wider', a, {out: 12})], {}, 12);
    expect(producersOf(find(g.artifacts([g.conv('last', sum, {out: 3})])))).toEqual(['8: conv, wider', '4: wider+8']);
  });

  test('a channel shuffle ties the groups that it mixes', () => {
    const [g, a] = start();
    const parts = g.add('parts', 'Reshape', [a, g.ints('to', [-1, 6, 6, 2, 4])]);
    const swapped = g.add('swapped', 'Transpose', [parts, g.ints('order', [0, 1, 2, 4, 3])]);
    const mixed = g.add('mixed', 'Reshape', [swapped, g.ints('back', [-1, 6, 6, 8])], {}, 8);
    const found = find(g.artifacts([g.conv('last', mixed, {out: 3})]));
    expect(producersOf(found)).toEqual(['4: conv, conv+4']);
    expect(tensorsOf(found)).toEqual({
      conv: '3[0:4 0:4]',
      parts: '4[0:4]',
      swapped: '3[0:4]',
      mixed: '3[0:4x2]',
    });
  });

  test('a flattened image has its channels once a pixel, a pixel shuffle once a pixel of its blocks', () => {
    const [g, a] = start();
    const spread = g.add('spread', 'DepthToSpace', [a], {block_size: {i: 2}, data_format: stringAttr('NHWC')}, 2);
    const flat = g.add('flat', 'Reshape', [g.conv('b', spread, {out: 3}), g.ints('to', [-1, 12 * 12 * 3])], {}, 432);
    const found = find(g.artifacts([g.matMul('dense', flat, 5)]));
    expect(producersOf(found)).toEqual(['2: conv, conv+2, conv+4, conv+6', '3: b']);
    expect(tensorsOf(found).flat).toBe(`1[${Array(144).fill('1:3').join(' ')}]`);
    expect(constantsOf(found)['dense/weights of dense/1']).toBe(`0[${Array(144).fill('1:3').join(' ')}]`);
  });

  test('a flattened image that becomes an image again has its channels where they were', () => {
    const g = new ConvGraphBuilder();
    const conv = g.conv('conv', g.input('x', [-1, 6, 6, 5]), {out: 4});
    const flat = g.add('flat', 'Reshape', [conv, g.ints('to', [-1, 144])], {}, 144);
    const image = g.add('image', 'Reshape', [flat, g.ints('back', [-1, 6, 6, 4])], {}, 4);
    const found = find(g.artifacts([g.conv('last', image)]));
    expect(producersOf(found)).toEqual(['4: conv']);
    expect(tensorsOf(found).image).toBe('3[0:4]');
  });

  test('a dense layer inside the net is a producer, whichever way round its weights are stored', () => {
    const g = new ConvGraphBuilder();
    const a = g.matMul('a', g.input('x', [-1, 5]), 6);
    const b = g.matMul('b', g.add('relu', 'Relu', [a]), 7, true);
    const found = find(g.artifacts([g.matMul('c', b, 3)]));
    expect(producersOf(found)).toEqual(['6: a', '7: b']);
    expect(constantsOf(found)).toEqual({
      'a/weights of a/1': '1[0:6]',
      'b/weights of b/1': '0[1:7] 1[0:6]',
      'c/weights of c/1': '0[1:7]',
    });
  });

  test('filters that several nodes use couple what goes into them and what comes out', () => {
    const g = new ConvGraphBuilder();
    const x = g.input('x', [-1, 6, 6, 5]);
    const filter = g.add('read', 'Identity', [g.floats('shared', [1, 1, 8, 4])]);
    const heads = ['a', 'b'].map((name) => g.conv(`${name}_head`, g.conv(name, x), {filter, out: 4}));
    const found = find(g.artifacts(heads.map((head, i) => g.conv(`last${i}`, head, {out: 2}))));
    expect(producersOf(found)).toEqual(['8: a, b', '4: a_head, b_head']);
    expect(constantsOf(found)['shared of a_head/1, b_head/1']).toBe('2[0:8] 3[1:4]');
  });

  test('channels are followed on whatever axis they are, and two axes of one tensor in two groups', () => {
    const g = new ConvGraphBuilder();
    const c = g.conv('conv', g.input('x', [2, 6, 6, 5]));
    const rows = g.add('rows', 'Reshape', [c, g.ints('to', [2, 36, 8])]);
    const planes = g.add('planes', 'Transpose', [rows, g.ints('order', [0, 2, 1])]);
    const weights = g.floats('weights', [36, 4]);
    const mixed = g.add('mixed', 'BatchMatMulV2', [planes, weights], {}, 4);
    const back = g.add('back', 'Transpose', [mixed, g.ints('order2', [0, 2, 1])]);
    const next = g.add('next', 'BatchMatMulV2', [g.floats('left', [3, 4]), back]);
    const found = find(g.artifacts([g.reduce('out', 'Sum', next, [2], false)]));
    expect(producersOf(found)).toEqual(['8: conv', '4: mixed']);
    expect(tensorsOf(found)).toMatchObject({
      planes: '1[0:8]',
      mixed: '1[0:8] 2[1:4]',
      back: '1[1:4] 2[0:8]',
      next: '2[0:8]',
    });
  });

  test('a left factor that is transposed has its channels in front', () => {
    const [g, c] = start();
    const dense = g.matMul('dense', g.reduce('mean', 'Mean', c, [1, 2], false), 4);
    const swapped = g.add('swapped', 'MatMul', [dense, g.floats('weights', [2, 3])], {transpose_a: boolAttr(true)});
    const found = find(g.artifacts([g.reduce('out', 'Sum', swapped, [0], false)]));
    expect(producersOf(found)).toEqual(['8: conv', '4: dense']);
    expect(tensorsOf(found).swapped).toBe('0[1:4]');
    expect(found.fixed.get('swapped')).toBe("its channels reach 'out', an output of the model");
  });

  test('a sum or mean over channels has no interest in their order, nor has a Shape or a node that no output needs', () => {
    const [g, c] = start();
    g.add('dead', 'Cumsum', [c]);
    const outputs = [g.add('shape', 'Shape', [c]), g.reduce('mean', 'Mean', c, [3], true)];
    expect(producersOf(find(g.artifacts(outputs)))).toEqual(['8: conv']);
  });
});

describe('channels that keep their order, and why', () => {
  const reasonFor = (g: ConvGraphBuilder, outputs: readonly string[], producer = 'conv'): string | undefined =>
    find(g.artifacts(outputs)).fixed.get(producer);

  test('those that meet control flow or whatever else is not known', () => {
    for (const op of ['Switch', 'NextIteration', 'Cumsum', 'LRN', 'NoSuchOp', 'constructor']) {
      const [g, c] = start();
      const out = g.conv('project', g.add('stop', op, [c]));
      expect(reasonFor(g, [out])).toBe(`'stop' (${op}) depends on their order`);
    }
  });

  test('those in a loop, where a node is used before it is looked at', () => {
    const g = new ConvGraphBuilder();
    const x = g.input('x', [-1, 6, 6, 8]);
    const merge = g.add('merge', 'Merge', [x, 'next']);
    const c = g.conv('conv', merge, {inputChannels: 8});
    g.add('next', 'NextIteration', [c]);
    expect(reasonFor(g, [g.conv('out', c)])).toBe("'next' (NextIteration) depends on their order");
  });

  test('those of convolutions with their channels not last, grouped or without a constant filter', () => {
    const [g, c] = start();
    expect(reasonFor(g, [g.conv('project', c, {dataFormat: 'NCHW'})])).toBe(
      "'project' (Conv2D) does not have its channels last (NHWC)",
    );
    const [h, d] = start();
    expect(reasonFor(h, [h.conv('grouped', d, {filter: h.floats('filter', [1, 1, 4, 6]), out: 6})])).toBe(
      "'grouped' (Conv2D) is grouped or of an unexpected shape",
    );
    const [k, e] = start();
    const computed = k.add('computed', 'Neg', [k.floats('raw', [1, 1, 8, 2])]);
    const outputs = [k.conv('project', e, {filter: computed, out: 2})];
    expect(reasonFor(k, outputs)).toBe("'project' (Conv2D) has no constant filter");
    expect(reasonFor(k, outputs, 'project')).toBe("'project' (Conv2D) has no constant filter");
  });

  test('those that come as anything but the data', () => {
    const [g, c] = start();
    const resized = g.add('resize', 'ResizeBilinear', [g.floats('image', [1, 2, 2, 1]), c]);
    expect(reasonFor(g, [g.add('out', 'Relu', [resized])])).toBe("'resize' (ResizeBilinear) depends on their order");
  });

  test('those of a tensor of unknown rank in a sum or product', () => {
    const [g, c] = start();
    const product = g.matMul('product', g.add('squeezed', 'Squeeze', [c]), 3);
    expect(reasonFor(g, [product])).toBe("'squeezed' (Squeeze) may remove the channel axis");
    const [h, d] = start();
    expect(reasonFor(h, [h.conv('last', h.add('sum', 'AddV2', [d, h.add('odd', 'NoSuchOp', [])]))])).toBe(
      "'sum' (AddV2) has an input of unknown rank",
    );
  });

  test('those that are added to what does not come from a producer', () => {
    const g = new ConvGraphBuilder();
    const x = g.input('x', [-1, 6, 6, 8]);
    const sum = g.add('sum', 'AddV2', [x, g.conv('conv', x)]);
    expect(reasonFor(g, [g.conv('last', sum)])).toBe("'sum' (AddV2) couples its channels with those of 'x'");
  });

  test('those that reach an output or input of the model, a library function, or share an order with such', () => {
    const [g, c] = start();
    const sum = g.add('sum', 'AddV2', [c, g.conv('other', 'x', {inputChannels: 5})]);
    const artifacts = g.artifacts([g.conv('project', g.add('relu', 'Relu', [sum]))]);
    const library = {function: [{nodeDef: [{name: 'relu', op: 'Relu'}]}]};
    const pinned = find({...artifacts, modelTopology: {...artifacts.modelTopology, library}});
    for (const name of ['conv', 'other']) {
      expect(pinned.fixed.get(name)).toBe("'relu' is used by a library function or the initializer");
    }
    const signature = {inputs: {x: {name: 'x:0'}, y: {name: 'relu:0'}}, outputs: {project: {name: 'project:0'}}};
    expect(find({...artifacts, signature}).fixed.get('conv')).toBe("'relu' is an input of the model");
    expect(find(artifacts).fixed.get('project')).toBe("its channels reach 'project', an output of the model");
  });

  test('those of a single channel', () => {
    const g = new ConvGraphBuilder();
    const one = g.conv('one', g.input('x', [-1, 6, 6, 5]), {out: 1});
    expect(reasonFor(g, [g.conv('last', one)], 'one')).toMatch(/'one' has no two output channels/);
  });

  test('those that a filter of another type, a constant or a node of several outputs is in the way of', () => {
    const [g, c] = start();
    const odd = g.add('odd', 'Mul', [c, g.floats('constant', [7])]);
    expect(reasonFor(g, [g.conv('last', odd)])).toBe("'odd' (Mul) has an input 1 that is not per channel");
    const [h, d] = start();
    h.batchNorm('norm', d);
    const outputs = [h.conv('left', 'norm'), h.add('right', 'Neg', ['norm:1'])];
    expect(reasonFor(h, outputs)).toBe("'right' uses output 1 of 'norm'");
  });
});
