import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import {ModelGraph, parseRef} from '../../src/graph';
import {WeightStore} from '../../src/graph/weights';
import {artifactsOf, node, nodesOf, placeholder, randomWeight, run, weight} from './smallGraphs';

/** x -> add(b) -> relu -> out, with a node beside it that nothing needs. */
const chain = (signature = {outputs: {result: {name: 'out:0'}}}): tf.io.ModelArtifacts =>
  artifactsOf(
    [
      placeholder('x', [-1, 2]),
      node('add', 'AddV2', ['x', 'b']),
      node('relu', 'Relu', ['add']),
      node('out', 'Mul', ['relu', 'relu:0']),
      node('spare', 'Neg', ['add']),
    ],
    {b: weight([1, -2])},
    signature,
  );

describe('parseRef', () => {
  it('reads plain names, outputs, named outputs and control inputs', () => {
    expect(parseRef('a/b')).toEqual({node: 'a/b', output: 0, control: false});
    expect(parseRef('a:1')).toEqual({node: 'a', output: 1, control: false});
    expect(parseRef('f:out:2')).toEqual({node: 'f', output: 2, control: false});
    expect(parseRef('^a')).toEqual({node: 'a', output: 0, control: true});
  });
});

describe('ModelGraph', () => {
  it('counts only nodes that an output needs as consumers', () => {
    const graph = ModelGraph.from(chain());
    expect(graph.consumers('add').map((use) => use.node.name)).toEqual(['relu']);
    expect(graph.allConsumers('add').map((use) => use.node.name)).toEqual(['relu', 'spare']);
    expect(graph.consumers('relu').map((use) => use.slot)).toEqual([0, 1]);
    expect(graph.isLive('spare')).toBe(false);
    expect(graph.isOutput('out')).toBe(true);
    expect(graph.inputNames()).toEqual(['x']);
  });

  it('keeps liveness right while nodes are replaced, added, renamed and removed', () => {
    const graph = ModelGraph.from(chain());
    graph.replaceNode(node('out', 'Neg', ['x']));
    expect(['relu', 'add', 'b'].map((name) => graph.isLive(name))).toEqual([false, false, false]);
    expect(graph.isLive('x')).toBe(true);
    graph.replaceNode(node('out', 'Neg', ['relu']));
    expect(['relu', 'add', 'b', 'x'].every((name) => graph.isLive(name))).toBe(true);
    graph.renameNode('add', 'sum');
    expect(graph.node('relu').input).toEqual(['sum']);
    expect(graph.node('spare').input).toEqual(['sum']);
    expect(graph.consumers('sum').map((use) => use.node.name)).toEqual(['relu']);
    expect(graph.hasNode('add')).toBe(false);
    graph.removeNode('spare');
    expect(graph.allConsumers('sum')).toHaveLength(1);
  });

  it('takes nodes in a loop of control flow for live', () => {
    const graph = ModelGraph.from(
      artifactsOf(
        [
          placeholder('x', [1]),
          node('merge', 'Merge', ['x', 'next']),
          node('next', 'NextIteration', ['body']),
          node('body', 'Neg', ['merge']),
          node('exit', 'Exit', ['merge']),
        ],
        {},
        {outputs: {exit: {name: 'exit'}}},
      ),
    );
    expect(['merge', 'next', 'body', 'x'].every((name) => graph.isLive(name))).toBe(true);
  });

  it('leaves the given artifacts and untouched weights as they are', () => {
    const artifacts = {...chain(), userDefinedMetadata: {author: {name: 'somebody'}}, generatedBy: 'a test'};
    const before = JSON.stringify(artifacts.modelTopology);
    const graph = ModelGraph.from(artifacts);
    expect(graph.toArtifacts()).toEqual(artifacts);
    expect(graph.toArtifacts().weightData).toBe(artifacts.weightData);
    graph.setWeight('b', Float32Array.of(3, 4), [2]);
    graph.addWeight('c', Float32Array.of(5), [1]);
    graph.replaceNode(node('relu', 'Mul', ['add', 'c']));
    const after = graph.toArtifacts();
    expect(JSON.stringify(artifacts.modelTopology)).toBe(before);
    expect(after).toMatchObject({generatedBy: 'a test', userDefinedMetadata: {author: {name: 'somebody'}}});
    const [result] = run(after, {x: tf.tensor2d([[1, 1]])});
    expect([...result]).toEqual([400, 625]);
  });

  it('takes nodes without consumers for outputs where there is no signature, and writes them down once more appear', () => {
    const artifacts = artifactsOf([placeholder('x', [1]), node('b', 'Neg', ['x']), node('a', 'Relu', ['x'])], {});
    const graph = ModelGraph.from(artifacts);
    expect(graph.outputNames()).toEqual(['b', 'a']);
    expect(graph.toArtifacts().signature).toBeUndefined();
    graph.addNode(node('dormant', 'Abs', ['x']));
    expect(graph.outputNames()).toEqual(['b', 'a']);
    expect(graph.isLive('dormant')).toBe(false);
    expect(graph.toArtifacts().signature).toEqual({outputs: {b: {name: 'b'}, a: {name: 'a'}}});
  });

  it('completes a signature without outputs where tfjs reads it', () => {
    const signature = {inputs: {image: {name: 'x:0'}}};
    const artifacts = {
      ...artifactsOf([placeholder('x', [1]), node('y', 'Neg', ['x'])], {}),
      userDefinedMetadata: {signature},
    };
    const graph = ModelGraph.from(artifacts);
    graph.addNode(node('dormant', 'Abs', ['x']));
    expect(graph.inputNames()).toEqual(['x']);
    expect(graph.toArtifacts().signature).toBeUndefined();
    expect(graph.toArtifacts().userDefinedMetadata).toEqual({
      signature: {inputs: {image: {name: 'x:0'}}, outputs: {y: {name: 'y'}}},
    });
  });

  it('finds the constant behind a chain of Identity nodes', () => {
    const graph = ModelGraph.from(
      artifactsOf([node('read', 'Identity', ['w']), node('again', 'Identity', ['read']), node('y', 'Neg', ['again'])], {
        w: weight([7]),
      }),
    );
    expect(graph.constantBehind('again')).toBe('w');
    expect(graph.constantBehind('y')).toBeUndefined();
  });

  it('does not let go of weights that the initializer or a library function uses', () => {
    const artifacts = artifactsOf([placeholder('x', [1]), node('y', 'Neg', ['x'])], {
      table: weight([1]),
      w: weight([2]),
    });
    Object.assign(artifacts.modelTopology as object, {library: {function: [{nodeDef: [node('w', 'Const', [])]}]}});
    const graph = ModelGraph.from({...artifacts, modelInitializer: {node: [node('table', 'Const', [])]}});
    expect(graph.isPinned('table') && graph.isPinned('w')).toBe(true);
    expect(() => graph.removeWeight('table')).toThrow(/'table' is used by a library function or the initializer/);
  });

  it('says what is wrong with bad artifacts and bad edits', () => {
    expect(() => ModelGraph.from({})).toThrow(/no graph model/);
    expect(() =>
      ModelGraph.from({...chain(), weightData: undefined, getWeightStream: () => new ReadableStream()}),
    ).toThrow(/still a stream/);
    expect(() => ModelGraph.from({...chain(), weightData: new ArrayBuffer(4)})).toThrow(/'b' ends at byte 8.*only 4/);
    expect(() => ModelGraph.from(artifactsOf([node('y', 'Neg', ['nowhere'])], {}))).toThrow(
      /'y' has the input 'nowhere'/,
    );
    const graph = ModelGraph.from(chain());
    expect(() => graph.node('nowhere')).toThrow(/no node 'nowhere'/);
    expect(() => graph.removeNode('add')).toThrow(/'add' is still used by 'relu'/);
    expect(() => graph.renameNode('out', 'other')).toThrow(/output/);
    expect(() => graph.addNode(node('out', 'Neg', ['x']))).toThrow(/already/);
    expect(() => graph.setWeight('b', new Float32Array(3), [2])).toThrow(/3 values do not fill/);
    expect(() => graph.weightValues('nowhere')).toThrow(/no weight 'nowhere'/);
  });

  it('works through a graph of many thousand nodes without going over it again and again', () => {
    const count = 20_000;
    const nodes = [placeholder('n0', [1])];
    for (let i = 1; i <= count; i++) nodes.push(node(`n${i}`, 'Neg', [`n${i - 1}`]));
    const graph = ModelGraph.from(artifactsOf(nodes, {}));
    // Quadratic work here would be 400 million steps and run into the test's time limit.
    for (let i = 1; i <= count; i++) {
      expect(graph.consumers(`n${i - 1}`)).toHaveLength(1);
      graph.replaceNode(node(`n${i}`, 'Abs', [`n${i - 1}`]));
    }
    expect(graph.isLive('n0')).toBe(true);
  });
});

describe('WeightStore', () => {
  /** Every pattern of 16 bits, weights of all kinds before and after, cut into two buffers at an odd byte. */
  const specs: tf.io.WeightsManifestEntry[] = [
    {name: 'text', shape: [2], dtype: 'string'},
    {name: 'half', shape: [65536], dtype: 'float32', quantization: {dtype: 'float16'}},
    {name: 'flags', shape: [3], dtype: 'bool'},
    {name: 'bytes', shape: [2, 3], dtype: 'float32', quantization: {dtype: 'uint8', scale: 0.1234567, min: -3.21}},
    {name: 'words', shape: [4], dtype: 'float32', quantization: {dtype: 'uint16', scale: 1.7e-5, min: 0.3}},
    {name: 'whole', shape: [3], dtype: 'int32', quantization: {dtype: 'uint8', scale: 2.5, min: -1}},
    {name: 'plain', shape: [], dtype: 'float32'},
    {name: 'ints', shape: [2], dtype: 'int32'},
  ];
  const parts = [
    [2, 0, 0, 0, 104, 105, 0, 0, 0, 0],
    new Uint8Array(Uint16Array.from({length: 65536}, (_, i) => i).buffer),
    [1, 0, 1],
    [0, 1, 2, 100, 254, 255],
    new Uint8Array(Uint16Array.of(0, 1, 40000, 65535).buffer),
    [0, 3, 255],
    new Uint8Array(Float32Array.of(Math.PI).buffer),
    new Uint8Array(Int32Array.of(-5, 2 ** 30 + 1).buffer),
  ];
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  const data = [bytes.slice(0, 70001).buffer, bytes.slice(70001).buffer];

  it('decodes every kind of weight to the bits that tfjs decodes it to', async () => {
    await tf.setBackend('cpu');
    const expected = tf.io.decodeWeights(data, specs) as tf.NamedTensorMap;
    const store = new WeightStore(specs, data);
    for (const name of ['half', 'bytes', 'words', 'plain']) {
      const ours = store.floats(name);
      const theirs = expected[name].dataSync();
      expect(ours.length).toBe(theirs.length);
      ours.forEach((value, i) => {
        if (!Object.is(value, theirs[i])) throw new Error(`${name}[${i}]: ${value} is not ${theirs[i]}`);
      });
    }
    for (const name of ['whole', 'ints']) expect([...store.ints(name)]).toEqual([...expected[name].dataSync()]);
    tf.dispose(expected);
  });

  it('passes on the bytes of weights that nobody set', async () => {
    const store = new WeightStore(specs, data);
    store.set('bytes', randomWeight([2, 3], 1).values, [2, 3]);
    store.set('new', Int32Array.of(1, 2), [2]);
    store.rename('flags', 'signs');
    store.remove('text');
    const {weightSpecs, weightData} = store.encode();
    expect(weightSpecs.map((spec) => spec.name)).toEqual([
      'half',
      'bytes',
      'words',
      'whole',
      'plain',
      'ints',
      'new',
      'signs',
    ]);
    expect(weightSpecs[1]).toEqual({name: 'bytes', shape: [2, 3], dtype: 'float32'});
    expect(weightSpecs[2]).toBe(specs[4]);
    const decoded = tf.io.decodeWeights(weightData, weightSpecs) as tf.NamedTensorMap;
    expect([...decoded.bytes.dataSync()]).toEqual([...randomWeight([2, 3], 1).values]);
    expect([...decoded.signs.dataSync()]).toEqual([1, 0, 1]);
    expect([...decoded.words.dataSync()]).toEqual([...store.floats('words')]);
    tf.dispose(decoded);
  });

  it('refuses to read a weight as what it is not', () => {
    const store = new WeightStore(specs, data);
    expect(() => store.floats('ints')).toThrow(/'ints' is int32, not float32/);
    expect(() => store.ints('half')).toThrow(/'half' is float32, not int32/);
    const broken = new WeightStore(
      [{name: 'w', shape: [1], dtype: 'float32', quantization: {dtype: 'uint8'}}],
      new ArrayBuffer(1),
    );
    expect(() => broken.floats('w')).toThrow(/'w'.*with scale and min/);
  });
});

it('keeps the node list of a model in its order', () => {
  const artifacts = chain();
  const graph = ModelGraph.from(artifacts);
  graph.replaceNode(node('add', 'Sub', ['x', 'b']));
  expect(nodesOf(graph.toArtifacts()).map((n) => n.name)).toEqual(nodesOf(artifacts).map((n) => n.name));
});
