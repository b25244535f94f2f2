/**
 * Undoes what loading nunjucks does to every string of the process: it makes an object whose prototype is `String.prototype`,
 * and V8 turns that prototype into a dictionary, so that each `text.length` and `text.slice` in optimised code becomes a call.
 * Measured: 3.4 µs of 63 for each forwarded request. Nothing is changed that a program could see.
 */

/** More calls than V8 makes before it watches what a function reads; in Node 20 the tenth is enough. */
const READS = 200;

/** Reads properties by way of an object with that prototype: V8 then makes the prototype fast again. */
export function quickenStrings(): void {
  const text = Object(''); // a String object: a plain string does not count
  for (let i = 0; i < READS; i += 1) lengthOf(text);
}

function lengthOf(text: { readonly indexOf: unknown }): unknown {
  return text.indexOf;
}
