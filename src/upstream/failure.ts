/** Names what went wrong between us and the application. The client learns the code's sentence only, never the cause. */
import { UpstreamError, type UpstreamFailure } from './upstream.ts';

/** @param error anything that undici, a socket or a parser reported. */
export function failureOf(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  return new UpstreamError(codeOf(error), { cause: error });
}

function codeOf(error: unknown): UpstreamFailure {
  if (!(error instanceof Error)) return 'malformed';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT') return 'timeout';
  if (code === 'UND_ERR_ABORTED' || code === 'UND_ERR_ABORT') return 'aborted';
  if (code === 'UND_ERR_SOCKET') return error.message.startsWith('bad ') ? 'malformed' : 'unreachable';
  if (code === 'UND_ERR_DESTROYED' || code === 'UND_ERR_CLOSED') return 'unreachable';
  if (code.startsWith('HPE_') || code.startsWith('UND_ERR_') || code.startsWith('ERR_')) {
    // TLS problems come as ERR_TLS_… or ERR_SSL_…: there is no connection.
    return code.startsWith('ERR_TLS_') || code.startsWith('ERR_SSL_') ? 'unreachable' : 'malformed';
  }
  return 'unreachable';
}
