/**
 * What an administrator knows of people: the e-mail address and the number at which somebody is really reached, from a list and
 * not from the person. Reads and compares lists; a list with one bad line is no list.
 */
import type { Identity, Phone } from '../gate/types.ts';
import { readPhone } from '../phone/phone.ts';
import { type CsvRow, readCsv } from './csv.ts';
import { isEmail } from './email.ts';

export interface KnownPerson {
  readonly email?: string;
  readonly phone?: Phone;
}

export type KnownPeople = ReadonlyMap<Identity, KnownPerson>;

export interface PeopleRules {
  readonly identify: (name: string) => Identity | undefined;
  /** Of numbers that are written without their country. */
  readonly country: string;
  readonly mayReach: (country: string) => boolean;
}

export interface LineProblem {
  readonly line: number;
  readonly problem: string;
}

export type ReadPeople =
  | { readonly ok: true; readonly people: KnownPeople }
  | { readonly ok: false; readonly problems: readonly LineProblem[] };

const COLUMNS = ['identity', 'email', 'phone'] as const;
type Column = (typeof COLUMNS)[number];

/** @param text a header line that names the columns, in any order, then a line for each person */
export function readPeople(text: string, rules: PeopleRules): ReadPeople {
  const read = readCsv(text);
  if (!read.ok) return { ok: false, problems: [{ line: read.line, problem: read.problem }] };
  const [header, ...rows] = read.rows;
  const columns = columnsOf(header);
  if (typeof columns === 'string') return { ok: false, problems: [{ line: header?.line ?? 1, problem: columns }] };
  const people = new Map<Identity, KnownPerson>();
  const lines = new Map<Identity, number>();
  const problems: LineProblem[] = [];
  for (const row of rows) {
    const one = personIn(row, columns, rules);
    if (typeof one === 'string') {
      problems.push({ line: row.line, problem: one });
      continue;
    }
    const earlier = lines.get(one.identity);
    if (earlier !== undefined) {
      problems.push({ line: row.line, problem: `the same account as in line ${earlier}` });
      continue;
    }
    lines.set(one.identity, row.line);
    people.set(one.identity, one.person);
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, people };
}

export interface Merged {
  readonly people: KnownPeople;
  readonly added: number;
  readonly changed: number;
  readonly same: number;
  /** Were known and are not in the list. */
  readonly others: number;
}

/** @param replace whether who is not in the list is forgotten; otherwise they stay as they are */
export function merge(before: KnownPeople, list: KnownPeople, replace: boolean): Merged {
  const counts = { added: 0, changed: 0, same: 0 };
  for (const [identity, person] of list) {
    const old = before.get(identity);
    counts[old === undefined ? 'added' : isSame(old, person) ? 'same' : 'changed'] += 1;
  }
  const others = [...before].filter(([identity]) => !list.has(identity));
  return { people: new Map([...(replace ? [] : others), ...list]), ...counts, others: others.length };
}

function isSame(one: KnownPerson, other: KnownPerson): boolean {
  return one.email === other.email && one.phone?.e164 === other.phone?.e164;
}

/** Which column is where, or what is wrong with the header. */
function columnsOf(header: CsvRow | undefined): readonly Column[] | string {
  if (header === undefined) return 'the file is empty';
  const names = header.fields.map((name) => name.trim().toLowerCase());
  const columns: Column[] = [];
  for (const name of names) {
    const column = COLUMNS.find((one) => one === name);
    if (column === undefined) return `the first line names the columns identity, email and phone, not "${shown(name)}"`;
    if (columns.includes(column)) return `the column ${column} is there twice`;
    columns.push(column);
  }
  if (!columns.includes('identity') || columns.length < 2) {
    return 'the first line names identity, and email or phone or both';
  }
  return columns;
}

function personIn(
  { fields }: CsvRow,
  columns: readonly Column[],
  { country, identify, mayReach }: PeopleRules,
): { readonly identity: Identity; readonly person: KnownPerson } | string {
  if (fields.length !== columns.length) return `has ${fields.length} fields instead of ${columns.length}`;
  const field = (column: Column): string => (fields[columns.indexOf(column)] ?? '').trim();
  const [name, email, number] = [field('identity'), field('email'), field('phone')];
  const identity = identify(name);
  if (identity === undefined) return 'cannot be the name of an account';
  if (email === '' && number === '') return 'has neither an e-mail address nor a number';
  if (email !== '' && !isEmail(email)) return 'has no e-mail address where one is expected';
  const phone = number === '' ? undefined : readPhone({ country, number });
  if (phone?.ok === false) return PHONES[phone.problem];
  if (phone !== undefined && !mayReach(phone.phone.country))
    return 'has a number of a country that limits.sends.countries leaves out';
  return {
    identity,
    person: { ...(email === '' ? {} : { email }), ...(phone === undefined ? {} : { phone: phone.phone }) },
  };
}

const PHONES = {
  empty: 'has no number where one is expected',
  invalid: 'has a number that does not exist; write it with its country: +41791234567',
  country: 'has a number without its country; write it like +41791234567',
  'not-mobile': 'has a number that gets no texts',
} as const;

function shown(text: string): string {
  return text.replace(/[^\p{L}\p{N} ._@-]/gu, '?').slice(0, 40);
}
