import {execFileSync} from 'node:child_process';
import path from 'node:path';
import {pathToFileURL} from 'node:url';
import {deserialize, serialize} from 'node:v8';

export const ROOT = path.resolve(__dirname, '../..');

/** Imports a module, calls an export of it and writes what comes of it, encoded, to stdout. */
const SCRIPT = `
  import {deserialize, serialize} from 'node:v8';
  const [url, name, encoded] = process.argv.slice(1);
  const call = (await import(url))[name];
  let answer;
  try {
    answer = {value: await call(...deserialize(Buffer.from(encoded, 'base64')))};
  } catch (error) {
    answer = {error: error.message};
  }
  process.stdout.write(serialize(answer).toString('base64'));
`;

/**
 * Calls an exported function of `benchmarks/lib` in a Node of its own: Jest runs CommonJS and cannot import ES modules.
 *
 * @param file name in `benchmarks/lib`
 * @param args anything that structured cloning takes
 * @throws Error with the message of what the function threw
 */
export function callBenchmarkModule<T>(file: string, name: string, ...args: readonly unknown[]): T {
  const url = pathToFileURL(path.join(ROOT, 'benchmarks/lib', file)).href;
  const encoded = serialize(args).toString('base64');
  const stdout = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT, url, name, encoded], {
    cwd: ROOT,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const answer = deserialize(Buffer.from(stdout, 'base64')) as {value: T; error?: string};
  if (answer.error !== undefined) throw new Error(answer.error);
  return answer.value;
}
