// The page's one store. What several parts look at is here; a component keeps nothing of its own
// but what a reader has just typed, opened or hovered over.
import { signal, type Signal } from '@preact/signals';
import type { ComponentChild } from 'preact';
import { actor } from './api/actor';
import type { Me, Role } from './api/types';
import { readRoute, type Route } from './route';

export type Link = 'connecting' | 'live' | 'lost';
export type Theme = 'system' | 'light' | 'dark';
export type Toast = { text: string; isBad: boolean; id: number };

export type Store = {
  route: Signal<Route>;
  link: Signal<Link>;
  /** Why a key is asked for; null: it is not. */
  login: Signal<'none' | 'refused' | null>;
  /** What the open dialog draws; null: none is open. */
  dialog: Signal<(() => ComponentChild) | null>;
  toast: Signal<Toast | null>;
  theme: Signal<Theme>;
  /** Who the reader is to the server; null: it has not said yet. */
  me: Signal<Me | null>;
  /** The name that the reader gave himself, as it goes with what he does. */
  name: Signal<string>;
  /** The navigation of a narrow window is unfolded. */
  menu: Signal<boolean>;
  /** The time, by the second: what is told as "3 min ago" looks at it. */
  now: Signal<number>;
};

export const store: Store = {
  route: signal(readRoute()),
  link: signal<Link>('connecting'),
  login: signal<'none' | 'refused' | null>(null),
  dialog: signal<(() => ComponentChild) | null>(null),
  toast: signal<Toast | null>(null),
  theme: signal<Theme>('system'),
  me: signal<Me | null>(null),
  name: signal(actor()),
  menu: signal(false),
  now: signal(Date.now()),
};

const RANK: Role[] = ['viewer', 'worker', 'operator', 'author', 'admin'];

/** Whether the reader's key has this role or a higher one: what he may not do is not offered, or
 * says why (api/me.ts). What the server has not told yet counts as yes: it decides anyway. */
export function may(role: Role): boolean {
  const me = store.me.value;
  return me === null || RANK.indexOf(me.role) >= RANK.indexOf(role);
}
