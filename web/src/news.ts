// What an event of the feed makes old, for views that look at many instances.
import type { EventRecord } from './api/types';

export const isOfInstance = (r: EventRecord): boolean =>
  r.verdict === 'applied' && !r.instance.startsWith('_sys');

/** An instance began, or its status is another one now. */
export const changesStatus = (r: EventRecord): boolean =>
  isOfInstance(r) && (r.changes?.some((c) => c.path === 'status') ?? false);

/** Instances came or went in another way than by an event of theirs. */
export const movesInstances = (r: EventRecord): boolean =>
  r.event === 'InstanceRemoved' || r.event === 'InstanceImported';
