// Writes the microkernels, compiles kernels/index.ts with AssemblyScript into every variant and embeds the binaries,
// deflated and in base64, in a TypeScript module that src/runtime imports; beside it the source of a worker. Does nothing
// when no source has changed since the last build.
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {deflateRawSync} from 'node:zlib';
import asc from 'assemblyscript/asc';
import {transform} from 'esbuild';
import {microkernelSource} from './microkernels.mjs';

const variants = [
  {name: 'simd128', features: 'simd,threads'},
  {name: 'relaxed', features: 'simd,threads,relaxed-simd'},
];

/** Slices that the binaries are interleaved in: alike code must lie within 32 KiB for deflate to see it. */
const SLICES = 4;

const here = dirname(fileURLToPath(import.meta.url));
const generated = join(here, '../src/runtime/generated');
const target = join(generated, 'kernelBinaries.ts');
const workerTarget = join(generated, 'workerSource.ts');
const worker = join(here, '../src/runtime/worker.js');
const sources = readdirSync(here)
  .filter((file) => /\.(ts|mjs)$/.test(file))
  .sort();
const hash = createHash('sha256').update(readFileSync(worker));
for (const file of sources) hash.update(file).update(readFileSync(join(here, file)));
const stamp = `// kernels ${hash.digest('hex')}`;

if (!upToDate()) {
  mkdirSync(join(here, 'generated'), {recursive: true});
  writeFileSync(join(here, 'generated/microkernels.ts'), microkernelSource());
  const binaries = [];
  for (const variant of variants) binaries.push(await compile(variant));
  mkdirSync(generated, {recursive: true});
  writeFileSync(workerTarget, await embeddedWorker());
  writeFileSync(target, embed(binaries)); // last: its stamp says that all is done
}

function upToDate() {
  try {
    return readFileSync(target, 'utf8').startsWith(stamp);
  } catch {
    return false; // never built
  }
}

function embed(binaries) {
  const slices = [];
  for (let i = 0; i < SLICES; i++) for (const binary of binaries) slices.push(binary.subarray(...sliceOf(binary, i)));
  const deflated = deflateRawSync(Buffer.concat(slices), {level: 9});
  const sizes = variants.map(({name}, i) => `${name}: ${binaries[i].length}`).join(', ');
  return `${stamp}
// Written by kernels/build.mjs.
/** Bytes of each binary. Their \`slices\` slices lie in turn in \`deflated\`: the first of each, the second of each, ... */
export const kernelBinaries = {
  slices: ${SLICES},
  sizes: {${sizes}},
  deflated: '${deflated.toString('base64')}',
} as const;
`;
}

function sliceOf({length}, i) {
  return [Math.floor((length * i) / SLICES), Math.floor((length * (i + 1)) / SLICES)];
}

async function embeddedWorker() {
  const {code} = await transform(readFileSync(worker, 'utf8'), {minify: true, target: 'es2022'});
  return `// Written by kernels/build.mjs from src/runtime/worker.js.\nexport const workerSource = ${JSON.stringify(code)};\n`;
}

async function compile({name, features}) {
  let binary;
  const {error, stderr} = await asc.main(
    [
      join(here, 'index.ts'),
      '-O1',
      '--runtime',
      'stub',
      '--noAssert',
      '--importMemory',
      '--enable',
      features,
      '-o',
      'kernels.wasm',
    ],
    {
      readFile: (path, base) => {
        try {
          return readFileSync(join(base, path), 'utf8');
        } catch {
          return null; // asc probes several names for an import
        }
      },
      writeFile: (_path, contents) => {
        binary = Buffer.from(contents);
      },
    },
  );
  if (error) throw new Error(`kernels, variant ${name}:\n${stderr.toString()}`);
  process.stderr.write(`kernels: ${name} ${binary.length} bytes\n`);
  return binary;
}
