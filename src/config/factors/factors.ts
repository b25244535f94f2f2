/** The block `factors`: one file beside this for each factor. To add one: its file, and a line here. */
import { z } from 'zod';
import type { Remark } from '../remark.ts';
import type { Secret, SecretRef } from '../secret.ts';
import { authy } from './authy.ts';
import type { Around, FactorBlock } from './block.ts';
import { bypass } from './bypass.ts';
import { email } from './email.ts';
import { passkey } from './passkey.ts';
import { recovery } from './recovery.ts';
import { sms } from './sms.ts';
import { totp } from './totp.ts';
import { verify } from './verify.ts';

const BLOCKS = { totp, authy, verify, sms, email, passkey, recovery, bypass };
type Blocks = typeof BLOCKS;
type Name = keyof Blocks;

/** The same, for what treats them all alike. */
const ALL = Object.entries(BLOCKS) as readonly (readonly [Name, FactorBlock<z.ZodType, object>])[];

export const factorsSchema = z.strictObject(
  Object.fromEntries(ALL.map(([name, { schema }]) => [name, schema])) as { [Id in Name]: Blocks[Id]['schema'] },
);

export type ParsedFactors = z.output<typeof factorsSchema>;

/** What each factor is built with. A factor is on when it is there. */
export type FactorsConfig = { [Id in Name]?: NonNullable<ReturnType<Blocks[Id]['complete']>> };

/** Where the file has secrets, and how it gives them. */
export interface SecretAt {
  readonly path: readonly string[];
  readonly ref: SecretRef;
}

/** What surrounds all blocks; `secret` is by the whole path. */
export type AroundAll = Omit<Around, 'secret'> & { readonly secret: (path: readonly string[]) => Secret | undefined };

export function isAnyOn(parsed: ParsedFactors): boolean {
  return ALL.some(([name, block]) => block.isOn(parsed[name]));
}

/** Whether one of these can be asked for at the prompt; codes for a lost method are nothing without another one. */
export function isOneOn(parsed: ParsedFactors, names: readonly Name[]): boolean {
  return ALL.some(([name, block]) => names.includes(name) && block.isOn(parsed[name]));
}

export function secretsOf(parsed: ParsedFactors): readonly SecretAt[] {
  return ALL.flatMap(([name, block]) =>
    Object.entries(block.secrets?.(parsed[name]) ?? {}).flatMap(([key, ref]) =>
      ref === undefined ? [] : [{ path: ['factors', name, ...key.split('.')], ref }],
    ),
  );
}

export function checkFactors(parsed: ParsedFactors, all: AroundAll): readonly Remark[] {
  return ALL.flatMap(([name, block]) =>
    (block.check?.(parsed[name], around(all, name)) ?? []).map((remark) => ({
      ...remark,
      path: ['factors', name, ...remark.path],
    })),
  );
}

export function completeFactors(parsed: ParsedFactors, all: AroundAll): FactorsConfig {
  const complete = ALL.map(([name, block]) => [name, block.complete(parsed[name], around(all, name))] as const);
  return Object.fromEntries(complete.filter(([, options]) => options !== undefined));
}

function around({ publicUrl, service, secret }: AroundAll, name: Name): Around {
  return { publicUrl, service, secret: (key) => secret(['factors', name, ...key.split('.')]) };
}
