/** A bare server that forwards everything, as the gateway does for a verified session, and notes what it was told. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { openUpstream, type UpstreamOptions } from '../../src/upstream/http.ts';
import { type RequestHeaderOptions, requestHeaders } from '../../src/upstream/request-headers.ts';
import type {
  AnswerHead,
  FlatHeaders,
  Forwarding,
  HeadRuling,
  Running,
  Upstream,
  UpstreamFailure,
} from '../../src/upstream/upstream.ts';
import { portOf, StandIn } from './wire.ts';

export interface FrontOptions extends Partial<UpstreamOptions> {
  readonly url: string;
  readonly rule?: (head: AnswerHead, res: ServerResponse) => HeadRuling;
  readonly headers?: Partial<RequestHeaderOptions>;
  /** Whether hints and trailers may go out; asked anew for each. */
  readonly mayTell?: () => boolean;
  readonly before?: (req: IncomingMessage) => Promise<Partial<Forwarding>>;
  readonly tunnelHead?: (head: AnswerHead) => FlatHeaders | Promise<FlatHeaders>;
  readonly checkContinue?: boolean;
}

export class Front {
  readonly upstream: Upstream;
  readonly server: Server;
  readonly running: Running[] = [];
  readonly failures: UpstreamFailure[] = [];
  readonly heads: AnswerHead[] = [];
  ends = 0;

  private constructor(options: FrontOptions) {
    this.upstream = openUpstream(options);
    const onRequest = (req: IncomingMessage, res: ServerResponse): void => {
      void (async () => {
        const more = options.before === undefined ? {} : await options.before(req);
        this.running.push(
          this.upstream.forward({
            req,
            res,
            target: req.url ?? '/',
            headers: headersOf(req, { framing: 'stream', ...options.headers }),
            onHead: (head) => {
              this.heads.push(head);
              return options.rule?.(head, res) ?? { send: withCookies(head) };
            },
            ...(options.mayTell === undefined ? {} : { mayTell: options.mayTell }),
            onFailure: (error) => {
              this.failures.push(error.code);
              res.writeHead(error.code === 'timeout' ? 504 : 502, { 'content-length': 0 });
              res.end();
            },
            onEnd: () => {
              this.ends += 1;
            },
            ...more,
          }),
        );
      })();
    };
    this.server = createServer({ keepAliveTimeout: 60_000 }, onRequest);
    if (options.checkContinue !== false) this.server.on('checkContinue', onRequest);
    this.server.on('upgrade', (req, socket, head) => {
      this.running.push(
        this.upstream.tunnel({
          req,
          socket,
          head,
          target: req.url ?? '/',
          headers: headersOf(req, { framing: 'none', ...options.headers }),
          onHead: (answer) => {
            this.heads.push(answer);
            return options.tunnelHead?.(answer) ?? withCookies(answer);
          },
          onEnd: () => {
            this.ends += 1;
          },
        }),
      );
    });
  }

  static async start(options: FrontOptions): Promise<Front> {
    const front = new Front(options);
    await new Promise<void>((resolve) => front.server.listen(0, '127.0.0.1', resolve));
    return front;
  }

  get port(): number {
    return portOf(this.server);
  }

  async stop(): Promise<void> {
    await this.upstream.close();
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

const stops: (() => Promise<void>)[] = [];

/** An application and a front before it. */
export async function openBoth(options: Partial<FrontOptions> = {}): Promise<{ app: StandIn; front: Front }> {
  const app = await StandIn.start();
  stops.push(() => app.stop());
  const front = await Front.start({ url: app.url, ...options });
  stops.push(() => front.stop());
  return { app, front };
}

/** For `afterEach`. */
export async function closeBoth(): Promise<void> {
  for (const stop of stops.splice(0).reverse()) await stop();
}

export function withCookies(head: AnswerHead): FlatHeaders {
  return [...head.headers, ...head.setCookies.flatMap((line) => ['Set-Cookie', line])];
}

export function headersOf(req: IncomingMessage, options: Partial<RequestHeaderOptions>): FlatHeaders {
  return requestHeaders(req.rawHeaders, {
    host: 'app.test',
    forwardedFor: '192.0.2.7',
    forwardedProto: 'https',
    forwardedHost: 'public.test',
    forwardedPort: '443',
    cookie: undefined,
    credentials: false,
    identityEncoding: false,
    framing: 'none',
    ...options,
  });
}
