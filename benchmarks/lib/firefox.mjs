import {execFileSync, spawn} from 'node:child_process';
import {mkdtemp, rm, writeFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import path from 'node:path';
import {findExecutable} from './executable.mjs';

const INSTALLED = [
  '/usr/bin/firefox-esr',
  '/usr/bin/firefox',
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
];

/** Nothing may open, load or update itself beside the page. */
const PREFERENCES = {
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'app.update.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.update.enabled': false,
  'browser.sessionstore.resume_from_crash': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.healthreport.uploadEnabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'toolkit.telemetry.enabled': false,
};

const MOST_MS_TO_END = 5_000;

/**
 * @returns {string} the executable of an installed Firefox; `FIREFOX_PATH` goes first
 * @throws {UserError} if there is none
 */
export function findFirefox() {
  return findExecutable({name: 'Firefox', variable: 'FIREFOX_PATH', installed: INSTALLED, aptPackage: 'firefox-esr'});
}

/**
 * Opens a page in a headless Firefox with a profile of its own, which goes when it closes. Playwright drives only builds
 * of its own, so the page has to say by itself what comes of it.
 *
 * @param {string} url
 * @param {(reason: string) => void} onGone called if the browser ends before `close`
 * @returns {Promise<import('./browsers.mjs').OpenBrowser>}
 * @throws {UserError} if there is no Firefox
 */
export async function openFirefox(url, onGone) {
  const executable = findFirefox();
  const [, version = 'of an unknown version'] =
    /Firefox (\S+)/.exec(execFileSync(executable, ['--version'], {encoding: 'utf8'})) ?? [];
  const profile = await mkdtemp(path.join(tmpdir(), 'bench-firefox-'));
  const lines = Object.entries(PREFERENCES).map(
    (entry) => `user_pref(${entry.map((v) => JSON.stringify(v)).join(', ')});`,
  );
  await writeFile(path.join(profile, 'user.js'), lines.join('\n'));

  const browser = spawn(executable, ['--headless', '--no-remote', '--profile', profile, url], {stdio: 'ignore'});
  const ended = new Promise((resolve) => {
    browser.once('error', (error) => resolve(`it did not start: ${error.message}`));
    browser.once('exit', (code, signal) => resolve(`it ended with ${signal ?? code}`));
  });
  ended.then(onGone);
  return {
    version,
    async close() {
      browser.kill();
      const killing = setTimeout(() => browser.kill('SIGKILL'), MOST_MS_TO_END);
      await ended;
      clearTimeout(killing);
      // Its helper processes may still be writing.
      await rm(profile, {recursive: true, force: true, maxRetries: 10, retryDelay: 100});
    },
  };
}
