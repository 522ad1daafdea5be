import {spawn} from 'node:child_process';
import path from 'node:path';
import {ROOT} from './models.mjs';
import {UserError} from './userError.mjs';

/**
 * Runs a script of this folder in a Node of its own and reads the JSON object on the last line of its output. What it
 * writes to stderr goes to ours.
 *
 * @param {string} script name in `benchmarks`
 * @param {string[]} args
 * @param {AbortSignal} [signal] ends it
 * @returns {Promise<any>}
 * @throws {UserError} with its last line on stderr if it fails, or the signal that ended it
 */
export async function runJson(script, args, signal) {
  const child = spawn(process.execPath, [path.join(ROOT, 'benchmarks', script), ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text) => {
    process.stderr.write(text);
    stderr = (stderr + text).slice(-4000);
  });
  const status = await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', (code, signal) => resolve(code ?? signal));
  });
  if (typeof status === 'string') throw new UserError(`${script} was ended by ${status}`);
  if (status !== 0) throw new UserError(reason(stderr).replaceAll(ROOT, '.') || `${script} ended with ${status}`);
  return JSON.parse(lastLine(stdout));
}

/** The last line, or behind a stack the line that names the error. */
function reason(stderr) {
  const errors = stderr.match(/^\w*Error: .*$/gm);
  return (/\n(Node\.js v\S+|\s+at .*)\s*$/.test(stderr) && errors?.at(-1)) || lastLine(stderr);
}

function lastLine(text) {
  return text.trimEnd().split('\n').at(-1);
}
