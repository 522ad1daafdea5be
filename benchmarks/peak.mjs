// The roofs of one core: multiply-adds from registers alone, and what memory gives to loads, stores and both.
import asc from 'assemblyscript/asc';
import {startMeters} from './lib/meters.mjs';

const ACCUMULATORS = 12; // enough to hide a latency of 4 cycles at 2 a cycle
const STREAMS = 8; // vectors of 128 bytes, two cache lines
const each = (count, f) => Array.from({length: count}, (_, i) => f(i)).join(' ');

// The operands come from memory: an engine may load a constant anew for every use.
const source = (madd) => `
export function peak(rounds: i32): void {
  const a = v128.load(64), b = v128.load(80);
  ${each(ACCUMULATORS, (i) => `let s${i} = v128.load(${96 + 16 * i});`)}
  for (let i = 0; i < rounds; i++) { ${each(ACCUMULATORS, (i) => `s${i} = ${madd(`s${i}`)};`)} }
  ${each(ACCUMULATORS, (i) => `v128.store(${96 + 16 * i}, s${i});`)}
}
export function read(from: usize, bytes: usize): void {
  ${each(STREAMS, (i) => `let s${i} = f32x4.splat(0);`)}
  for (let p = from, end = from + bytes; p < end; p += ${16 * STREAMS}) {
    ${each(STREAMS, (i) => `s${i} = f32x4.add(s${i}, v128.load(p, ${16 * i}));`)}
  }
  ${each(STREAMS, (i) => `v128.store(${96 + 16 * i}, s${i});`)}
}
export function write(to: usize, bytes: usize): void {
  const value = v128.load(64);
  for (let p = to, end = to + bytes; p < end; p += ${16 * STREAMS}) {
    ${each(STREAMS, (i) => `v128.store(p, value, ${16 * i});`)}
  }
}
export function copy(from: usize, to: usize, bytes: usize): void {
  for (let p = from, q = to, end = from + bytes; p < end; p += ${16 * STREAMS}, q += ${16 * STREAMS}) {
    ${each(STREAMS, (i) => `v128.store(q, v128.load(p, ${16 * i}), ${16 * i});`)}
  }
}`;

const MADD = {
  relaxed: (s) => `f32x4.relaxed_madd(a, b, ${s})`,
  // The product must depend on the sum, or it is the same each time and taken out of the loop.
  simd128: (s) => `f32x4.add(f32x4.mul(${s}, a), b)`,
};

/**
 * The module that `startMeters` (lib/meters.mjs) runs.
 *
 * @param {'relaxed' | 'simd128'} variant of the multiply-adds
 * @returns {Promise<Uint8Array>}
 */
export async function compileMeters(variant) {
  const features = variant === 'relaxed' ? 'simd,relaxed-simd' : 'simd';
  let binary;
  const {error, stderr} = await asc.main(
    // No optimiser: it would take the product of a and b out of the loop.
    ['peak.ts', '--runtime', 'stub', '--initialMemory', '1', '--enable', features, '-o', 'peak.wasm'],
    {
      readFile: (path) => (path === 'peak.ts' ? source(MADD[variant]) : null),
      writeFile: (_path, contents) => (binary = contents),
    },
  );
  if (error) throw new Error(stderr.toString());
  return binary;
}

/** GFLOP/s of multiply-adds that one core reaches with a kernel variant: a function that measures once more a call. */
export async function peakMeter(variant) {
  const {peak} = await startMeters(await compileMeters(variant));
  return () => peak(50_000);
}
