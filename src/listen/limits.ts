/** What a client may take of the listener before anybody knows who it is. Numbers only; nothing is enforced here. */

export interface ListenerLimits {
  /** Bytes of a request's head, all lines together. Above: 431; over HTTP/2 the stream is reset. */
  readonly headerBytes: number;
  /** Header lines of one request. Above: 431; over HTTP/2 the stream is reset. */
  readonly headers: number;
  /** Bytes of a request target. Above: 414. */
  readonly urlBytes: number;
  /** How long the head of a request, or a TLS handshake, may take, in ms. Above: 408, or the connection is closed. */
  readonly headersTimeoutMs: number;
  /** How long a body may stand still because the client neither sends nor reads, in ms. Silence of the application is none. */
  readonly bodyIdleMs: number;
  /** How long a connection without a request stays open, in ms. */
  readonly keepAliveMs: number;
  /** Connections at a time, from everywhere. */
  readonly connections: number;
  /** Connections at a time from one address; trusted proxies are exempt. */
  readonly connectionsPerAddress: number;
}
