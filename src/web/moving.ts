/**
 * From Authy to another method, step by step: the other one is set up and proved first, and only then is there a way to remove
 * Authy. Nobody is without a factor in between. The removal itself is that of any method (remove.ts).
 */
import type { Account } from '../ceremonies/ceremonies.ts';
import { availableView } from './available.ts';
import type { OwnContext } from './context.ts';
import { person } from './person.ts';
import type { Routes } from './routes.ts';
import type { Screen } from './screen.ts';
import { enrolledText, TITLES } from './texts.ts';
import type { MovingView } from './views.ts';

/** The factor whose service ends. */
export const LEAVING = 'authy';

/** What stands between a person and being rid of Authy: another method, or removing it. */
export type Move =
  | { readonly next: 'add'; readonly offered: Account['available'] }
  | { readonly next: 'remove'; readonly id: string; readonly kept: Account['enrolled'] };

/** @returns `undefined` where Authy is not set up, and where there is nowhere to go. */
export function moveOf({ available, enrolled }: Account): Move | undefined {
  const old = enrolled.find(({ factor }) => factor === LEAVING);
  if (old === undefined) return undefined;
  const others = available.filter(({ factor }) => factor !== LEAVING);
  // A method that is switched off, or that the policy does not count, lets nobody in.
  const kept = enrolled.filter((one) => others.some(({ factor }) => factor === one.factor));
  if (kept.length > 0) return old.mayRemove ? { next: 'remove', id: old.id, kept } : undefined;
  return others.length > 0 ? { next: 'add', offered: others } : undefined;
}

export function movingPages(routes: Routes, screen: Screen): void {
  routes.get('/moving', (ctx) => show(ctx, screen));
}

async function show(ctx: OwnContext, screen: Screen): Promise<void> {
  const session = person(ctx, screen);
  if (session === undefined) return;
  const move = moveOf(await screen.options.ceremonies.enroller.account(session));
  if (move === undefined) return screen.redirect(ctx, screen.path('/account'));
  screen.show(ctx, 'moving', viewOf(move, screen), { title: TITLES.moving });
}

function viewOf(move: Move, screen: Screen): MovingView {
  if (move.next === 'remove') {
    const removePath = screen.path(`/remove/${encodeURIComponent(move.id)}`);
    return { kept: move.kept.map(enrolledText), removePath, available: [], offersKeys: false };
  }
  const available = move.offered.map(availableView);
  return { kept: [], removePath: '', available, offersKeys: available.some((one) => one.needsScript !== '') };
}
