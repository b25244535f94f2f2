/** How a method that can be set up is shown, on each page that offers some. */
import type { Available } from '../ceremonies/ceremonies.ts';
import { disclosureText } from './texts.ts';
import type { AvailableView } from './views.ts';
import { WORDS } from './words/words.ts';

export function availableView(one: Available): AvailableView {
  const { name, addHint, addButton, needsScript = '' } = WORDS[one.factor];
  return {
    factor: one.factor,
    name,
    hint: addHint,
    button: addButton,
    needsScript,
    provider: one.provider ?? '',
    discloses: one.discloses.map(disclosureText),
  };
}
