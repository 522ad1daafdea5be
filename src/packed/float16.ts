// IEEE 754 half precision, as tfjs stores weights that are quantised as 'float16'.

/** Rounds to the nearest, ties to even. What is too large becomes an infinity; a NaN stays one. */
export function toFloat16(values: Float32Array): Uint16Array {
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const magnitude = bits[i] & 0x7fffffff;
    let half = 0x7e00;
    if (magnitude < 0x38800000) {
      // A multiple of 2^-24: adding 2^52 rounds it as the processor does.
      half = Math.abs(values[i]) * 2 ** 24 + 2 ** 52 - 2 ** 52;
    } else if (magnitude <= 0x7f800000) {
      half = ((magnitude + 0xfff + ((magnitude >> 13) & 1)) >>> 13) - (112 << 10);
      if (half > 0x7c00) half = 0x7c00;
    }
    halves[i] = ((bits[i] >>> 16) & 0x8000) | half;
  }
  return halves;
}

/** @param values where they go; a new array without it */
export function fromFloat16(halves: Uint16Array, values = new Float32Array(halves.length)): Float32Array {
  const all = (table ??= Float32Array.from({length: 0x10000}, (_, bits) => decode(bits)));
  for (let i = 0; i < halves.length; i++) values[i] = all[halves[i]];
  return values;
}

/** All numbers by their bits: computed on first use, a load of models decodes millions of them. */
let table: Float32Array | undefined;

function decode(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}
