/** /livez and /readyz on a listener of their own: two words, no data, never on the public port (attack "magic client strings"). */
import { createServer, type Server } from 'node:http';

export interface Probed {
  /** From the signal on: whoever balances load sends nobody here any more. */
  readonly isStopping: () => boolean;
  readonly storeHealthy: () => boolean;
  readonly upstreamReachable: () => Promise<boolean>;
}

export function serveManagement({ isStopping, storeHealthy, upstreamReachable }: Probed): Server {
  return createServer((req, res) => {
    const answer = (status: number, text: string): void => {
      res.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
      res.end(req.method === 'HEAD' ? undefined : `${text}\n`);
    };
    if (req.method !== 'GET' && req.method !== 'HEAD') return answer(405, 'method not allowed');
    if (req.url === '/livez') return answer(200, 'ok');
    if (req.url !== '/readyz') return answer(404, 'not found');
    if (isStopping()) return answer(503, 'stopping');
    if (!storeHealthy()) return answer(503, 'store');
    upstreamReachable().then(
      (reachable) => answer(reachable ? 200 : 503, reachable ? 'ok' : 'upstream'),
      () => answer(503, 'upstream'),
    );
  });
}
