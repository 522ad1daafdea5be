// Node 20 has relaxed SIMD behind a V8 flag. Tests switch it on so that one run covers both kernel variants.
require('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
