// A browser of the system, without a window, that notes whatever it should not see: errors on the console, requests to
// anywhere but the page's own origin, violations of the page's policy.

import { existsSync } from 'node:fs';

import { type Browser, chromium, type Page } from 'playwright-core';

const PROGRAM = '/usr/bin/chromium';

/** Why there is no browser, for a test that is skipped then. */
export const NO_BROWSER: string | false = existsSync(PROGRAM) ? false : `there is no ${PROGRAM}`;

export interface Watched {
  readonly page: Page;
  /** What went wrong so far. */
  readonly problems: string[];
}

export function launch(): Promise<Browser> {
  // Its own sandbox cannot be had as root, and pages here are ours.
  return chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-gpu'] });
}

export interface PageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly dark?: boolean;
  /** Console messages that are expected, such as of a refused token. */
  readonly expected?: RegExp;
  readonly scale?: number;
}

export async function openPage(
  browser: Browser,
  origin: string,
  options: PageOptions = {},
): Promise<Watched> {
  const { width = 1440, height = 900, dark = false, expected, scale = 1 } = options;
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: dark ? 'dark' : 'light',
    deviceScaleFactor: scale,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  const problems: string[] = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && expected?.test(text) !== true) problems.push(`console: ${text}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== origin) problems.push(`request to ${request.url()}`);
  });
  // As text, since it runs in the page, whose globals are not those of tests.
  await page.addInitScript(
    "addEventListener('securitypolicyviolation', (event) => console.error('policy: ' + event.violatedDirective + ' ' + event.blockedURI))",
  );
  return { page, problems };
}
