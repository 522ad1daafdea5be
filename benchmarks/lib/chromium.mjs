import path from 'node:path';
import {chromium} from 'playwright-core';
import {findExecutable} from './executable.mjs';
import {ROOT} from './models.mjs';
import {serve} from './server.mjs';

const INSTALLED = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];

const LAUNCH_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Where the npm package of stock wasm keeps its binaries. */
export const WASM_FOLDER = path.join(ROOT, 'node_modules/@tensorflow/tfjs-backend-wasm/dist');

/**
 * @returns {string} the executable of an installed Chromium or Chrome; `CHROME_PATH` goes first
 * @throws {UserError} if there is none
 */
export function findChromium() {
  return findExecutable({name: 'Chromium', variable: 'CHROME_PATH', installed: INSTALLED, aptPackage: 'chromium'});
}

/**
 * Serves a site, opens its start page in a headless Chromium and closes both when `use` is done.
 *
 * @template T
 * @param {Parameters<typeof serve>[0]} site has a file `/`
 * @param {(page: import('playwright-core').Page, version: string) => Promise<T>} use
 * @param {(page: import('playwright-core').Page) => Promise<void>} [prepare] called before the page loads
 * @returns {Promise<T>}
 */
export async function withPage(site, use, prepare = async () => {}) {
  findChromium();
  const server = await serve(site);
  try {
    const browser = await launch();
    try {
      const page = await browser.newPage();
      await prepare(page);
      await page.goto(server.url);
      return await use(page, browser.version());
    } finally {
      await browser.close();
    }
  } finally {
    await server.close();
  }
}

/**
 * Opens a page in a headless Chromium.
 *
 * @param {string} url
 * @param {(reason: string) => void} onGone called if browser or page end before `close`
 * @returns {Promise<import('./browsers.mjs').OpenBrowser>}
 * @throws {UserError} if there is no Chromium
 */
export async function openChromium(url, onGone) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    page.on('crash', () => onGone('its page crashed'));
    browser.on('disconnected', () => onGone('it ended'));
    await page.goto(url);
  } catch (error) {
    await browser.close();
    throw error;
  }
  return {version: browser.version(), close: () => browser.close()};
}

function launch() {
  return chromium.launch({executablePath: findChromium(), args: LAUNCH_FLAGS});
}

/**
 * A page that runs scripts in order: first the classic ones, then a module.
 *
 * @param {string} title
 * @param {{scripts?: string[], module: string}} urls
 * @returns {string} HTML
 */
export function htmlPage(title, {scripts = [], module}) {
  const tags = scripts.map((url) => `<script defer src="${url}"></script>`);
  return [
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title>`,
    ...tags,
    `<script type="module" src="${module}"></script></html>`,
  ].join('\n');
}
