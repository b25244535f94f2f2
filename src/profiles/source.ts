/** A YAML file with the line of everything that stands in it. Parses; never validates, never shows the text. */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, type YAMLError } from 'yaml';
import type { Problem } from './problem.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export class Source {
  readonly file: string;
  /** Plain data; `undefined` when the file could not be parsed. */
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly #root: Node | null;
  readonly #lines: LineCounter;

  constructor(file: string, text: string) {
    this.file = file;
    this.#lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: this.#lines, prettyErrors: false, version: '1.2' });
    this.#root = document.contents;
    const problems = [...document.errors, ...document.warnings].map((error) => this.#problemOf(error));
    if (problems.length === 0) {
      try {
        this.value = document.toJS({ maxAliasCount: 100 });
      } catch {
        problems.push({ file, path: '', line: 1, column: 1, rule: SENTENCES.BAD_ALIAS ?? '', severity: 'error' });
      }
    }
    this.problems = problems;
  }

  /** Where the key of this path stands, or the nearest one above it. */
  locate(path: readonly PropertyKey[]): Position {
    return this.#position(this.#find(path).offset);
  }

  has(path: readonly PropertyKey[]): boolean {
    return this.#find(path).depth === path.length;
  }

  /** How many keys of the path exist. */
  depthOf(path: readonly PropertyKey[]): number {
    return this.#find(path).depth;
  }

  #find(path: readonly PropertyKey[]): { depth: number; offset: number } {
    let node: unknown = this.#root;
    let offset = this.#root?.range?.[0] ?? 0;
    for (const [depth, key] of path.entries()) {
      if (isMap(node)) {
        const pair = node.items.find(
          (item) => (isScalar(item.key) ? String(item.key.value) : undefined) === String(key),
        );
        if (pair === undefined) return { depth, offset };
        offset = (isScalar(pair.key) ? pair.key.range?.[0] : undefined) ?? offset;
        node = pair.value;
      } else if (isSeq(node) && typeof key === 'number' && key < node.items.length) {
        node = node.items[key];
        offset = rangeOf(node) ?? offset;
      } else {
        return { depth, offset };
      }
    }
    return { depth: path.length, offset };
  }

  #position(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  }

  /** The parser's own message may quote the text, and the text may be a secret: only its code is used. */
  #problemOf(error: YAMLError): Problem {
    const rule = SENTENCES[error.code] ?? `this is not valid YAML (${error.code})`;
    return { file: this.file, path: '', ...this.#position(error.pos[0]), rule, severity: 'error' };
  }
}

function rangeOf(node: unknown): number | undefined {
  return isScalar(node) || isMap(node) || isSeq(node) ? node.range?.[0] : undefined;
}

const SENTENCES: Readonly<Record<string, string | undefined>> = {
  BAD_ALIAS: 'an alias here refers to nothing, or to too much',
  BAD_INDENT: 'the indentation does not fit the lines above',
  DUPLICATE_KEY: 'this key is there twice; only one can hold',
  MISSING_CHAR: 'a quote, bracket or colon is missing',
  TAB_AS_INDENT: 'YAML is indented with blanks, not with tabs',
  MULTILINE_IMPLICIT_KEY: 'a colon is missing, or a line is not indented',
  BLOCK_AS_IMPLICIT_KEY: 'there is a second colon here; put the value in quotes, or indent the next line like this one',
  UNEXPECTED_TOKEN: 'there is something here that YAML does not expect; put the value in quotes',
  MULTIPLE_DOCS: 'only one document may stand in the file',
  TAG_RESOLVE_FAILED: 'tags (!name) mean nothing here',
};
