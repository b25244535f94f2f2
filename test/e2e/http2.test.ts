/** TLS in the gateway itself, as real clients use it: HTTP/2 for pages, HTTP/1.1 for WebSockets, on one port. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type StandInLucy, startStandInLucy } from '../../src/demo/stand-in-lucy/server.ts';
import { launchChromium, openContext, whySkipChromium } from '../fakes/chromium.ts';
import { otherCert, otherKey } from '../listen/other-certificate.ts';
import { cert, key } from '../upstream/certificates.ts';
import { GatewayProcess } from './gateway-process.ts';
import { cookieNames, giveCode, heading, logInToLucy, setUpTotp } from './steps.ts';

const WHO = { email: 'person@example.com', password: 'horse battery', role: 'User' } as const;

describe.skipIf(whySkipChromium() !== undefined)('Chromium over TLS', () => {
  let browser: Browser;
  let lucy: StandInLucy;
  let gateway: GatewayProcess;
  let context: BrowserContext;
  let page: Page;

  beforeAll(async () => {
    [browser, lucy] = await Promise.all([launchChromium(), startStandInLucy({ users: [WHO] })]);
    gateway = await GatewayProcess.start({ upstream: lucy.url, tls: { cert, key } });
    context = await openContext(browser, { insecureIgnoreHTTPSErrors: true });
    page = await context.newPage();
    page.setDefaultTimeout(15_000);
  });
  afterAll(async () => {
    await browser?.close();
    await gateway?.remove();
    await lucy?.close();
  });

  it('goes the whole way over HTTP/2, with a WebSocket beside it over HTTP/1.1', async () => {
    await page.goto(`${gateway.origin}/admin`);
    await heading(page, 'Login');
    const protocol = `performance.getEntriesByType('navigation')[0].nextHopProtocol`;
    expect(await page.evaluate(protocol)).toBe('h2');
    await logInToLucy(page, WHO);
    const app = await setUpTotp(page, gateway.origin);
    await page.goto(`${gateway.origin}/admin`);
    await logInToLucy(page, WHO);
    await heading(page, 'Enter your security code');
    await giveCode(page, await app.code());
    await page.getByText(lucy.secretOf(WHO.email)).waitFor();
    expect(await page.evaluate(protocol)).toBe('h2');
    expect(await cookieNames(page)).toContain('__Host-lucy2fa');

    const echoed = await page.evaluate(`new Promise((resolve, reject) => {
      const socket = new WebSocket(location.origin.replace('https', 'wss') + '/admin/live');
      socket.onopen = () => socket.send('over the second connection');
      socket.onmessage = ({ data }) => data.startsWith('hello') || resolve(data);
      socket.onclose = () => reject(new Error('closed'));
    })`);
    expect(echoed).toBe('over the second connection');
  });

  it('speaks HTTP/2 and HTTP/1.1 with curl, and refuses a Host that is not the authority', async () => {
    const curl = async (...args: string[]): Promise<string> => {
      const format = '%{http_version} %{http_code}';
      const common = ['--silent', '--insecure', '--output', '/dev/null', '--write-out', format];
      return (await promisify(execFile)('curl', [...common, ...args, `${gateway.origin}/admin/login`])).stdout;
    };
    expect(await curl('--http2')).toBe('2 200');
    expect(await curl('--http1.1')).toBe('1.1 200');
    expect(await curl('--http2', '--head')).toBe('2 200');
    expect(await curl('--http2', '--header', 'Host: evil.test')).toBe('2 421');
  });

  it('takes a new certificate into use when its files are replaced', async () => {
    await writeFile(join(gateway.folder, 'key.pem'), otherKey);
    await writeFile(join(gateway.folder, 'cert.pem'), otherCert);
    gateway.signal('SIGHUP');
    await gateway.logged(({ event }) => event === 'tls_certificate_reloaded');
    const name = await new Promise((resolve, reject) => {
      const socket = connect({ port: gateway.port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
        resolve(socket.getPeerCertificate().subject.CN);
        socket.destroy();
      });
      socket.once('error', reject);
    });
    expect(name).toBe('other.test');
  });
});
