// Node 20 has relaxed SIMD behind a V8 flag, which Node 22 no longer knows. Tests switch it on so that one run covers
// both kernel variants.
if (Number(process.versions.node.split('.')[0]) < 22) {
  require('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
}
