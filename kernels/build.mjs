// Writes the microkernels, compiles kernels/index.ts with AssemblyScript into every variant and embeds the binaries,
// base64, in a TypeScript module that src/runtime imports. Does nothing when no source has changed since the last build.
import {createHash} from 'node:crypto';
import {mkdirSync, readFileSync, readdirSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import asc from 'assemblyscript/asc';
import {microkernelSource} from './microkernels.mjs';

/** A shared-memory build of a variant is the same row with `shared: true`. */
const variants = [
  {name: 'simd128', features: 'simd', shared: false},
  {name: 'relaxed', features: 'simd,relaxed-simd', shared: false},
];

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, '../src/runtime/generated/kernelBinaries.ts');
const sources = readdirSync(here)
  .filter((file) => /\.(ts|mjs)$/.test(file))
  .sort();
const hash = createHash('sha256');
for (const file of sources) hash.update(file).update(readFileSync(join(here, file)));
const stamp = `// kernels ${hash.digest('hex')}`;

if (!upToDate()) {
  mkdirSync(join(here, 'generated'), {recursive: true});
  writeFileSync(join(here, 'generated/microkernels.ts'), microkernelSource());
  const binaries = [];
  for (const variant of variants) binaries.push(`  ${variant.name}: '${(await compile(variant)).toString('base64')}',`);
  mkdirSync(dirname(target), {recursive: true});
  writeFileSync(
    target,
    `${stamp}\n// Written by kernels/build.mjs.\nexport const kernelBinaries = {\n${binaries.join('\n')}\n} as const;\n`,
  );
}

function upToDate() {
  try {
    return readFileSync(target, 'utf8').startsWith(stamp);
  } catch {
    return false; // never built
  }
}

async function compile({name, features, shared}) {
  let binary;
  const memory = shared ? ['--sharedMemory', '--maximumMemory', '65536'] : [];
  const {error, stderr} = await asc.main(
    [
      join(here, 'index.ts'),
      '-O2',
      '--runtime',
      'stub',
      '--noAssert',
      '--importMemory',
      '--enable',
      features,
      ...memory,
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
