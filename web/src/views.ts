// The table of views: which address shows what. Each view is a file of its own in views/, loaded
// when it is first looked at; its default export is the component.
import type { ComponentType } from 'preact';
import type { Role } from './api/types';
import type { IconName } from './ui/icon';

export type ViewProps = { params: Record<string, string> };
type Module = { default: ComponentType<ViewProps> };

export type View = {
  /** `instances/:id`; a part that begins with a colon is a parameter. */
  path: string;
  title: string;
  load: () => Promise<Module>;
  /** Where the navigation shows it; absent: not. `isInBar`: also in the bar of a narrow window;
   * `key`: the letter that goes there after g; `role`: shown to those who have it. */
  nav?: { icon: IconName; isInBar: boolean; key: string; role?: Role };
};

export const views: View[] = [
  { path: '', title: 'Overview', load: () => import('./views/overview'),
    nav: { icon: 'overview', isInBar: true, key: 'o' } },
  { path: 'instances', title: 'Instances', load: () => import('./views/instances'),
    nav: { icon: 'instances', isInBar: true, key: 'i' } },
  { path: 'instances/:id', title: 'Instance', load: () => import('./views/instance') },
  { path: 'shared/:token', title: 'Shared instance', load: () => import('./views/shared') },
  { path: 'inbox', title: 'Inbox', load: () => import('./views/inbox'),
    nav: { icon: 'inbox', isInBar: true, key: 'b' } },
  { path: 'templates', title: 'Templates', load: () => import('./views/templates'),
    nav: { icon: 'templates', isInBar: true, key: 't' } },
  { path: 'templates/:name', title: 'Template', load: () => import('./views/template') },
  { path: 'templates/:name/edit', title: 'Edit a template',
    load: () => import('./views/template-edit') },
  { path: 'templates/:name/diff', title: 'Compare versions',
    load: () => import('./views/template-diff') },
  { path: 'templates/:name/start', title: 'Start', load: () => import('./views/template-start') },
  { path: 'queues', title: 'Queues', load: () => import('./views/queues'),
    nav: { icon: 'queues', isInBar: false, key: 'q' } },
  { path: 'queues/:name', title: 'Queue', load: () => import('./views/queue') },
  { path: 'events', title: 'Events', load: () => import('./views/events'),
    nav: { icon: 'events', isInBar: false, key: 'e' } },
  { path: 'audit', title: 'Audit', load: () => import('./views/audit'),
    nav: { icon: 'audit', isInBar: false, key: 'a' } },
  { path: 'keys', title: 'Keys', load: () => import('./views/keys'),
    nav: { icon: 'keys', isInBar: false, key: 'k', role: 'admin' } },
  { path: 'about', title: 'About', load: () => import('./views/about'),
    nav: { icon: 'about', isInBar: false, key: 's' } },
];

function match(pattern: string, path: string[]): Record<string, string> | null {
  const parts = pattern === '' ? [] : pattern.split('/');
  if (parts.length !== path.length) return null;
  const params: Record<string, string> = {};
  for (const [k, part] of parts.entries()) {
    const have = path[k] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = have;
    else if (part !== have) return null;
  }
  return params;
}

/** The view of an address and its parameters; null: there is none. */
export function findView(path: string[]): { view: View; params: Record<string, string> } | null {
  for (const view of views) {
    const params = match(view.path, path);
    if (params !== null) return { view, params };
  }
  return null;
}
