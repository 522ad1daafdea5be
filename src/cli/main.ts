/** The command line: `npx blocksparse-1xn`. */
import {readFileSync} from 'node:fs';
import {enableProdMode} from '@tensorflow/tfjs-core';
import {runCommandLine} from './commandLine';

function versionOfPackage(): string {
  const manifest = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as {version: string}).version;
}

// stdout is for results alone, and whoever reads them may stop early.
console.log = console.info = console.error;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
enableProdMode();
process.exitCode = await runCommandLine(process.argv.slice(2), versionOfPackage());
