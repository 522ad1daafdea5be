// The roof of one core: multiply-adds from registers alone, nothing loaded or stored.
import asc from 'assemblyscript/asc';

const ACCUMULATORS = 12; // enough to hide a latency of 4 cycles at 2 a cycle
const each = (f) => Array.from({length: ACCUMULATORS}, (_, i) => f(i)).join(' ');

// The operands come from memory: an engine may load a constant anew for every use.
const source = (madd) => `
export function peak(rounds: i32): void {
  const a = v128.load(64), b = v128.load(80);
  ${each((i) => `let s${i} = v128.load(${96 + 16 * i});`)}
  for (let i = 0; i < rounds; i++) { ${each((i) => `s${i} = ${madd(`s${i}`)};`)} }
  ${each((i) => `v128.store(${96 + 16 * i}, s${i});`)}
}`;

const MADD = {
  relaxed: (s) => `f32x4.relaxed_madd(a, b, ${s})`,
  // The product must depend on the sum, or it is the same each time and taken out of the loop.
  simd128: (s) => `f32x4.add(f32x4.mul(${s}, a), b)`,
};

/** GFLOP/s of multiply-adds that one core reaches with a kernel variant: a function that measures once more a call. */
export async function peakMeter(variant) {
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
  const {instance} = await WebAssembly.instantiate(binary, {env: {abort() {}}});
  new Float32Array(instance.exports.memory.buffer).fill(1e-3);
  const rounds = 50_000;
  const flops = rounds * ACCUMULATORS * 4 * 2;
  return () => {
    const start = performance.now();
    instance.exports.peak(rounds);
    return flops / (performance.now() - start) / 1e6;
  };
}
