/** What is wrong with a configuration although every single key is right. */
export interface Remark {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
  readonly severity: 'error' | 'warning';
}

export function error(path: readonly PropertyKey[], rule: string): Remark {
  return { path, rule, severity: 'error' };
}

export function warning(path: readonly PropertyKey[], rule: string): Remark {
  return { path, rule, severity: 'warning' };
}
