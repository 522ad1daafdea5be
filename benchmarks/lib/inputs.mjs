import {UserError} from './userError.mjs';

const SEED = 0x1c4d;
/** Of images of which neither model nor user says how large they are. Layers models of open size make images. */
const DEFAULT_SIDES = {graph: 224, layers: 128};
const IMAGE_CHANNELS = 3;

/**
 * @typedef {object} InputPlan
 * @property {string} name
 * @property {'float32' | 'int32'} dtype
 * @property {number[]} shape
 */

/**
 * What to feed a model: every dimension that it leaves open is settled. The batch becomes 1; height and width are those
 * given, or come from the signature, or else are 224, 128 for a layers model; channels are 3, anything else is 1.
 *
 * @param {{inputs: {name: string, shape?: (number | null)[], dtype: string}[], modelSignature?: object}} model a GraphModel
 *     or LayersModel of tfjs
 * @param {object} [options]
 * @param {'graph' | 'layers'} [options.format]
 * @param {[number, number] | null} [options.size] height and width of images
 * @returns {InputPlan[]}
 * @throws {UserError} if a model has images of another size than the given one
 */
export function planInputs(model, {format = 'graph', size = null} = {}) {
  const signature = Object.values(model.modelSignature?.inputs ?? {});
  return model.inputs.map(({name, shape, dtype}) => {
    if (!Array.isArray(shape)) throw new Error(`input ${name} has no rank: such a model cannot be fed`);
    if (dtype !== 'float32' && dtype !== 'int32')
      throw new Error(`input ${name} is ${dtype}: float32 or int32 expected`);
    const signed = signature.find((entry) => entry.name?.split(':')[0] === name)?.tensorShape?.dim;
    const given = size && shape.length === 4 ? [-1, ...size, -1] : [];
    const defaults = defaultSizes(shape.length, DEFAULT_SIDES[format]);
    const settled = shape.map((length, axis) =>
      firstSize(length, given[axis], Number(signed?.[axis]?.size), defaults[axis]),
    );
    if (given.some((length, axis) => length > 0 && length !== settled[axis])) {
      throw new UserError(`--size ${size}: the model takes images of ${settled[1]},${settled[2]} only`);
    }
    return {name, dtype, shape: settled};
  });
}

function firstSize(...sizes) {
  return sizes.find((size) => size > 0);
}

function defaultSizes(rank, side) {
  return rank === 4 ? [1, side, side, IMAGE_CHANNELS] : Array(rank).fill(1);
}

/**
 * A planned input for an engine that may want images with their channels first.
 *
 * @param {InputPlan} plan images as NHWC
 * @param {readonly unknown[]} wanted the engine's shape of that input; what is no number is open
 * @returns {{data: Float32Array | Int32Array, shape: number[]}} the same values, as they are or as NCHW
 * @throws {UserError} if neither fits
 */
export function layOut(plan, wanted) {
  const data = randomValues(plan);
  if (fits(plan.shape, wanted)) return {data, shape: plan.shape};
  const [batch, height, width, channels] = plan.shape;
  const shape = [batch, channels, height, width];
  if (plan.shape.length !== 4 || !fits(shape, wanted)) {
    throw new UserError(`input ${plan.name} is [${plan.shape}], but the peer's file wants [${wanted}]`);
  }
  const pixels = height * width;
  const planes = new data.constructor(data.length);
  for (let i = 0; i < data.length; i++) {
    const channel = i % channels;
    const pixel = Math.floor(i / channels);
    const image = Math.floor(pixel / pixels);
    planes[(image * channels + channel) * pixels + (pixel % pixels)] = data[i];
  }
  return {data: planes, shape};
}

function fits(shape, wanted) {
  return shape.length === wanted.length && wanted.every((size, axis) => !(size > 0) || size === shape[axis]);
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
