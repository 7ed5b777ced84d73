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

/** What the counts of instances by status are made of; asked for again at most so often. */
export const isOfStats = (r: EventRecord): boolean => changesStatus(r) || movesInstances(r);
export const STATS_MS = 1000;

/** A template, or a version of one, is new. */
export const isApplied = (r: EventRecord): boolean =>
  r.event === 'TemplateApplied' && r.verdict === 'applied';
