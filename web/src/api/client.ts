// Requests to the server that this page came from. Addresses are relative, so that the page works
// below any path that a gateway puts before it.
import { anotherKey, currentKey } from './key';
import { parse } from './json';
import { actor } from './actor';
import { shared } from './share';

/** The server said no, or could not be reached (status 0). `body` is what it answered. */
export class Refusal extends Error {
  constructor(message: string, readonly status: number, readonly body: unknown = null) {
    super(message);
  }
}

type Answer = { error?: { message?: string; code?: string }; reason?: string; verdict?: string };

function whyNot(body: unknown, status: number): string {
  const answer = (body ?? {}) as Answer;
  return answer.error?.message ?? answer.error?.code ?? answer.reason ?? answer.verdict
    ?? `The server answered ${status}.`;
}

async function readBody(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return parse(text);
  } catch {
    if (response.ok) throw new Refusal('The server sent something that is not JSON.', 0);
    return null;
  }
}

async function answer<T>(response: Response): Promise<T> {
  const body = await readBody(response);
  if (response.ok) return body as T;
  throw new Refusal(whyNot(body, response.status), response.status, body);
}

/** Asks with the key that there is, and where the server wants another one, when that is given. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const key = currentKey();
    const headers = new Headers(init.headers);
    if (key !== null) headers.set('Authorization', `Bearer ${key}`);
    let response: Response;
    try {
      response = await fetch(path, { ...init, headers });
    } catch (e) {
      if (init.signal?.aborted) throw e;
      throw new Refusal('The server cannot be reached.', 0);
    }
    if (response.status !== 401 || shared !== null) return response;
    await anotherKey(key);
  }
}

export type Query = Record<string, string | number | boolean | null | undefined>;

/** `v1/instances?status=FAILED`: what is empty is left out. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, v]) => v !== undefined && v !== null && v !== '');
  const text = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
  return text ? `${path}?${text}` : path;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  const headers = { Accept: 'application/json' };
  return answer<T>(await ask(path, { headers, signal: signal ?? null }));
}

async function send<T>(method: string, path: string, type: string, body: string): Promise<T> {
  const headers: Record<string, string> = { 'Content-Type': type, 'X-SWM-Client': 'page' };
  const name = actor();
  if (name) headers['X-SWM-Actor'] = name;
  return answer<T>(await ask(path, { method, headers, body }));
}

export const post = <T>(path: string, body: unknown = {}): Promise<T> =>
  send<T>('POST', path, 'application/json', JSON.stringify(body));
export const postText = <T>(path: string, type: string, text: string): Promise<T> =>
  send<T>('POST', path, type, text);
export const del = <T>(path: string): Promise<T> =>
  send<T>('DELETE', path, 'application/json', '');

export const instancePath = (id: string): string => `v1/instances/${encodeURIComponent(id)}`;
export const templatePath = (name: string): string => `v1/templates/${encodeURIComponent(name)}`;
export const versionPath = (name: string, version: string | number): string =>
  `${templatePath(name)}/versions/${encodeURIComponent(version)}`;
