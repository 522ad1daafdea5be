// Real models, pruned to half and packed: the same bits on ours and on stock as without packing, and what they weigh.
import type {GraphModel} from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import {backendInfo, packArtifacts, unpackArtifacts, type PruneOptions} from '../../src';
import {pruneArtifacts} from '../../src/graph';
import {OURS, useVariant} from '../support/backends';
import {expectSameOutputs, load, outputOf, type Output} from '../support/plannedModels';
import {compute, inputsFor, isDynamic, readModel, realGraphModels, sharedGraphModels} from '../support/realModels';
import {describeWhere} from '../support/optional';

const SMALL_BYTES = 3e6;
const HALF: PruneOptions = {n: 4, sparsity: 0.5};

/** Outputs of some inferences: the third of a kind runs as a program. */
async function outputs(artifacts: tf.io.ModelArtifacts, inferences: number): Promise<Output[]> {
  const model = load(artifacts);
  const inputs = inputsFor(model);
  const all: Output[] = [];
  for (let i = 0; i < inferences; i++) all.push(...(await infer(model, inputs, isDynamic(artifacts))));
  tf.dispose(inputs);
  model.dispose();
  return all;
}

async function infer(model: GraphModel, inputs: tf.NamedTensorMap, dynamic: boolean): Promise<Output[]> {
  const tensors = await compute(model, inputs, dynamic);
  const results = tensors.map(outputOf);
  tf.dispose(tensors);
  return results;
}

const bytesOf = ({weightData}: tf.io.ModelArtifacts) => (weightData as ArrayBuffer).byteLength;

beforeAll(() => useVariant('relaxed'));

describe.each(realGraphModels())('%s', (_, path) => {
  test('packed gives the bits of the pruned model, on ours and on stock, and leaves nothing behind', async () => {
    const {artifacts: pruned} = pruneArtifacts(readModel(path), HALF);
    const {artifacts: packed, report} = packArtifacts(pruned);
    expect(report.bytesAfter).toBeLessThan(report.bytesBefore);
    // On other backends the model is unpacked at load: small ones tell that the right filters arrive.
    const backends: [string, number][] = bytesOf(pruned) < SMALL_BYTES ? [['wasm', 1]] : [];
    for (const [name, inferences] of [...backends, [OURS, 3]] as [string, number][]) {
      await tf.setBackend(name);
      const expected = await outputs(pruned, inferences);
      const held = () => {
        const {numTensors, numDataBuffers} = tf.memory();
        const {packedFilters, packedBytes, droppedBytes} = backendInfo();
        return {numTensors, numDataBuffers, packedFilters, packedBytes, droppedBytes};
      };
      const before = held();
      expectSameOutputs(await outputs(packed, inferences), expected, name);
      expect(held()).toEqual(before);
    }
  });
});

const mobileNet = sharedGraphModels().find((path) => path.includes('mobilenet_v2_1.0_224/'));
describeWhere(mobileNet !== undefined, 'mobilenet_v2_1.0_224 of ../shared is absent')(
  'MobileNetV2 with half of its 1x4 blocks',
  () => {
    const shares = (options: PruneOptions) => {
      const dense = readModel(mobileNet!);
      const {artifacts: pruned} = pruneArtifacts(dense, options);
      const [whole, half] = [false, true].map((float16) => packArtifacts(pruned, {float16}));
      const [full, halves] = [whole, half].map(({artifacts}) => bytesOf(artifacts) / bytesOf(dense));
      console.log(
        `${JSON.stringify(options)}: ${full.toFixed(3)}, float16 ${halves.toFixed(3)} of the dense file, error of ` +
          `float16 at most ${half.report.float16Error.toExponential(1)} of a filter's largest value`,
      );
      expect(Buffer.from(unpackArtifacts(whole.artifacts).weightData as ArrayBuffer)).toHaveLength(bytesOf(pruned));
      return [full, halves];
    };

    test('takes 0.78 of the file at most, half of it as float16', () => {
      const [full, halves] = shares(HALF);
      expect(full).toBeLessThanOrEqual(0.78);
      expect(halves).toBeLessThanOrEqual(0.39);
    });

    test('takes 0.6 at most with the classifier pruned, half of it as float16', () => {
      const [full, halves] = shares({...HALF, classifier: true});
      expect(full).toBeLessThanOrEqual(0.6);
      expect(halves).toBeLessThanOrEqual(0.3);
    });
  },
);
