/**
 * Keeps the answers to questions that come again with every request: a name, a path. Bounded, because strangers ask them; it
 * never keeps an answer that depends on anything but the text.
 */

const MOST_ANSWERS = 1000;
const MOST_CHARS = 256;

/** The same function; it must be pure. */
export function remembered<T>(ask: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    let answer = known.get(text);
    if (answer !== undefined) return answer;
    answer = ask(text);
    if (text.length > MOST_CHARS) return answer;
    // All at once: whoever asks for a thousand other paths makes the next ones as slow as they were, and nothing grows.
    if (known.size >= MOST_ANSWERS) known.clear();
    known.set(text, answer);
    return answer;
  };
}
