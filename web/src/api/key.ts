// The access key, where the server asks for one. This tab keeps it until it is closed or logged
// out; it goes into the header of each request and nowhere else.
import { store } from '../store';
import { shared } from './share';

const PLACE = 'swm-key';
let given: (() => void)[] = []; // requests that wait for a key

export const currentKey = (): string | null => shared?.token ?? sessionStorage.getItem(PLACE);

/** Resolves when there is another key than `refused`; the shell asks for it. */
export function anotherKey(refused: string | null): Promise<void> {
  if (currentKey() !== refused) return Promise.resolve();
  store.login.value = refused === null ? 'none' : 'refused';
  return new Promise((resolve) => given.push(resolve));
}

export function giveKey(key: string): void {
  sessionStorage.setItem(PLACE, key);
  store.login.value = null;
  const waiting = given;
  given = [];
  waiting.forEach((go) => go());
}

export function forgetKey(): void {
  sessionStorage.removeItem(PLACE);
  location.reload();
}
