// Who the reader is to the server, and what he may do: asked for with each new connection.
import { may, store } from '../store';
import { get } from './client';
import { onReconnect } from './feed';
import type { Me, Role } from './types';

export function learnMe(): void {
  onReconnect(() => {
    get<Me>('v1').then((me) => { store.me.value = me; }, () => undefined);
  });
}

/** Why the reader may not do what needs `role`; null: he may, or it is not known yet. */
export function whyNot(role: Role): string | null {
  if (may(role)) return null;
  return `This needs the role ${role}; your key has ${store.me.value?.role}.`;
}

/** What records call the reader's key; empty: the server has no keys. */
export function keyName(me: Me | null): string {
  return me?.keys ? me.actor.replace(/^key:/, '') : '';
}

/** Whose key it is; a text: why the server does not take it. */
export async function tryKey(key: string): Promise<Me | string> {
  try {
    const response = await fetch('v1', { headers: { Authorization: `Bearer ${key}` } });
    const body = await response.json().catch(() => null) as
      (Me & { error?: { message?: string } }) | null;
    if (response.ok && body !== null) return body;
    return body?.error?.message ?? `The server answered ${response.status}.`;
  } catch {
    return 'The server cannot be reached.';
  }
}
