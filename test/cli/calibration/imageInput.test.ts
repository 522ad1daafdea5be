import {imageInput} from '../../../src/cli/calibration/imageInput';
import {typeAttr} from '../../../src/graph/attributes';
import {ConvGraphBuilder} from '../../graph/convGraphs';
import {npmGraphModels, readModel} from '../../support/realModels';

const modelOf = (shape: readonly number[]) => {
  const graph = new ConvGraphBuilder();
  return graph.artifacts([graph.conv('conv', graph.input('image', shape), {out: 4, inputChannels: 3})]);
};

test('an input is read with what it leaves open', () => {
  const any = {channels: 3, dtype: 'float32'};
  expect(imageInput(modelOf([-1, 12, 10, 3]))).toEqual({...any, height: 12, width: 10});
  expect(imageInput(modelOf([4, -1, -1, 3]))).toEqual({...any, height: null, width: null});
});

test('a real model of integers is one', () => {
  const path = npmGraphModels().find((name) => name.endsWith('movenet-lightning.json'))!;
  expect(imageInput(readModel(path))).toEqual({height: 192, width: 192, channels: 3, dtype: 'int32'});
});

test('a model of several inputs is refused with their names', () => {
  const graph = new ConvGraphBuilder();
  const [a, b] = ['left', 'right'].map((name) => graph.input(name, [1, 4, 4, 3]));
  const artifacts = graph.artifacts([graph.add('sum', 'AddV2', [a, b])]);
  expect(() => imageInput(artifacts)).toThrow(/has the inputs left, right: --calibration takes models of one image/);
});

test('an input that takes no images is refused with its shape', () => {
  expect(() => imageInput(modelOf([1, 3, 12, 12]))).toThrow(
    /input image is \[1, 3, 12, 12\], not \[n, h, w, 1, 3 or 4\]/,
  );
  const graph = new ConvGraphBuilder();
  const words = graph.add('words', 'Placeholder', [], {dtype: typeAttr('DT_INT32')});
  const unknown = graph.artifacts([graph.add('same', 'Identity', [words])]);
  expect(() => imageInput(unknown)).toThrow(/input words is a tensor of unknown rank/);
});
