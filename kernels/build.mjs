// Writes the microkernels, compiles kernels/index.ts with AssemblyScript into every variant and embeds the binaries,
// packed and in base64, in a TypeScript module that src/runtime imports; beside it the source of a worker. Likewise
// kernels/linearAlgebra.ts, in a module of its own, for only what prunes needs it. Does nothing when no source has changed
// since the last build.
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import asc from 'assemblyscript/asc';
import {build, transform} from 'esbuild';
import {microkernelSource} from './microkernels.mjs';

/** In the order in which they are packed: an engine unpacks up to the one that it runs, most of them the first. */
const variants = [
  {name: 'relaxed', features: 'simd,threads,relaxed-simd'},
  {name: 'simd128', features: 'simd,threads'},
];
const linearAlgebra = {name: 'linear algebra', entry: 'linearAlgebra.ts', features: 'simd', options: ['-O2']};

const here = dirname(fileURLToPath(import.meta.url));
const runtime = join(here, '../src/runtime');
const generated = join(runtime, 'generated');
const target = join(generated, 'kernelBinaries.ts');
const workerTarget = join(generated, 'workerSource.ts');
const linearAlgebraTarget = join(generated, 'linearAlgebra.ts');
const worker = join(runtime, 'worker.js');
const linearAlgebraWorker = join(runtime, 'linearAlgebraWorker.ts');
const compression = join(here, '../src/compression');
const hash = createHash('sha256');
for (const file of [
  worker,
  linearAlgebraWorker,
  join(runtime, 'linearAlgebraModule.ts'),
  join(runtime, 'transfer.ts'),
]) {
  hash.update(readFileSync(file));
}
for (const folder of [here, compression]) {
  const sources = readdirSync(folder).filter((file) => /\.(ts|mjs)$/.test(file));
  for (const file of sources.sort()) hash.update(file).update(readFileSync(join(folder, file)));
}
const stamp = `// kernels ${hash.digest('hex')}`;

if (!upToDate()) {
  mkdirSync(join(here, 'generated'), {recursive: true});
  writeFileSync(join(here, 'generated/microkernels.ts'), microkernelSource());
  const binaries = [];
  for (const variant of variants) binaries.push(await compile(variant));
  mkdirSync(generated, {recursive: true});
  writeFileSync(workerTarget, await embeddedWorker());
  writeFileSync(linearAlgebraTarget, await embeddedLinearAlgebra());
  writeFileSync(target, await embed(binaries)); // last: its stamp says that all is done
}

function upToDate() {
  try {
    return readFileSync(target, 'utf8').startsWith(stamp);
  } catch {
    return false; // never built
  }
}

async function pack(binary) {
  const {compress} = await importTypeScript(join(compression, 'compress.ts'));
  return Buffer.from(compress(binary));
}

async function embed(binaries) {
  const packed = await pack(Buffer.concat(binaries));
  const sizes = variants.map(({name}, i) => `${name}: ${binaries[i].length}`).join(', ');
  process.stderr.write(`kernels: packed ${packed.length} bytes\n`);
  return `${stamp}
// Written by kernels/build.mjs.
/** Bytes of each binary. They lie one after another in what \`compress\` of src/compression made \`packed\` of. */
export const kernelBinaries = {
  sizes: {${sizes}},
  packed: '${packed.toString('base64')}',
} as const;
`;
}

async function importTypeScript(path) {
  const {outputFiles} = await build({entryPoints: [path], bundle: true, format: 'esm', write: false});
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

async function embeddedWorker() {
  const {code} = await transform(readFileSync(worker, 'utf8'), {minify: true, target: 'es2022'});
  return `// Written by kernels/build.mjs from src/runtime/worker.js.\nexport const workerSource = ${JSON.stringify(code)};\n`;
}

async function embeddedLinearAlgebra() {
  const binary = await compile(linearAlgebra);
  const options = {bundle: true, minify: true, format: 'iife', target: 'es2022', write: false};
  const {outputFiles} = await build({entryPoints: [linearAlgebraWorker], ...options});
  const packed = await pack(binary);
  return `// Written by kernels/build.mjs from kernels/linearAlgebra.ts and src/runtime/linearAlgebraWorker.ts.
/** Its bytes, and what \`compress\` of src/compression made of it. */
export const linearAlgebraBinary = {size: ${binary.length}, packed: '${packed.toString('base64')}'};
export const linearAlgebraWorkerSource = ${JSON.stringify(outputFiles[0].text)};
`;
}

async function compile({name, entry = 'index.ts', features, options = ['-O1', '--importMemory']}) {
  let binary;
  const {error, stderr} = await asc.main(
    [join(here, entry), ...options, '--runtime', 'stub', '--noAssert', '--enable', features, '-o', 'kernels.wasm'],
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
