// What is looked for among events: terms of the address, the server's query, and the same question
// put to an event that has just come.
import type { Query } from '../api/client';
import type { EventRecord, Verdict } from '../api/types';
import { allTerms, readTerms, type Terms } from '../route';

export const VERDICTS: Verdict[] = ['applied', 'duplicate', 'stale', 'refused', 'invalid',
  'unknown', 'too_large'];
export const KINDS = ['StartWorkflow', 'TaskStarted', 'TaskHeartbeat', 'TaskCompleted',
  'TaskFailed', 'TaskPending', 'PauseWorkflow', 'ResumeWorkflow', 'CancelWorkflow', 'ReplayTask',
  'ReplayStage', 'Wake', 'MessageDeleted', 'TemplateApplied', 'KeyCreated', 'KeyRevoked',
  'InstanceRemoved', 'InstanceImported', 'InstanceShared'];
export const ACTS = ['PauseWorkflow', 'ResumeWorkflow', 'CancelWorkflow', 'ReplayTask',
  'ReplayStage', 'TaskCompleted', 'TaskFailed', 'TaskPending', 'TemplateApplied', 'KeyCreated',
  'KeyRevoked', 'InstanceImported', 'InstanceShared'];
export const SOURCES = ['http', 'sqs', 'cli', 'page', 'clock'];

export const NAMES = ['verdict', 'event', 'source', 'actor', 'template', 'key', 'since',
  'until'] as const;
export type Name = typeof NAMES[number];
export type Filter = Partial<Record<Name, string>>;

export const readFilter = (query: URLSearchParams): Filter => readTerms(NAMES, query);
export const termsOf = (filter: Filter): Terms => allTerms(NAMES, filter);
export const queryOf = (filter: Filter): Query => ({ ...filter });

export const words = (text: string | undefined): string[] => (text ? text.split(',') : []);

/** With `word` among the others, or without it. */
export function toggled(text: string | undefined, word: string): string | undefined {
  const have = words(text);
  const next = have.includes(word) ? have.filter((w) => w !== word) : [...have, word];
  return next.length > 0 ? next.join(',') : undefined;
}

const isAmong = (text: string | undefined, word: string | null | undefined): boolean =>
  text === undefined || words(text).includes(word ?? '');

/** As the server: the whole actor, its key, or the person behind the slash. */
function isBy(asked: string | undefined, actor: string): boolean {
  const slash = actor.indexOf('/');
  return asked === undefined || asked === actor
    || (slash >= 0 && (asked === actor.slice(0, slash) || asked === actor.slice(slash + 1)));
}

export function matches(filter: Filter, record: EventRecord): boolean {
  const at = Date.parse(record.at);
  return isAmong(filter.verdict, record.verdict) && isAmong(filter.event, record.event)
    && isAmong(filter.source, record.source) && isBy(filter.actor, record.actor ?? '')
    && (filter.template === undefined || filter.template === record.template)
    && (filter.key === undefined || filter.key === record.key)
    && (filter.since === undefined || at >= Date.parse(filter.since))
    && (filter.until === undefined || at < Date.parse(filter.until));
}

const TOLD: Record<Name, string> = { verdict: 'Verdict', event: 'Event', source: 'From',
  actor: 'By', template: 'Template', key: 'Key', since: 'Since', until: 'Until' };

/** What a chip says of a term. */
export function told(name: Name, value: string): string {
  const isTime = name === 'since' || name === 'until';
  const told = isTime ? new Date(value).toLocaleString() : value.replaceAll(',', ', ');
  return `${TOLD[name]}: ${told}`;
}
