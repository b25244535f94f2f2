/** One e-mail address, as people have them. */

/** A name with anything that could end a header or name a second address is none. */
export function isEmail(text: string): boolean {
  return text.length <= 254 && /^[^\s@<>",;:\\()[\]]{1,64}@[a-z0-9-]+(?:\.[a-z0-9-]+)+$/iu.test(text);
}

/** Enough for its owner to know it again, and not for anybody else: `a•••@example.com`. */
export function masked(email: string): string {
  const at = email.lastIndexOf('@');
  const [first = ''] = email.slice(0, at);
  return `${first}•••${email.slice(at)}`;
}
