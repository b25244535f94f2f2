/**
 * Comma-separated values as RFC 4180 writes them, read strictly: whoever imports people must not lose half a line to a quote that
 * nobody closed. A byte order mark, either end of line, and semicolons (spreadsheets in much of Europe) are fine.
 */

export interface CsvRow {
  /** Where it begins, counted from 1. */
  readonly line: number;
  readonly fields: readonly string[];
}

export type ReadCsv =
  | { readonly ok: true; readonly rows: readonly CsvRow[] }
  | { readonly ok: false; readonly line: number; readonly problem: string };

/** What the first line uses decides for all. */
const SEPARATORS = /[,;]/;

/** Lines with nothing in them are left out. */
export function readCsv(text: string): ReadCsv {
  const input = text.startsWith('\ufeff') ? text.slice(1) : text;
  const separator = SEPARATORS.exec(input.split(/[\r\n]/, 1)[0] ?? '')?.[0] ?? ',';
  const rows: CsvRow[] = [];
  let at = 0;
  let line = 1;
  while (at < input.length) {
    const start = line;
    const fields: string[] = [];
    for (;;) {
      const field = input[at] === '"' ? quoted(input, at) : plain(input, at, separator);
      if (typeof field === 'string') return { ok: false, line: start, problem: field };
      fields.push(field.text);
      line += field.text.split('\n').length - 1;
      at = field.end;
      if (input[at] !== separator) break;
      at += 1;
    }
    const end = /^(?:\r?\n|$)/.exec(input.slice(at, at + 2))?.[0];
    if (end === undefined) return { ok: false, line: start, problem: AFTER_QUOTE };
    at += end.length;
    line += 1;
    if (fields.length > 1 || fields[0] !== '') rows.push({ line: start, fields });
  }
  return { ok: true, rows };
}

const AFTER_QUOTE = 'after a closing quote comes a separator or the end of the line';

interface Field {
  readonly text: string;
  /** Where what follows it begins. */
  readonly end: number;
}

function quoted(input: string, start: number): Field | string {
  let text = '';
  let at = start + 1;
  for (;;) {
    const quote = input.indexOf('"', at);
    if (quote < 0) return 'a quote is never closed';
    text += input.slice(at, quote);
    if (input[quote + 1] !== '"') return { text, end: quote + 1 };
    text += '"';
    at = quote + 2;
  }
}

function plain(input: string, start: number, separator: string): Field | string {
  let end = start;
  while (end < input.length && input[end] !== separator && !isLineEnd(input, end)) {
    if (input[end] === '"') return 'a quote inside a field that does not begin with one';
    if (input[end] === '\r') return 'a line ends with CR alone';
    end += 1;
  }
  return { text: input.slice(start, end), end };
}

function isLineEnd(input: string, at: number): boolean {
  return input[at] === '\n' || (input[at] === '\r' && input[at + 1] === '\n');
}
