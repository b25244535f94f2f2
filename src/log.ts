/**
 * The log: JSON lines with stable event names (OWASP logging vocabulary where it has a word). Facts are named fields,
 * never whole requests, errors or records, and a secret has no field it could stand in.
 */
import { pino, destination as writeTo } from 'pino';
import type { Json } from './gate/types.ts';

export type Facts = { readonly [name: string]: Json | undefined };

export interface Log {
  debug(event: string, facts?: Facts): void;
  info(event: string, facts?: Facts): void;
  warn(event: string, facts?: Facts): void;
  error(event: string, facts?: Facts): void;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Names that must never hold a value, should a fact ever be called so. A net under the rule above, not the rule. */
const NEVER = ['password', 'code', 'token', 'secret', 'cookie', 'cookies', 'authorization', 'apiKey', 'phone', 'id'];
const LONGEST = 500;

export function createLog(level: LogLevel, destination?: { write(line: string): void }): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: NEVER, censor: '[secret]' },
    },
    destination ?? writeTo({ fd: 1, sync: false }),
  );
  const write =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (event: string, facts: Facts = {}) => {
      logger[method](shorten(facts), event);
    };
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** Hostile text (user names, header values) must not fill the disk (attack "log forging"); JSON escapes the rest. */
function shorten(facts: Facts): Facts {
  for (const value of Object.values(facts)) {
    if (typeof value === 'string' && value.length > LONGEST) {
      return Object.fromEntries(
        Object.entries(facts).map(([name, text]) => [name, typeof text === 'string' ? text.slice(0, LONGEST) : text]),
      );
    }
  }
  return facts;
}

/** The text of an error for the log: class, code and message of the whole chain, without stacks. */
export function reasonOf(error: unknown): string {
  const seen: string[] = [];
  for (let cause = error; cause instanceof Error && seen.length < 4; cause = cause.cause) {
    const code = 'code' in cause && typeof cause.code === 'string' ? ` ${cause.code}` : '';
    seen.push(`${cause.name}${code}: ${cause.message}`);
  }
  return seen.length === 0 ? String(error) : seen.join(' <- ');
}
