import {loadGraphModelSync, type GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {callKernelsDirectly} from '../../src/graph';
import {configure} from '../../src';
import {OURS, useVariant} from '../support/backends';
import {ConvGraphBuilder} from './convGraphs';

/** x -> expand -> depthwise (stride 2) -> project, and side branches that are left to tfjs's functions. */
function artifacts(): tf.io.ModelArtifacts {
  const graph = new ConvGraphBuilder();
  const x = graph.input('x', [-1, -1, -1, -1]);
  graph.add(x, 'Identity', [x], {}, 6);
  const input = graph.add('six', 'Identity', ['x'], {}, 6);
  const expand = graph.conv('expand', input, {out: 12, fused: ['BiasAdd', 'Relu6']});
  const depthwise = graph.depthwise('depthwise', expand, {fused: ['BiasAdd', 'Elu'], stride: 2});
  const project = graph.conv('project', depthwise, {out: 5, k: 3, fused: ['BiasAdd']});
  graph.conv('prelu', input, {out: 4, fused: ['BiasAdd', 'Prelu']});
  graph.conv('plain', input, {out: 4});
  const made = graph.artifacts([project, 'prelu', 'plain']);
  const {node} = made.modelTopology as {node: Array<{name: string; op: string}>};
  node.splice(
    node.findIndex(({name, op}) => name === 'x' && op === 'Identity'),
    1,
  );
  return made;
}

const load = (): GraphModel =>
  loadGraphModelSync(artifacts() as Parameters<typeof loadGraphModelSync>[0]) as GraphModel;

const input = () =>
  tf.tensor4d(
    Float32Array.from({length: 2 * 7 * 5 * 6}, (_, i) => Math.sin(i)),
    [2, 7, 5, 6],
  );

async function valuesOf(model: GraphModel, x: tf.Tensor, fetch?: string[]): Promise<number[][]> {
  const outputs = model.execute(x, fetch) as tf.Tensor[];
  const values = await Promise.all(outputs.map(async (output) => [...(await output.data())]));
  tf.dispose(outputs);
  return values;
}

/** Names of the nodes that call their kernels directly. */
function directNodes(model: GraphModel): string[] {
  const {executor} = model as unknown as {executor: {graph: {nodes: Record<string, {category: string}>}}};
  return Object.entries(executor.graph.nodes)
    .filter(([, {category}]) => category === 'custom')
    .map(([name]) => name)
    .sort();
}

describe('a loaded model that calls its kernels directly', () => {
  let plain: GraphModel;
  let direct: GraphModel;

  beforeAll(async () => {
    await useVariant('simd128');
    configure({rewrite: false});
    plain = load();
    configure({rewrite: true});
    direct = load();
  });
  afterAll(() => tf.dispose([plain.weights, direct.weights]));

  it('does so for fused convolutions with a bias, and where rewriting is switched off for none', () => {
    expect(directNodes(direct)).toEqual(['depthwise', 'expand', 'project']);
    expect(directNodes(plain)).toEqual([]);
  });

  it.each([OURS, 'wasm', 'cpu'])('computes the same bits on %s, at its outputs and at inner nodes', async (backend) => {
    await tf.setBackend(backend);
    const x = input();
    const nodes = ['expand', 'depthwise', 'project', 'prelu', 'plain'];
    expect(await valuesOf(direct, x, nodes)).toEqual(await valuesOf(plain, x, nodes));
    const before = tf.memory().numTensors;
    await valuesOf(direct, x);
    expect(tf.memory().numTensors).toBe(before);
    x.dispose();
    await tf.setBackend(OURS);
  });

  it('calls the kernels that tf.profile showed before, without the functions of tfjs around them', async () => {
    const x = input();
    const profile = async (model: GraphModel) => {
      const {kernels} = await tf.profile(() => model.execute(x, ['project']) as tf.Tensor);
      const shown = kernels.map(({name, inputShapes, outputShapes}) => ({
        name,
        inputShapes: inputShapes.filter(Boolean),
        outputShapes,
      }));
      const isFunction = ({name}: {name: string}) => name.endsWith('__op');
      return {kernels: shown.filter((entry) => !isFunction(entry)), functions: shown.filter(isFunction).length};
    };
    const [before, now] = [await profile(plain), await profile(direct)];
    expect(now.kernels).toEqual(before.kernels);
    expect(now.kernels.length).toBeGreaterThanOrEqual(3);
    expect([before.functions, now.functions]).toEqual([3, 0]);
    x.dispose();
  });

  it('runs what has gradients where a gradient is asked for', async () => {
    const x = input();
    const itself = tf.customGrad((t) => ({value: tf.clone(t as tf.Tensor), gradFunc: (dy: tf.Tensor) => dy}));
    const kernelsOf = (model: GraphModel) => {
      const run = jest.spyOn(tf.engine(), 'runKernel');
      const dx = tf.grad((t) => {
        model.execute(t, ['expand']);
        return itself(t);
      })(x);
      const names = run.mock.calls.map(([name]) => name);
      run.mockRestore();
      dx.dispose();
      return names;
    };
    const names = kernelsOf(direct);
    expect(names).toContain('Conv2D');
    expect(names).toEqual(kernelsOf(plain));
    x.dispose();
  });

  it.each([
    ['another number of channels', () => tf.zeros([1, 4, 4, 7])],
    ['another rank', () => tf.zeros([4, 6])],
  ])('gives the error of tfjs for %s', (_, make) => {
    const x = make();
    const errorOf = (model: GraphModel) => {
      try {
        tf.dispose(model.execute(x, ['expand']));
        return 'none';
      } catch (error) {
        return (error as Error).message;
      }
    };
    expect(errorOf(plain)).not.toBe('none');
    expect(errorOf(direct)).toBe(errorOf(plain));
  });

  it('leaves a model alone whose executor is not as expected', () => {
    expect(() => callKernelsDirectly({} as GraphModel)).not.toThrow();
  });
});
