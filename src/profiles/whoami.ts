/**
 * Who does the application think this jar is (I3)? Exactly one name, or nobody as the profile describes nobody; everything
 * else is unknown, and unknown is never read as nobody (I6). The text is partly written by people (attack 35).
 */
import type { Identity, Naming } from '../gate/types.ts';
import { at } from './json.ts';
import { attributeOf, Page, textOf } from './page.ts';
import type { Answer, Whoami } from './profile.ts';
import { bodyHas, hasStatus, jsonHas, list } from './rules.ts';
import type { WhoamiData } from './schema.ts';

/** All candidates that the answer holds; `undefined` when it cannot be read. */
type Source = (page: Page) => readonly string[] | undefined;

export function compileWhoami(data: WhoamiData, identify: (name: string) => Identity | undefined): Whoami {
  const source = compileSource(data);
  const refine = refiner(data.pattern);
  const emailOf = data.email === undefined ? undefined : compileEmail(data.email);
  const hasName = data.status === undefined ? isSuccess : hasStatus(data.status);
  const anonymous = list(data.anonymous ?? []).map(compileAnonymous);

  const read = (answer: Answer): Naming => {
    const page = new Page(answer);
    const nobody = anonymous.some((holds) => holds(page));
    if (!hasName(page)) return nobody ? { is: 'nobody' } : unknown(`status ${answer.status}`);
    const found = source(page);
    if (found === undefined) return nobody ? { is: 'nobody' } : unknown('the answer cannot be read');
    const names = [...new Set(found.flatMap(refine).map((name) => name.trim()))].filter((name) => name !== '');
    const [name, second] = names;
    if (name === undefined) return nobody ? { is: 'nobody' } : unknown('no name in the answer');
    if (nobody) return unknown('a name in an answer that looks like nobody');
    if (second !== undefined) return unknown('more than one name in the answer');
    const identity = identify(name);
    if (identity === undefined) return unknown('the name cannot be one');
    return { is: 'named', identity, ...(emailOf === undefined ? {} : { email: emailOf(page) ?? null }) };
  };
  return { path: data.path, recheck: data.recheck, read };
}

function unknown(why: string): Naming {
  return { is: 'unknown', why };
}

function isSuccess({ answer }: Page): boolean {
  return answer.status >= 200 && answer.status < 300;
}

/** The one address on the page. */
function compileEmail(data: NonNullable<WhoamiData['email']>): (page: Page) => string | undefined {
  const source = compileSource(data);
  const refine = refiner(data.pattern);
  return (page) => {
    const found = (source(page) ?? []).flatMap(refine).map((text) => text.trim());
    const [email, second] = new Set(found.filter((text) => text !== ''));
    return second === undefined ? email : undefined;
  };
}

function refiner(pattern: string | undefined): (text: string) => readonly string[] {
  return pattern === undefined ? (text) => [text] : groups(pattern);
}

function compileSource(data: Pick<WhoamiData, 'css' | 'json' | 'header' | 'regex' | 'attribute'>): Source {
  const { css, json, header, regex, attribute } = data;
  if (css !== undefined) {
    return (page) =>
      page.select(css)?.flatMap((element) => {
        const text = attribute === undefined ? textOf(element) : attributeOf(element, attribute);
        return text === undefined ? [] : [text];
      });
  }
  if (json !== undefined) {
    return (page) => {
      const document = page.json();
      if (document === undefined) return undefined;
      const value = at(document, json);
      return typeof value === 'string' || typeof value === 'number' ? [String(value)] : [];
    };
  }
  if (header !== undefined) return (page) => page.headers(header.toLowerCase());
  const find = groups(regex ?? '(?!)');
  return (page) => {
    const text = page.isText() ? page.text() : undefined;
    return text === undefined ? undefined : find(text);
  };
}

/** First group (or the whole match) of every match. */
function groups(pattern: string): (text: string) => readonly string[] {
  const expression = new RegExp(pattern, 'gu');
  return (text) => [...text.matchAll(expression)].map((match) => match[1] ?? match[0]);
}

type AnonymousRule = Exclude<NonNullable<WhoamiData['anonymous']>, readonly unknown[]>;

function compileAnonymous(rule: AnonymousRule): (page: Page) => boolean {
  const checks: ((page: Page) => boolean)[] = [];
  const { status, locationHas, css } = rule;
  if (status !== undefined) checks.push(hasStatus(status));
  if (locationHas !== undefined) {
    checks.push((page) => {
      const locations = page.headers('location');
      return locations.length > 0 && list(locationHas).every((part) => locations.every((text) => text.includes(part)));
    });
  }
  if (rule.bodyHas !== undefined) checks.push(bodyHas(list(rule.bodyHas)));
  if (css !== undefined) checks.push((page) => (page.select(css)?.length ?? 0) > 0);
  if (rule.json !== undefined) checks.push(jsonHas(rule.json));
  return (page) => checks.every((holds) => holds(page));
}
