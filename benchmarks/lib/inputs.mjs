const SEED = 0x1c4d;
const DEFAULT_SIDE = 224;
const IMAGE_CHANNELS = 3;

/**
 * @typedef {object} InputPlan
 * @property {string} name
 * @property {'float32' | 'int32'} dtype
 * @property {number[]} shape
 */

/**
 * What to feed a graph model: every dimension that it leaves open is settled. The batch becomes 1, height and width come
 * from the signature or else are 224, channels are 3, anything else is 1.
 *
 * @param {{inputs: {name: string, shape?: number[], dtype: string}[], modelSignature?: object}} model a tfjs GraphModel
 * @returns {InputPlan[]}
 */
export function planInputs(model) {
  const signature = Object.values(model.modelSignature?.inputs ?? {});
  return model.inputs.map(({name, shape, dtype}) => {
    if (!Array.isArray(shape)) throw new Error(`input ${name} has no rank: such a model cannot be fed`);
    if (dtype !== 'float32' && dtype !== 'int32')
      throw new Error(`input ${name} is ${dtype}: float32 or int32 expected`);
    const signed = signature.find((entry) => entry.name?.split(':')[0] === name)?.tensorShape?.dim;
    const sizes = shape.map((size, axis) => (size > 0 ? size : Number(signed?.[axis]?.size ?? -1)));
    return {name, dtype, shape: sizes.map((size, axis) => (size > 0 ? size : defaultSize(axis, sizes.length)))};
  });
}

function defaultSize(axis, rank) {
  if (rank !== 4 || axis === 0) return 1;
  return axis === 3 ? IMAGE_CHANNELS : DEFAULT_SIDE;
}

/**
 * The same pseudo-random values on every call: floats in [-1, 1), integers in 0 to 255.
 *
 * @param {InputPlan} plan
 * @returns {Float32Array | Int32Array} row-major
 */
export function randomValues({shape, dtype}) {
  const size = shape.reduce((product, length) => product * length, 1);
  const random = mulberry32(SEED);
  return dtype === 'int32'
    ? Int32Array.from({length: size}, () => Math.floor(random() * 256))
    : Float32Array.from({length: size}, () => random() * 2 - 1);
}

/** Tommy Ettinger's generator: 32 bits of state, numbers in [0, 1). */
function mulberry32(state) {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
