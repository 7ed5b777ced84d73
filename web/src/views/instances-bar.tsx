// The bar above the list: what is looked for. Everything that is chosen here is in the address.
import { useSignal } from '@preact/signals';
import { templatePath } from '../api/client';
import { useData } from '../data';
import { setTerms } from '../route';
import { closeDialog, openDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Search, useTyped } from '../ui/search';
import { localOf, momentOf } from '../ui/time';
import { chipsOf, joinValues, keyTerm, splitValues, SPANS, STATUSES, termsOf, toggleValue, typedKey,
  type Filter, type Name } from './instances-filter';
import { useTemplateNames } from './template-names';

/** Goes to the address of another filter. */
const choose = (filter: Filter): void => setTerms({ ...termsOf(filter), all: null });

function StatusChoice({ filter }: { filter: Filter }) {
  const chosen = splitValues(filter.status);
  return (
    <div class="statuses" role="group" aria-label="Status">
      {STATUSES.map((s) => (
        <button key={s} type="button" class={`toggle t-${s}`} aria-pressed={chosen.includes(s)}
          onClick={() => choose({ ...filter, status: toggleValue(filter.status, s) })}>
          {s.charAt(0) + s.slice(1).toLowerCase()}</button>
      ))}
    </div>
  );
}

function KeySearch({ filter }: { filter: Filter }) {
  const text = useTyped({ given: typedKey(filter.key), tidy: (typed) => typedKey(keyTerm(typed)),
    put: (typed) => setTerms({ key: keyTerm(typed), all: null }, true) });
  return <Search text={text} label="Key begins with" hint="Key begins with…" />;
}

type Template = { versions: { version: number }[]; content: { stages: {
  name: string; tasks?: { business_status?: string }[] }[] } };

function Values({ name, label, filter, known, put }: {
  name: Name; label: string; filter: Filter; known: string[]; put: (f: Filter) => void;
}) {
  const chosen = splitValues(filter[name]);
  const all = [...new Set([...known, ...chosen])];
  return (
    <fieldset class="field choices"><legend>{label}</legend>
      {all.map((value) => (
        <label key={value} class="check"><input type="checkbox" checked={chosen.includes(value)}
          onChange={() => put({ ...filter, [name]: toggleValue(filter[name], value) })} />
          <span dir="auto">{value}</span></label>
      ))}
      <input type="text" aria-label={`Another ${label.toLowerCase()}`}
        placeholder="Another one, then Enter" autocomplete="off" onKeyDown={(e) => {
          const value = e.currentTarget.value.trim();
          if (e.key !== 'Enter') return;
          e.preventDefault();
          if (value !== '' && !chosen.includes(value))
            put({ ...filter, [name]: joinValues([...chosen, value]) });
          e.currentTarget.value = '';
        }} />
    </fieldset>
  );
}

function Times({ label, names, filter, put }: {
  label: string; names: [span: Name, since: Name, until: Name]; filter: Filter;
  put: (f: Filter) => void;
}) {
  const [span, since, until] = names;
  const isOwn = useSignal(!!filter[since] || !!filter[until]);
  const pick = (value: string) => {
    isOwn.value = value === 'own';
    put({ ...filter, [span]: isOwn.value ? '' : value, [since]: '', [until]: '' });
  };
  return (
    <div class="times">
      <label class="field">{label}
        <select value={isOwn.value ? 'own' : filter[span] ?? ''}
          onChange={(e) => pick(e.currentTarget.value)}>
          <option value="">at any time</option>
          {SPANS.map(([id, words]) => <option key={id} value={id}>in the {words}</option>)}
          <option value="own">between two times</option>
        </select></label>
      {isOwn.value && ([[since, 'from'], [until, 'until']] as const).map(([name, word]) => (
        <label key={name} class="field">{label} {word}
          <input type="datetime-local" value={localOf(filter[name])} onChange={(e) =>
            put({ ...filter, [span]: '', [name]: momentOf(e.currentTarget.value) })} /></label>
      ))}
    </div>
  );
}

function Filters({ filter: given }: { filter: Filter }) {
  const filter = useSignal(given);
  const put = (f: Filter) => { filter.value = f; };
  const known = useTemplateNames();
  const templates = splitValues(filter.value.template);
  const only = templates.length === 1 ? templates[0] : undefined;
  const template = useData<Template>(only === undefined ? null : templatePath(only)).value;
  const stages = template?.content.stages ?? [];
  const words = stages.flatMap((s) => s.tasks ?? []).map((t) => t.business_status)
    .filter((w): w is string => !!w);
  const shared = { filter: filter.value, put };
  return (
    <form class="filters" onSubmit={(e) => {
      e.preventDefault();
      closeDialog();
      choose(filter.value);
    }}>
      <h2 id="dialog-title">Filter instances</h2>
      <Values name="template" label="Template" {...shared} known={known} />
      <label class="field">Version
        <select value={filter.value.version ?? ''} disabled={only === undefined}
          onChange={(e) => put({ ...filter.value, version: e.currentTarget.value })}>
          <option value="">{only === undefined ? 'any (choose a template first)' : 'any'}</option>
          {(template?.versions ?? []).map((v) => <option key={v.version}>{v.version}</option>)}
        </select></label>
      <Values name="stage" label="Stage" {...shared} known={stages.map((s) => s.name)} />
      <Values name="business_status" label="Business status" {...shared} known={words} />
      <Times label="Started" names={['started', 'started_since', 'started_until']} {...shared} />
      <Times label="Changed" names={['changed', 'since', 'until']} {...shared} />
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="button" onClick={() =>
          put({ status: filter.value.status, key: filter.value.key })}>Reset</button>
        <button type="submit" class="primary">Show</button>
      </div>
    </form>
  );
}

export function FilterBar({ filter }: { filter: Filter }) {
  const chips = chipsOf(filter);
  const without = (names: Name[]): Filter =>
    Object.fromEntries(Object.entries(filter).filter(([n]) => !names.includes(n as Name)));
  return (
    <>
      <div class="filter-bar">
        <KeySearch filter={filter} />
        <StatusChoice filter={filter} />
        <button type="button" onClick={() => openDialog(() => <Filters filter={filter} />)}>
          <Icon name="filter" />Filter{chips.length > 0 ? ` (${chips.length})` : ''}</button>
        {(chips.length > 0 || filter.status) && (
          <button type="button" class="link-button show-all" onClick={() =>
            setTerms({ ...termsOf({}), all: '1' })}>Show all</button>
        )}
      </div>
      {chips.length > 0 && (
        <ul class="chips" aria-label="Filters">
          {chips.map((chip) => (
            <li key={chip.names[0]} class="chip"><span dir="auto">{chip.words}</span>
              <button type="button" class="icon-button" aria-label={`Without: ${chip.words}`}
                onClick={() => choose(without(chip.names))}><Icon name="close" /></button></li>
          ))}
        </ul>
      )}
    </>
  );
}
