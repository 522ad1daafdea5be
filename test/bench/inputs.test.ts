import {callBenchmarkModule} from './benchmarkModule';

interface Plan {
  name: string;
  dtype: 'float32' | 'int32';
  shape: number[];
}

const planInputs = (model: object, options = {}) =>
  callBenchmarkModule<Plan[]>('inputs.mjs', 'planInputs', model, options);
const randomValues = (plan: object) => callBenchmarkModule<ArrayLike<number>>('inputs.mjs', 'randomValues', plan);

describe('the inputs of a benchmark', () => {
  test('get one image of 224 x 224 x 3 where a model leaves all open', () => {
    const model = {inputs: [{name: 'x', shape: [-1, -1, -1, -1], dtype: 'float32'}]};
    expect(planInputs(model)).toEqual([{name: 'x', dtype: 'float32', shape: [1, 224, 224, 3]}]);
  });

  test('keep the sizes that the model states', () => {
    const model = {inputs: [{name: 'x', shape: [-1, 96, 64, 1], dtype: 'float32'}]};
    expect(planInputs(model)[0].shape).toEqual([1, 96, 64, 1]);
  });

  test('take from the signature what the placeholder leaves open', () => {
    const dim = ['1', '320', '200', '3'].map((size) => ({size}));
    const model = {
      inputs: [{name: 'x', shape: [1, -1, -1, 3], dtype: 'int32'}],
      modelSignature: {inputs: {image: {name: 'x:0', tensorShape: {dim}}}},
    };
    expect(planInputs(model)[0].shape).toEqual([1, 320, 200, 3]);
  });

  test('get an image of 128 x 128 for a layers model', () => {
    const model = {inputs: [{name: 'LR', shape: [null, null, null, 3], dtype: 'float32'}]};
    expect(planInputs(model, {format: 'layers'})[0].shape).toEqual([1, 128, 128, 3]);
  });

  test('take the given height and width before those of the signature', () => {
    const dim = ['1', '320', '200', '3'].map((size) => ({size}));
    const model = {
      inputs: [
        {name: 'x', shape: [1, -1, -1, 3], dtype: 'float32'},
        {name: 'scale', shape: [-1], dtype: 'float32'},
      ],
      modelSignature: {inputs: {image: {name: 'x:0', tensorShape: {dim}}}},
    };
    const shapes = planInputs(model, {size: [40, 60]}).map(({shape}) => shape);
    expect(shapes).toEqual([[1, 40, 60, 3], [1]]);
  });

  test('are refused where the model has images of another size than the given one', () => {
    const model = {inputs: [{name: 'x', shape: [-1, 96, 64, 3], dtype: 'float32'}]};
    expect(planInputs(model, {size: [96, 64]})[0].shape).toEqual([1, 96, 64, 3]);
    expect(() => planInputs(model, {size: [64, 96]})).toThrow('--size 64,96: the model takes images of 96,64 only');
  });

  test('are refused with the name of the input where it has no rank or holds strings', () => {
    expect(() => planInputs({inputs: [{name: 'x', dtype: 'float32'}]})).toThrow('input x has no rank');
    expect(() => planInputs({inputs: [{name: 'text', shape: [1], dtype: 'string'}]})).toThrow('input text is string');
  });

  test('are the same on every call, floats within -1 to 1', () => {
    const plan = {name: 'x', shape: [1, 20, 20, 3], dtype: 'float32'};
    const values = Array.from(randomValues(plan));
    expect(values).toEqual(Array.from(randomValues(plan)));
    expect(values).toHaveLength(1200);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(-1);
    expect(Math.min(...values)).toBeLessThan(-0.9);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(Math.max(...values)).toBeGreaterThan(0.9);
  });

  test('are integers of a byte for an integer input', () => {
    const values = Array.from(randomValues({name: 'x', shape: [1, 20, 20, 3], dtype: 'int32'}));
    expect(values.every((value) => Number.isInteger(value) && value >= 0 && value <= 255)).toBe(true);
    expect(new Set(values).size).toBeGreaterThan(200);
  });
});

describe('the inputs of an engine that is no backend of tfjs', () => {
  const plan = {name: 'x', shape: [2, 3, 5, 4], dtype: 'float32'};
  const layOut = (wanted: unknown[]) =>
    callBenchmarkModule<{data: Float32Array; shape: number[]}>('inputs.mjs', 'layOut', plan, wanted);
  const values = randomValues(plan);

  test.each([[[2, 3, 5, 4]], [['batch', 3, 5, 4]], [[-1, -1, -1, -1]]])(
    'are as they are where %p is wanted',
    (wanted) => {
      const {data, shape} = layOut(wanted);
      expect(shape).toEqual(plan.shape);
      expect(Array.from(data)).toEqual(Array.from(values));
    },
  );

  test('have their channels first where that is wanted', () => {
    const {data, shape} = layOut([2, 4, 3, 5]);
    expect(shape).toEqual([2, 4, 3, 5]);
    const [batch, height, width, channels] = plan.shape;
    for (let n = 0; n < batch; n++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          for (let c = 0; c < channels; c++) {
            const at = data[((n * channels + c) * height + y) * width + x];
            expect(at).toBe(values[((n * height + y) * width + x) * channels + c]);
          }
  });

  test('are refused where another shape is wanted', () => {
    expect(() => layOut([2, 4, 5, 3])).toThrow('input x is [2,3,5,4]');
    expect(() => layOut([2, 60])).toThrow('input x is [2,3,5,4]');
  });
});
