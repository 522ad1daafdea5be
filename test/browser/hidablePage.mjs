import {createServer} from 'node:net';
import {chromium} from 'playwright-core';
import {findChromium} from '../../benchmarks/lib/chromium.mjs';
import {serve} from '../../benchmarks/lib/server.mjs';

/** The longest that a page takes to see what became of it. */
const PATIENCE_MS = 10_000;

/**
 * As `withPage` of the benchmark, for a page that another tab can hide: Playwright makes pages that it opens itself believe
 * that they are always visible.
 *
 * @template T
 * @param {Parameters<typeof serve>[0]} site has a file `/`
 * @param {(page: import('playwright-core').Page, setState: (state: 'visible' | 'hidden' | 'frozen') => Promise<void>) =>
 *     Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withHidablePage(site, use) {
  const port = await freePort();
  const server = await serve(site);
  const args = ['--no-sandbox', '--disable-gpu', `--remote-debugging-port=${port}`];
  const browser = await chromium.launch({executablePath: findChromium(), args});
  try {
    const connection = await chromium.connectOverCDP(`http://127.0.0.1:${port}`, {noDefaults: true});
    const [context] = connection.contexts();
    const page = await context.newPage();
    await page.goto(server.url);
    const other = await context.newPage();
    const session = await context.newCDPSession(page);
    const setState = async (state) => {
      await session.send('Page.setWebLifecycleState', {state: state === 'frozen' ? 'frozen' : 'active'});
      if (state === 'frozen') {
        await new Promise((resolve) => setTimeout(resolve, 300));
        return;
      }
      await (state === 'hidden' ? other : page).bringToFront();
      const deadline = Date.now() + PATIENCE_MS;
      while ((await page.evaluate(() => document.visibilityState)) !== state) {
        if (Date.now() > deadline) throw new Error(`the page does not become ${state}`);
      }
    };
    return await use(page, setState);
  } finally {
    await browser.close();
    await server.close();
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const {port} = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}
