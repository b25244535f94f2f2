/**
 * What stands in a buffered answer: text in its declared charset, JSON, and HTML through a real parser, because a regular
 * expression finds what a person wrote into a page as gladly as what the application wrote (attack 35).
 */
import { compile as compileSelector, selectAll } from 'css-select';
import { parse } from 'parse5';
import { adapter, type Htmlparser2TreeAdapterMap } from 'parse5-htmlparser2-tree-adapter';
import type { Json } from '../gate/types.ts';
import { parseStrictly } from './json.ts';
import type { Answer } from './profile.ts';

type Node = Htmlparser2TreeAdapterMap['node'];
type Parent = Htmlparser2TreeAdapterMap['parentNode'];
export type PageElement = Htmlparser2TreeAdapterMap['element'];

/** An answer whose parts are decoded at most once, and only when a rule asks for them. */
export class Page {
  readonly answer: Answer;
  #text: string | undefined | null = null;
  #json: { readonly value: Json | undefined } | undefined;
  #document: Htmlparser2TreeAdapterMap['document'] | undefined;

  constructor(answer: Answer) {
    this.answer = answer;
  }

  /** All values of a header, in order. @param name in lower case */
  headers(name: string): readonly string[] {
    return this.answer.headers.filter(([found]) => found.toLowerCase() === name).map(([, value]) => value);
  }

  /** The body as text; `undefined` when it is compressed, or no text in the charset that it says. */
  text(): string | undefined {
    if (this.#text === null) this.#text = this.#decode();
    return this.#text;
  }

  /** The body as JSON; `undefined` when it is none, or one that two parsers could read differently. */
  json(): Json | undefined {
    this.#json ??= { value: this.#parse() };
    return this.#json.value;
  }

  /** Elements that match; `undefined` when the answer cannot be read. @param selector checked when the profile was read */
  select(selector: string): readonly PageElement[] | undefined {
    const text = this.text();
    if (text === undefined) return undefined;
    this.#document ??= parse(text, { treeAdapter: adapter, scriptingEnabled: false });
    return selectAll<Node, PageElement>(selector, this.#document);
  }

  isText(): boolean {
    const type = this.headers('content-type')[0] ?? '';
    return /^\s*(?:text\/|application\/(?:json|xml|xhtml\+xml|javascript|[a-z.-]+\+(?:json|xml)))/i.test(type);
  }

  #isEncoded(): boolean {
    return this.headers('content-encoding').some((coding) => coding.trim().toLowerCase() !== 'identity');
  }

  #parse(): Json | undefined {
    if (this.#isEncoded()) return undefined;
    try {
      return parseStrictly(this.answer.body);
    } catch {
      return undefined;
    }
  }

  /** Old pages say their charset in a `meta` element only; HTML tells browsers to look for it just so, before parsing. */
  #declaredInside(): string | undefined {
    const start = this.answer.body.subarray(0, 1024).toString('latin1');
    return /<meta[^>]+charset\s*=\s*["']?([\w:-]+)/i.exec(start)?.[1];
  }

  #decode(): string | undefined {
    if (this.#isEncoded()) return undefined;
    const type = this.headers('content-type')[0] ?? '';
    const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(type)?.[1] ?? this.#declaredInside() ?? 'utf-8';
    // Two bytes per character: a marker could stand in it that no browser would show.
    if (/^(?:utf-?(?:16|32|7)|ucs|iso-10646)/i.test(charset)) return undefined;
    try {
      return new TextDecoder(charset, { fatal: true }).decode(this.answer.body);
    } catch {
      return undefined;
    }
  }
}

/** @throws when the selector is none. */
export function checkSelector(selector: string): void {
  compileSelector(selector);
}

/** Text as a person reads it: without scripts, styles and comments, blanks folded. */
export function textOf(element: PageElement): string {
  return collect(element).replace(/\s+/g, ' ').trim();
}

function collect(parent: Parent): string {
  let text = '';
  for (const child of adapter.getChildNodes(parent)) {
    if (adapter.isTextNode(child)) text += adapter.getTextNodeContent(child);
    else if (adapter.isElementNode(child) && !HIDDEN.has(adapter.getTagName(child))) text += collect(child);
  }
  return text;
}

const HIDDEN = new Set(['script', 'style', 'template', 'noscript']);

export function attributeOf(element: PageElement, name: string): string | undefined {
  return adapter.getAttrList(element).find((attribute) => attribute.name === name.toLowerCase())?.value;
}

/** The `input` elements of a form. */
export function inputsOf(form: PageElement): readonly PageElement[] {
  return selectAll<Node, PageElement>('input', adapter.getChildNodes(form));
}
