/** Builds the questions and answers that profile tests ask with. */
import { formFields, queryFields } from '../../src/profiles/fields.ts';
import { canonicalTarget, isRefused } from '../../src/profiles/path.ts';
import type { Answer, Profile, RouteAnswer, RouteQuestion } from '../../src/profiles/profile.ts';

interface More {
  readonly body?: string;
  readonly type?: string;
  readonly onPublicHost?: boolean;
  readonly host?: string;
  readonly client?: string;
}

/** As the request path does it: canonical target, body only when the profile asks for it. */
export function ask(profile: Profile, line: string, more: More = {}): RouteAnswer {
  return profile.route(question(profile, line, more));
}

export function question(profile: Profile, line: string, more: More = {}): RouteQuestion {
  const [method = '', raw = ''] = line.split(' ');
  const target = canonicalTarget(raw);
  if (isRefused(target)) throw new Error(`${raw}: ${target.refused}`);
  const body = Buffer.from(more.body ?? '');
  const type = more.type ?? (more.body === undefined ? undefined : 'application/x-www-form-urlencoded');
  const read = profile.readsBody(method, target.path) ? formFields(body, type) : undefined;
  return {
    method,
    path: target.path,
    query: queryFields(target.query),
    form: read?.read === 'fields' ? read.fields : undefined,
    onPublicHost: more.onPublicHost ?? false,
    client: more.client ?? '192.0.2.1',
    ...(more.host === undefined ? {} : { host: more.host }),
  };
}

export function answer(
  status: number,
  headers: Record<string, string | string[]> = {},
  body: string | Buffer = '',
): Answer {
  return {
    status,
    headers: Object.entries(headers).flatMap(([name, values]) =>
      [values].flat().map((value) => [name.toLowerCase(), value] as const),
    ),
    body: Buffer.from(body),
  };
}

export function html(body: string, status = 200): Answer {
  return answer(status, { 'Content-Type': 'text/html; charset=utf-8' }, body);
}
