/** A listener with handlers of the test's own, and what happens at it. */

import type { Pair } from '../../src/listen/certificate.ts';
import type { ListenerLimits } from '../../src/listen/limits.ts';
import { Listener, type ListenerOptions } from '../../src/listen/listener.ts';
import { createLog } from '../../src/log.ts';
import { TestClock } from '../fakes/clock.ts';
import { LIMITS } from '../flows/harness.ts';
import { cert, key } from '../upstream/certificates.ts';

export const PAIR: Pair = { cert, key, expires: Date.UTC(2126, 0, 1) };

export interface FrontParts extends Partial<Omit<ListenerOptions, 'limits'>> {
  readonly limits?: Partial<ListenerLimits>;
  readonly onRequest?: ConstructorParameters<typeof Listener>[0]['onRequest'];
  readonly onUpgrade?: ConstructorParameters<typeof Listener>[0]['onUpgrade'];
}

export interface OpenFront {
  readonly listener: Listener;
  readonly port: number;
  readonly clock: TestClock;
  readonly logged: Record<string, unknown>[];
}

const open: Listener[] = [];

export async function openFront(parts: FrontParts = {}): Promise<OpenFront> {
  const { onRequest, onUpgrade, limits, ...options } = parts;
  const clock = new TestClock();
  const logged: Record<string, unknown>[] = [];
  const listener = new Listener(
    {
      onRequest: onRequest ?? ((_req, res) => void res.end('ok')),
      onUpgrade:
        onUpgrade ?? ((_req, socket) => void socket.end('HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n')),
    },
    {
      http2: true,
      isExempt: () => false,
      clock,
      log: createLog('debug', { write: (line) => void logged.push(JSON.parse(line)) }),
      ...options,
      limits: { ...LIMITS, ...limits },
    },
  );
  await listener.listen(0, '127.0.0.1');
  open.push(listener);
  return { listener, port: listener.port, clock, logged };
}

/** For `afterEach`. */
export async function closeFronts(): Promise<void> {
  for (const listener of open.splice(0)) await listener.close();
}
