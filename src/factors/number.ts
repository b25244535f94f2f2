/** A phone number inside an enrolment: what factors that text or call keep, and how it is read back. Sends and prints nothing. */
import type { Json, Phone } from '../gate/types.ts';

/** What an enrolment knows of where its messages go. */
export type KnownNumber = Pick<Phone, 'e164' | 'country'>;

/** The data of an enrolment; `phoneEnding` is what pages may show. */
export function numberData({ e164, country }: Phone): Json {
  return { e164, country, phoneEnding: e164.slice(-2) };
}

/** Stored data is checked like any other input. */
export function numberIn(data: Json): KnownNumber | undefined {
  if (data === null || typeof data !== 'object' || !('e164' in data)) return undefined;
  const { e164, country } = data;
  if (typeof e164 !== 'string' || !/^\+\d{7,15}$/.test(e164)) return undefined;
  return typeof country === 'string' ? { e164, country } : undefined;
}
