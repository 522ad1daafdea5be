import {callBenchmarkModule} from './benchmarkModule';

interface Plan {
  name: string;
  dtype: 'float32' | 'int32';
  shape: number[];
}

const planInputs = (model: object) => callBenchmarkModule<Plan[]>('inputs.mjs', 'planInputs', model);
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
