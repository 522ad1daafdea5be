/** The input of a model of images, as its graph declares it. */
import type {io} from '@tensorflow/tfjs-core';
import {readShape} from '../../graph/attributes';
import {ModelGraph} from '../../graph/modelGraph';
import {UserError} from '../errors';
import {IMAGE_CHANNELS} from './decodeImage';

export interface ImageInput {
  /** `null` where any size will do. */
  readonly height: number | null;
  readonly width: number | null;
  readonly channels: number;
  readonly dtype: 'float32' | 'int32';
}

const INTEGERS: readonly unknown[] = ['DT_INT32', 3];

/** @throws UserError where the model has several inputs, or one that takes no images. */
export function imageInput(artifacts: io.ModelArtifacts): ImageInput {
  const graph = ModelGraph.from(artifacts);
  const names = graph.inputNames();
  const alternative = '--calibration takes models of one image; use pruneGraphModel in code';
  if (names.length !== 1) throw new UserError(`the model has the inputs ${names.join(', ')}: ${alternative}`);
  const node = graph.node(names[0]);
  const shape = readShape(node, 'shape');
  if (shape?.length !== 4 || !IMAGE_CHANNELS.includes(shape[3])) {
    const found = shape ? `[${shape.join(', ')}]` : 'a tensor of unknown rank';
    throw new UserError(`input ${node.name} is ${found}, not [n, h, w, 1, 3 or 4]: ${alternative}`);
  }
  const [, height, width] = shape.map((size) => (size > 0 ? size : null));
  const dtype = INTEGERS.includes(node.attr?.dtype?.type) ? 'int32' : 'float32';
  return {height, width, channels: shape[3], dtype};
}
