/** One write's worth of changes. It knows nothing of files; table.ts fills it and settles it. */
import type { StoreError } from './store.ts';

/** Changes that become durable together, and the one promise that all their callers wait for. */
export class Batch<T> {
  readonly changes = new Map<string, T | null>();
  readonly done: Promise<void>;
  #settle: { resolve: () => void; reject: (reason: StoreError) => void } | undefined;

  constructor() {
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => undefined); // an empty batch that is refused has nobody to tell
  }

  holds(key: string): boolean {
    return this.changes.has(key);
  }

  resolve(): void {
    this.#settle?.resolve();
  }

  reject(reason: StoreError): void {
    this.#settle?.reject(reason);
  }
}
