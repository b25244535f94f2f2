/** The block of a factor that this version does not have. */
import { later } from '../later.ts';
import { block } from './block.ts';

export function laterBlock(name: string) {
  return block<ReturnType<typeof later>, never>({
    schema: later(name),
    isOn: () => false,
    complete: () => undefined,
  });
}
