import type {io} from '@tensorflow/tfjs-core';
import {inferShapes, ModelGraph} from '../../src/graph';
import {followChannels} from '../../src/graph/coupling';
import {boolAttr, ConvGraphBuilder} from './convGraphs';

function follow(artifacts: io.ModelArtifacts, producer: string, channels = 8) {
  const graph = ModelGraph.from(artifacts);
  return followChannels(graph, inferShapes(graph), graph.node(producer), channels);
}

const start = (): [ConvGraphBuilder, string] => {
  const g = new ConvGraphBuilder();
  return [g, g.conv('conv', g.input('x', [-1, 6, 6, 5]))];
};

describe('following the channels of a convolution', () => {
  test('names every node in the new order and every constant that has to follow, with its axis', () => {
    const g = new ConvGraphBuilder();
    const e = g.conv('expand', g.input('x', [-1, 6, 6, 5]), {fused: ['BiasAdd', 'Prelu']});
    const d = g.depthwise('double', e, {multiplier: 2, fused: ['BiasAdd', 'Relu']});
    const mean = g.reduce('mean', 'Mean', d, [1, 2], false);
    const artifacts = g.artifacts([g.conv('project', d, {out: 3}), g.matMul('product', mean, 4, true)]);

    const group = follow(artifacts, 'expand');

    expect(group).toMatchObject({producer: 'expand', channels: 8});
    expect('members' in group && [...group.members].sort((a, b) => a.name.localeCompare(b.name))).toEqual([
      {name: 'double', multiplier: 2},
      {name: 'expand', multiplier: 1},
      {name: 'mean', multiplier: 2},
    ]);
    const uses = 'constants' in group ? group.constants.map((use) => ({...use})) : [];
    const byPlace = (a: {node: string; slot: number}, b: {node: string; slot: number}) =>
      a.node.localeCompare(b.node) || a.slot - b.slot;
    expect(uses.sort(byPlace)).toEqual([
      {node: 'double', slot: 1, axis: 2, multiplier: 1},
      {node: 'double', slot: 2, axis: -1, multiplier: 2},
      {node: 'expand', slot: 2, axis: -1, multiplier: 1},
      {node: 'expand', slot: 3, axis: -1, multiplier: 1},
      {node: 'product', slot: 1, axis: 1, multiplier: 2},
      {node: 'project', slot: 1, axis: 2, multiplier: 2},
    ]);
  });

  test('goes past a Shape op, which has no interest in the order, and past nodes that no output needs', () => {
    const [g, c] = start();
    g.add('dead', 'Softmax', [c]);
    const shape = g.add('shape', 'Shape', [c]);
    expect(follow(g.artifacts([shape, g.conv('project', c)]), 'conv')).toHaveProperty('members');
  });

  test('stops at control flow, softmax, transposes and whatever else it does not know', () => {
    for (const op of [
      'Switch',
      'NextIteration',
      'Softmax',
      'Transpose',
      'DepthToSpace',
      'AddN',
      'NoSuchOp',
      'constructor',
    ]) {
      const [g, c] = start();
      const out = g.conv('project', g.add('stop', op, [c]));
      expect(follow(g.artifacts([out]), 'conv')).toEqual({obstacle: `'stop' (${op}) depends on their order`});
    }
  });

  test('stops where the channels are not last', () => {
    const [g, c] = start();
    const out = g.conv('project', c, {dataFormat: 'NCHW'});
    expect(follow(g.artifacts([out]), 'conv')).toEqual({
      obstacle: "'project' (Conv2D) does not have its channels last (NHWC)",
    });
  });

  test('stops where the channels come as anything but the data', () => {
    const [g, c] = start();
    const out = g.add('resize', 'ResizeBilinear', [g.floats('image', [1, 2, 2, 1]), c]);
    expect(follow(g.artifacts([g.add('out', 'Relu', [out])]), 'conv')).toEqual({
      obstacle: "'resize' (ResizeBilinear) depends on their order",
    });
  });

  test('stops at a MatMul over another axis or of an unknown rank', () => {
    const [g, c] = start();
    const mean = g.reduce('mean', 'Mean', c, [1, 2], false);
    const weights = g.floats('weights', [8, 3]);
    const out = g.add('product', 'MatMul', [mean, weights], {transpose_a: boolAttr(true)}, 3);
    expect(follow(g.artifacts([out]), 'conv')).toEqual({
      obstacle: "'product' (MatMul) does not sum over the last axis for certain",
    });
    const [h, d] = start();
    const squeezed = h.add('squeezed', 'Squeeze', [d]);
    expect(follow(h.artifacts([h.matMul('product', squeezed, 3)]), 'conv')).toEqual({
      obstacle: "'product' (MatMul) does not sum over the last axis for certain",
    });
  });

  test('stops at a grouped convolution', () => {
    const [g, c] = start();
    const out = g.conv('grouped', c, {filter: g.floats('filter', [1, 1, 4, 6]), out: 6});
    expect(follow(g.artifacts([out]), 'conv')).toEqual({
      obstacle: "'grouped' (Conv2D) is grouped or of an unexpected shape",
    });
  });

  test('stops at a bias that is no constant and at a constant that is not per channel', () => {
    const [g, c] = start();
    const bias = g.add('bias', 'Neg', [g.floats('raw', [8])]);
    const out = g.add('bias_add', 'BiasAdd', [c, bias]);
    expect(follow(g.artifacts([g.conv('project', out)]), 'conv')).toEqual({
      obstacle: "'bias_add' (BiasAdd) has an input 1 that is no constant",
    });
    const [h, d] = start();
    const wide = h.add('wide', 'Mul', [d, h.floats('constant', [2, 1, 1, 1, 8])]);
    expect(follow(h.artifacts([h.conv('project', wide)]), 'conv')).toEqual({
      obstacle: "'wide' (Mul) has a constant of higher rank",
    });
  });

  test('stops where a library function uses the name of a node on the way', () => {
    const [g, c] = start();
    const artifacts = g.artifacts([g.conv('project', g.add('relu', 'Relu', [c]))]);
    const topology = {...artifacts.modelTopology, library: {function: [{nodeDef: [{name: 'relu', op: 'Relu'}]}]}};
    expect(follow({...artifacts, modelTopology: topology}, 'conv')).toEqual({
      obstacle: "'relu' is used by a library function or the initializer",
    });
  });
});
