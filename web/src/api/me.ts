// Who the reader is to the server, and what he may do: asked for with each new connection.
import { store } from '../store';
import { get } from './client';
import { onReconnect } from './feed';
import type { Me, Role } from './types';

const ORDER: Role[] = ['viewer', 'worker', 'operator', 'author', 'admin'];

export function learnMe(): void {
  onReconnect(() => {
    get<Me>('v1').then((me) => { store.me.value = me; }, () => undefined);
  });
}

/** Why the reader may not do what needs `role`; null: he may, or it is not known yet. */
export function whyNot(role: Role): string | null {
  const me = store.me.value;
  if (me === null || ORDER.indexOf(me.role) >= ORDER.indexOf(role)) return null;
  return `This needs the role ${role}; your key has ${me.role}.`;
}
