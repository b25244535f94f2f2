/**
 * How PHP folds field and cookie names (main/php_variables.c, measured with PHP 8.2): many spellings end as one variable.
 * Only names are read here; what a twin means is decided by fields.ts.
 */

/** One step of `a[b][c]`; the empty one is `[]`, which takes the next free number. */
export type Segment = string;

/**
 * @param name a name after percent decoding.
 * @returns the variable and its indices; empty when PHP would drop the field.
 */
export function phpPath(name: string): readonly Segment[] {
  const nul = name.indexOf('\0');
  const text = (nul < 0 ? name : name.slice(0, nul)).replace(/^ +/, '');
  const open = text.indexOf('[');
  if (open < 0) return text === '' ? [] : [mangle(text)];
  if (open === 0) return [];
  const head = mangle(text.slice(0, open));
  const segments: Segment[] = [];
  let at = open;
  while (text[at] === '[') {
    const close = text.indexOf(']', closingFrom(text, at));
    if (close < 0) {
      // Unclosed at first: the bracket and all that follows become part of the name. Unclosed later: it is dropped.
      return segments.length === 0 ? [mangle(text)] : [head, ...segments];
    }
    const index = text.slice(at + 1, close);
    segments.push(/^[ \t\n\v\f\r]?$/.test(index) ? '' : index);
    at = close + 1;
  }
  return [head, ...segments];
}

/** A lone blank before `]` is skipped; anything else is looked through for the first `]`. */
function closingFrom(text: string, open: number): number {
  return /[ \t\n\v\f\r]/.test(text[open + 1] ?? '') ? open + 2 : open + 1;
}

function mangle(text: string): string {
  return text.replace(/[ .[]/g, '_');
}

/** Whether two variables are the same, or one holds the other, so that the later field changes the earlier. */
export function sameOrInside(a: readonly Segment[], b: readonly Segment[]): boolean {
  const shared = Math.min(a.length, b.length);
  if (shared === 0) return false;
  for (let i = 0; i < shared; i++) {
    if (!sameSegment(a[i] ?? '', b[i] ?? '')) return false;
  }
  return true;
}

function sameSegment(a: Segment, b: Segment): boolean {
  return a === b || (a === '' && /^\d+$/.test(b)) || (b === '' && /^\d+$/.test(a));
}
