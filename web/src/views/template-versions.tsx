// The versions of a template, newest first: who, when, what for, how many instances; any two can be
// compared.
import { useSignal } from '@preact/signals';
import type { Stats, Template, VersionHead } from '../api/template';
import { href } from '../route';
import { Icon } from '../ui/icon';
import { Moment } from '../ui/time';
import { Cell, Tallies, tally } from './templates';

const diffAddress = (name: string, from: number, to: number): string =>
  href(['templates', name, 'diff'], { from, to });

export function Versions({ template, stats }: { template: Template; stats: Stats | undefined }) {
  const { versions } = template;
  const name = template.template;
  const last = versions.length;
  const from = useSignal(Math.max(1, last - 1));
  const to = useSignal(last);
  const row = ({ version, applied_at, applied_by, note }: VersionHead) => (
    <tr key={version}>
      {last > 1 && (
        <>
          <Cell name="From" class="t-pick">
            <input
              type="radio"
              name="from"
              aria-label={`Compare from version ${version}`}
              checked={from.value === version}
              onChange={() => {
                from.value = version;
              }}
            />
          </Cell>
          <Cell name="To" class="t-pick">
            <input
              type="radio"
              name="to"
              aria-label={`Compare with version ${version}`}
              checked={to.value === version}
              onChange={() => {
                to.value = version;
              }}
            />
          </Cell>
        </>
      )}
      <td class="t-version">
        <a
          class="version"
          href={href(['templates', name], { version: version === last ? null : version })}>
          v{version}
        </a>
      </td>
      <Cell name="Applied">
        <Moment at={applied_at} />
        <span class="quiet" dir="auto">
          {' '}
          by {applied_by ?? '—'}
        </span>
      </Cell>
      <Cell name="Note" class="t-note">
        <span dir="auto">{note ?? '—'}</span>
      </Cell>
      <Cell name="Instances">
        <Tallies
          terms={{ template: name, version }}
          of={tally(stats?.versions?.filter((one) => one.version === version))}
        />
      </Cell>
      <td class="t-actions">
        {version > 1 && (
          <a class="link-button" href={diffAddress(name, version - 1, version)}>
            What it changed
          </a>
        )}
      </td>
    </tr>
  );
  return (
    <>
      {last > 1 && (
        <div class="t-compare">
          <a class="button" href={diffAddress(name, from.value, to.value)}>
            <Icon name="templates" />
            Compare v{from.value} with v{to.value}
          </a>
        </div>
      )}
      <div class="card card-plain">
        <table class="table table-cards">
          <thead>
            <tr>
              {last > 1 && (
                <>
                  <th scope="col">From</th>
                  <th scope="col">To</th>
                </>
              )}
              <th scope="col">Version</th>
              <th scope="col">Applied</th>
              <th scope="col">Note</th>
              <th scope="col">Instances</th>
              <th scope="col">
                <span class="hidden">Changes</span>
              </th>
            </tr>
          </thead>
          <tbody>{[...versions].reverse().map(row)}</tbody>
        </table>
      </div>
    </>
  );
}
