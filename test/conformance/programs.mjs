// Has the specs' kernels computed by programs. Specs of tfjs-core call single kernels, where there is nothing to plan: here
// each is taken for a model of one kernel, whose third inference gives the result.

/**
 * @param {object} engine tfjs's
 * @param {typeof import('../../src/index')} ours our package
 * @param {string} backendName
 * @returns {() => number} how many calls of kernels have been computed by a region so far
 */
export function runKernelsAsPrograms(engine, {planLayersModel, inspectPlans}, backendName) {
  const {runKernel} = engine;
  let inside = false;
  let programs = 0;
  engine.runKernel = (kernel, inputs, attrs) => {
    const call = (given) => engine.runKernel(kernel, given, attrs); // which whoever traces has replaced by then
    const {gradientDepth, kernelDepth, profiling} = engine.state;
    const seen = gradientDepth > 0 || kernelDepth > 0 || profiling || engine.backendName !== backendName;
    const x = Object.values(inputs).flat().find(isTensor);
    if (inside || seen || !x) return runKernel.call(engine, kernel, inputs, attrs);
    inside = true;
    // The first tensor is the input, others are constants as weights would be.
    let single = true;
    const infer = () => {
      const result = call(inputs);
      single = !Array.isArray(result);
      return result;
    };
    const model = {name: kernel, layers: [], outputs: [0, 1], predict: infer, predictOnBatch: infer, dispose() {}};
    const undo = planLayersModel(model);
    try {
      for (let i = 0; i < 2; i++) for (const tensor of model.predictOnBatch(x)) tensor.dispose();
      const results = model.predictOnBatch(x);
      if (inspectPlans(model).at(-1)?.obstacle === null) programs++;
      return single ? results[0] : results;
    } finally {
      undo();
      inside = false;
    }
  };
  return () => programs;
}

function isTensor(value) {
  return typeof value === 'object' && value !== null && 'dataId' in value;
}
