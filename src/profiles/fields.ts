/**
 * Names and values of a query or form, read the way the pickiest and the sloppiest application would: a field that two
 * parsers could see differently is reported as ambiguous, never guessed at (I7). Parsers are here; rebuilding too.
 */

export type Lookup =
  | { readonly found: 'once'; readonly value: string }
  | { readonly found: 'never' }
  /** More than once, or once under a name that PHP would fold into this one. */
  | { readonly found: 'ambiguous' };

export interface Fields {
  lookup(name: string): Lookup;
  /** All names as PHP would see them. */
  names(): readonly string[];
}
