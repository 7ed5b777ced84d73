// Addresses of the page: everything behind the # is `path?query`. Every view has one that can be
// shared, survives a reload, and works below any path of the server.
import { batch } from '@preact/signals';
import { store } from './store';

export type Route = { path: string[]; query: URLSearchParams };

/** The address that is open; of modules tested without a browser: none. */
export function readRoute(hash: string = globalThis.location?.hash ?? ''): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split(/\?(.*)/s);
  const parts = path.split('/').filter((part) => part !== '');
  return { path: parts.map(decode), query: new URLSearchParams(query) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

export type Terms = Record<string, string | number | null | undefined>;

/** `href(['instances', id], { at: 12 })` -> `#/instances/ID?at=12`; what is empty is left out. */
export function href(path: string[], terms: Terms = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(terms))
    if (value !== null && value !== undefined && value !== '') query.set(name, String(value));
  const text = query.toString();
  return `#/${path.map(encodeURIComponent).join('/')}${text ? `?${text}` : ''}`;
}

/** Goes to another address; it becomes an entry of the browser's history unless `replace`. */
export function go(to: string, replace = false): void {
  if (replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  follow();
}

/** Changes terms of the query and keeps the others. */
export function setTerms(terms: Terms, replace = false): void {
  const { path, query } = store.route.peek();
  go(href(path, { ...Object.fromEntries(query), ...terms }), replace);
}

/** Those of `names` that an address has. */
export function readTerms<N extends string>(names: readonly N[],
  query: URLSearchParams): Partial<Record<N, string>> {
  const found: Partial<Record<N, string>> = {};
  for (const name of names) {
    const value = query.get(name);
    if (value) found[name] = value;
  }
  return found;
}

/** All of `names` as terms, those that `given` lacks as null: an address loses them. */
export const allTerms = <N extends string>(names: readonly N[],
  given: Partial<Record<N, string>>): Record<N, string | null> =>
  Object.fromEntries(names.map((n) => [n, given[n] ?? null])) as Record<N, string | null>;

export const term = (name: string): string => store.route.value.query.get(name) ?? '';

function follow(): void {
  const route = readRoute();
  batch(() => {
    store.menu.value = false;
    store.route.value = route;
  });
}

export function followAddress(): void {
  window.addEventListener('popstate', follow);
  window.addEventListener('hashchange', follow);
}
