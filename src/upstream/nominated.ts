/** Names that a `Connection` line nominates: they are for one connection only and go no further (RFC 9110 7.6.1). Reads nothing else. */

/** Adds the names of one line. The usual options name no header and cost no set. */
export function nominate(value: string, names: Set<string> | undefined): Set<string> | undefined {
  if (value === 'keep-alive' || value === 'close' || value === 'Upgrade' || value === '') return names;
  const all = names ?? new Set<string>();
  for (const token of value.toLowerCase().split(',')) all.add(token.trim());
  return all;
}
