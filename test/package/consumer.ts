import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {plainEnv} from '../support/plainEnv';

export const ROOT = path.resolve(__dirname, '../..');
export const DIST = path.join(ROOT, 'dist');

/** Makes a folder that has installed this package and tfjs, by links. The caller removes it. */
export function makeConsumer(packageJson: object = {}): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'consumer-'));
  const modules = path.join(folder, 'node_modules');
  mkdirSync(modules);
  symlinkSync(ROOT, path.join(modules, 'tfjs-backend-blocksparse-1xn'), 'junction');
  for (const scope of ['@tensorflow', '@types']) {
    symlinkSync(path.join(ROOT, 'node_modules', scope), path.join(modules, scope), 'junction');
  }
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({name: 'consumer', private: true, ...packageJson}));
  return folder;
}

/** Runs node in a folder. */
export function runNode(folder: string, args: readonly string[]) {
  return spawnSync(process.execPath, args, {cwd: folder, env: plainEnv, encoding: 'utf8'});
}
