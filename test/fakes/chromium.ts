/**
 * Debian's Chromium for tests that need a real browser: host names of the tests lead to this machine, and nothing else is
 * reachable. It never downloads a browser.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const VIEWPORTS = {
  desktop: { width: 1280, height: 800 },
  phone: { width: 360, height: 740 },
} as const;

export interface ContextOptions {
  readonly viewport?: keyof typeof VIEWPORTS;
  readonly colorScheme?: 'light' | 'dark';
  readonly javaScriptEnabled?: boolean;
  readonly reducedMotion?: 'reduce' | 'no-preference';
  /** For a gateway with a certificate of the test's own. */
  readonly insecureIgnoreHTTPSErrors?: boolean;
}

/** Why browser tests are left out here, or `undefined` to run them. In CI they are never left out. */
export function whySkipChromium(): string | undefined {
  if (process.env['CI'] !== undefined || existsSync(EXECUTABLE)) return undefined;
  return 'the package chromium is not installed';
}

/** Starts the browser. Every name, also `lucy.test` or a campaign host, is 127.0.0.1; ports stay as they are. */
export function launchChromium(): Promise<Browser> {
  const rules = 'MAP * 127.0.0.1';
  return chromium.launch({ executablePath: EXECUTABLE, args: [...FLAGS, `--host-resolver-rules=${rules}`] });
}

export function openContext(browser: Browser, options: ContextOptions = {}): Promise<BrowserContext> {
  const isPhone = options.viewport === 'phone';
  return browser.newContext({
    viewport: VIEWPORTS[options.viewport ?? 'desktop'],
    isMobile: isPhone,
    hasTouch: isPhone,
    colorScheme: options.colorScheme ?? 'light',
    reducedMotion: options.reducedMotion ?? 'reduce',
    javaScriptEnabled: options.javaScriptEnabled ?? true,
    ignoreHTTPSErrors: options.insecureIgnoreHTTPSErrors ?? false,
  });
}

/** Writes the whole page as PNG below `SCREENSHOTS`, or into the temporary folder. @returns where. */
export async function screenshot(page: Page, name: string): Promise<string> {
  const folder = process.env['SCREENSHOTS'] ?? join(tmpdir(), 'gateway-screenshots');
  await mkdir(folder, { recursive: true });
  const path = join(folder, `${name.replace(/[^\w.-]+/g, '-')}.png`);
  await page.screenshot({ path, fullPage: true });
  return path;
}

interface Violation {
  readonly id: string;
  readonly impact: string;
  readonly help: string;
  readonly nodes: readonly { readonly target: string; readonly summary: string }[];
}

/** Rules of WCAG 2.2 A and AA that axe can check, and its best practices. */
const AXE_TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * Fails with a readable list when axe-core finds something on the page. Script is injected past the page's own CSP through
 * the debugging protocol; a context without JavaScript cannot be checked.
 */
export async function expectAccessible(page: Page): Promise<void> {
  const violations = await findViolations(page);
  if (violations.length === 0) return;
  const list = violations.map(
    ({ id, impact, help, nodes }) =>
      `- ${id} (${impact}): ${help}\n${nodes.map(({ target, summary }) => `    ${target}\n      ${summary}`).join('\n')}`,
  );
  throw new Error(`${page.url()} is not accessible:\n${list.join('\n')}`);
}

async function findViolations(page: Page): Promise<readonly Violation[]> {
  const source = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(source);
  const answer = await page.evaluate<string>(`(async () => {
    const { violations } = await axe.run(document, { runOnly: ${JSON.stringify(AXE_TAGS)}, resultTypes: ['violations'] });
    return JSON.stringify(violations.map(({ id, impact, help, nodes }) => ({
      id, impact: String(impact), help,
      nodes: nodes.map((node) => ({ target: node.target.join(' '), summary: (node.failureSummary ?? '').replaceAll('\\n', ' ') })),
    })));
  })()`);
  return JSON.parse(answer);
}
