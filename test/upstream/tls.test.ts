import { createHash, X509Certificate } from 'node:crypto';
import type { Server } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { afterEach, expect, test } from 'vitest';
import { destination } from '../../src/upstream/destination.ts';
import { openUpstream, type UpstreamOptions } from '../../src/upstream/http.ts';
import { parsePin } from '../../src/upstream/tls.ts';
import type { Question, Upstream } from '../../src/upstream/upstream.ts';
import { TestClock } from '../fakes/clock.ts';
import { ca, cert, key } from './certificates.ts';
import { portOf } from './wire.ts';

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

const leaf = new X509Certificate(cert);
const ofKey = `sha256/${createHash('sha256')
  .update(leaf.publicKey.export({ type: 'spki', format: 'der' }))
  .digest('base64')}`;
const ofCertificate = leaf.fingerprint256;

async function setUp(
  rules: Omit<UpstreamOptions, 'url'>,
): Promise<{ upstream: Upstream; served: string[]; connections: () => number }> {
  const served: string[] = [];
  let connections = 0;
  const server: Server = createServer({ cert, key }, (req, res) => {
    served.push(req.url ?? '');
    res.end('ok');
  });
  server.on('secureConnection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const upstream = openUpstream({ url: `https://127.0.0.1:${portOf(server)}`, connections: 1, ...rules });
  stops.push(async () => {
    await upstream.close();
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  });
  return { upstream, served, connections: () => connections };
}

const question: Question = {
  method: 'GET',
  target: '/',
  headers: ['Host', 'public.test'],
  maxBytes: 100,
  timeoutMs: 5_000,
};

test.each<[string, Omit<UpstreamOptions, 'url'>]>([
  ['its CA', { ca }],
  ['its CA and a name that the certificate has', { ca, servername: 'app.test' }],
  ['the pin of its key', { pin: ofKey }],
  ['the pin of its certificate', { pin: ofCertificate }],
  ['the pin without colons', { pin: ofCertificate.replaceAll(':', '').toLowerCase() }],
  ['CA and pin', { ca, pin: ofKey }],
])('an application is trusted by %s, whatever Host the requests name', async (_, rules) => {
  const { upstream, connections } = await setUp(rules);
  await expect(upstream.reachable(5_000)).resolves.toBe(true);
  expect((await upstream.ask(question)).body.toString()).toBe('ok');
  const before = connections();
  expect((await upstream.ask({ ...question, headers: ['Host', 'other.test'] })).body.toString()).toBe('ok');
  // On the same connection: the name that is asked for and checked does not follow the Host.
  expect(connections()).toBe(before);
});

test.each<[string, Omit<UpstreamOptions, 'url'>]>([
  ['no rule at all', {}],
  ['a name that the certificate has not', { ca, servername: 'evil.test' }],
  ['another key’s pin', { pin: `sha256/${Buffer.alloc(32, 1).toString('base64')}` }],
  ['another certificate’s pin', { pin: '00'.repeat(32) }],
  ['the right CA and a wrong pin', { ca, pin: '00'.repeat(32) }],
  ['the right pin and a wrong name', { ca, pin: ofKey, servername: 'evil.test' }],
  ['a pin of the CA, not of the application', { pin: new X509Certificate(ca).fingerprint256 }],
])('with %s nothing is accepted and nothing is sent', async (_, rules) => {
  const { upstream, served } = await setUp(rules);
  await expect(upstream.reachable(5_000)).resolves.toBe(false);
  await expect(upstream.ask(question)).rejects.toMatchObject({ code: 'unreachable' });
  expect(served).toEqual([]);
});

test.each<[string, 'TLSv1.2' | 'TLSv1.3']>([
  ['TLS 1.2', 'TLSv1.2'],
  ['TLS 1.3', 'TLSv1.3'],
])(
  'over %s a second connection resumes the session of the first, and the pin is asked all the same',
  async (_, maxVersion) => {
    const handshakes: boolean[] = [];
    const server: Server = createServer({ cert, key, maxVersion }, (_req, res) => {
      res.writeHead(200, { connection: 'close' });
      res.end('ok');
    });
    server.on('secureConnection', (socket: TLSSocket) => handshakes.push(socket.isSessionReused()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const clock = new TestClock();
    const upstream = openUpstream({ url: `https://127.0.0.1:${portOf(server)}`, ca, pin: ofKey, clock });
    stops.push(async () => {
      await upstream.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
    for (let i = 0; i < 4; i += 1) expect((await upstream.ask(question)).body.toString()).toBe('ok');
    expect(handshakes).toEqual([false, true, true, true]);
    clock.advance(600_001);
    await upstream.ask(question);
    expect(handshakes.at(-1)).toBe(false);
  },
);

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a session of an untrusted connection is never offered (%s)',
  async (maxVersion) => {
    const reused: boolean[] = [];
    const server: Server = createServer({ cert, key, maxVersion }, (_req, res) => void res.end('ok'));
    server.on('secureConnection', (socket: TLSSocket) => reused.push(socket.isSessionReused()));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const upstream = openUpstream({ url: `https://127.0.0.1:${portOf(server)}`, pin: '00'.repeat(32) });
    stops.push(async () => {
      await upstream.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
    for (let i = 0; i < 3; i += 1) await expect(upstream.ask(question)).rejects.toMatchObject({ code: 'unreachable' });
    expect(reused).not.toContain(true);
  },
);

test.each(['', 'sha256/', 'sha256/abc', 'abcd', 'zz'.repeat(32), `${'00'.repeat(32)}00`, 'sha1/AAAA'])(
  'what is no pin (%j) stops the start instead of turning the check off',
  (pin) => {
    expect(() => parsePin(pin)).toThrow(TypeError);
    expect(() => openUpstream({ url: 'https://app.test', pin })).toThrow(TypeError);
  },
);

test.each(['ftp://a', 'http://a/b', 'http://a?b', 'http://u:p@a', 'http://a#b', 'a', ''])(
  'what is no plain address (%j) stops the start',
  (url) => {
    expect(() => destination(url)).toThrow(TypeError);
  },
);

test('TLS rules for an address without TLS stop the start', () => {
  expect(() => openUpstream({ url: 'http://127.0.0.1:1', pin: ofKey })).toThrow(TypeError);
});

test('an address is read once, with its usual port and without brackets', () => {
  expect(destination('https://[::1]')).toEqual({
    secure: true,
    host: '::1',
    port: 443,
    origin: 'https://[::1]',
    authority: '[::1]',
  });
  expect(destination('http://App.Test:8081/').authority).toBe('app.test:8081');
});
