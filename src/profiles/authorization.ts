/**
 * What becomes of `Authorization` inside a verified session, with `mode: gateway-first`. By `same-user` the password of one
 * person opens nothing behind the factor of another. Only Basic names a person, and only in one reading of it.
 */
import type { Authorization, Identity } from '../gate/types.ts';
import type { ProfileData } from './schema.ts';

export type JudgeAuthorization = (lines: readonly string[], identity: Identity) => Authorization;

export function compileAuthorization(
  kind: ProfileData['authorization'],
  identify: (name: string) => Identity | undefined,
): JudgeAuthorization {
  switch (kind) {
    case 'none':
      return () => 'dropped';
    case 'any':
      return () => 'own';
    case 'same-user':
      return (lines, identity) => {
        const [line, second] = lines;
        if (line === undefined) return 'own';
        const user = second === undefined ? basicUser(line) : undefined;
        return user !== undefined && identify(user) === identity ? 'own' : 'foreign';
      };
    default:
      return kind satisfies never;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** RFC 7617. @returns `undefined` for what another reader could take for another name. */
function basicUser(line: string): string | undefined {
  const encoded = /^basic +([a-z0-9+/]+={0,2})$/i.exec(line)?.[1];
  if (encoded === undefined) return undefined;
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.toString('base64') !== encoded) return undefined;
  try {
    const text = utf8.decode(bytes);
    const colon = text.indexOf(':');
    return colon < 0 ? undefined : text.slice(0, colon);
  } catch {
    return undefined;
  }
}
