// All templates: what each is for, its newest version, who applied it, how its instances are.
import type { ComponentChildren } from 'preact';
import { whyNot } from '../api/me';
import type { InstanceStatus } from '../api/types';
import type { Stats, TemplateHead } from '../api/template';
import { useData } from '../data';
import { isApplied, isOfStats, STATS_MS } from '../news';
import { href, setTerms, term } from '../route';
import { may } from '../store';
import { Cli } from '../ui/cli';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Search, useTyped } from '../ui/search';
import { Empty, Shown } from '../ui/state';
import { Status } from '../ui/status';
import { Moment } from '../ui/time';

const ENDS: InstanceStatus[] = [
  'RUNNING',
  'PAUSED',
  'COMPENSATING',
  'FAILED',
  'COMPLETED',
  'CANCELLED',
  'TERMINATED',
  'COMPENSATED',
];

const NEW_TEMPLATE = href(['templates', '+', 'edit']);

type Tally = { status: InstanceStatus; count: number };

/** Numbers by status, always in the same order. */
export function tally(counts: { status: string; count: number }[] = []): Tally[] {
  return ENDS.flatMap((status) => {
    const count = counts.find((one) => one.status === status)?.count ?? 0;
    return count > 0 ? [{ status, count }] : [];
  });
}

/** Numbers of instances, each a way to them. */
export function Tallies({ of, terms }: { of: Tally[]; terms: Record<string, string | number> }) {
  if (of.length === 0) return <span class="quiet">none</span>;
  return (
    <span class="tallies">
      {of.map(({ status, count }) => (
        <a
          key={status}
          class="tally"
          href={href(['instances'], { ...terms, status })}
          aria-label={`${count} ${status}`}>
          <b class="figures">{count.toLocaleString()}</b>
          <Status of={status} />
        </a>
      ))}
    </span>
  );
}

/** In a narrow window a row is a card, and the cell has its column's name beside it. */
export function Cell({
  name,
  children,
  class: more,
}: {
  name: string;
  children: ComponentChildren;
  class?: string;
}) {
  return (
    <td data-label={name} class={more}>
      <div class="cell">{children}</div>
    </td>
  );
}

export const several = (count: number, word: string): string =>
  `${count} ${word}${count === 1 ? '' : 's'}`;

function Row({ head, stats }: { head: TemplateHead; stats: Stats | undefined }) {
  const name = head.template;
  return (
    <tr>
      <td class="t-name">
        <a href={href(['templates', name])} dir="auto">
          <b>{name}</b>
        </a>
        {head.title !== null && (
          <span class="t-says" dir="auto">
            {head.title}
          </span>
        )}
        {head.description !== null && (
          <span class="t-says" dir="auto">
            {head.description}
          </span>
        )}
      </td>
      <Cell name="Version">
        <span class="version">v{head.version}</span>
      </Cell>
      <Cell name="Applied">
        <Moment at={head.applied_at} />{' '}
        <span class="quiet" dir="auto">
          by {head.applied_by ?? '—'}
        </span>
        {head.note !== null && (
          <span class="t-says" dir="auto">
            “{head.note}”
          </span>
        )}
      </Cell>
      <Cell name="Size" class="figures t-size">
        {several(head.stages, 'stage')}, {several(head.tasks, 'task')}
      </Cell>
      <Cell name="Instances">
        <Tallies
          terms={{ template: name }}
          of={tally(stats?.templates.filter((one) => one.template === name))}
        />
      </Cell>
      <td class="t-actions">
        {may('operator') && (
          <a class="button" href={href(['templates', name, 'start'])} aria-label={`Start ${name}`}>
            <Icon name="play" />
            Start
          </a>
        )}
      </td>
    </tr>
  );
}

function First() {
  return (
    <Empty
      title="No templates yet"
      text={
        whyNot('author') ??
        'A template says which stages and tasks a workflow has. Write one here, or apply a file.'
      }
      action={
        may('author') && (
          <div class="t-first">
            <a class="button primary" href={NEW_TEMPLATE}>
              <Icon name="plus" />
              Write a template
            </a>
            <Cli line="swm template apply food-order.yaml" />
          </div>
        )
      }
    />
  );
}

const isFound = (head: TemplateHead, words: string): boolean =>
  [head.template, head.title, head.description, head.alias].some((text) =>
    text?.toLowerCase().includes(words.trim().toLowerCase()),
  );

function List({ heads, stats }: { heads: TemplateHead[]; stats: Stats | undefined }) {
  const words = useTyped({ given: term('q'), put: (q) => setTerms({ q }, true) });
  if (heads.length === 0) return <First />;
  const found = heads
    .filter((head) => isFound(head, words.value))
    .sort((a, b) => a.template.localeCompare(b.template));
  return (
    <>
      <div class="filter-bar">
        <Search text={words} label="Search templates" hint="Search by name or description" />
      </div>
      {found.length === 0 ? (
        <Empty title="No template is called that" />
      ) : (
        <div class="card card-plain">
          <table class="table table-cards">
            <thead>
              <tr>
                <th scope="col">Template</th>
                <th scope="col">Version</th>
                <th scope="col">Applied</th>
                <th scope="col">Size</th>
                <th scope="col">Instances</th>
                <th scope="col">
                  <span class="hidden">Actions</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {found.map((head) => (
                <Row key={head.template} head={head} stats={stats} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

export default function View() {
  const list = useData<{ templates: TemplateHead[] }>('v1/templates', isApplied);
  const stats = useData<Stats>('v1/stats', isOfStats, STATS_MS);
  return (
    <Page
      title="Templates"
      actions={
        may('author') && (
          <a class="button primary" href={NEW_TEMPLATE}>
            <Icon name="plus" />
            New template
          </a>
        )
      }>
      <Shown data={list}>
        {({ templates }) => <List heads={templates} stats={stats.value} />}
      </Shown>
    </Page>
  );
}
