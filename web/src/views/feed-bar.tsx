// What is looked for among events: the bar above the list. Everything chosen here is in the
// address.
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { setTerms } from '../route';
import { closeDialog, openDialog } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { localOf, momentOf } from '../ui/time';
import { NAMES, SOURCES, termsOf, told, toggled, VERDICTS, words, type Filter,
  type Name } from './feed-filter';
import { useTemplateNames } from './template-names';

const choose = (filter: Filter): void => setTerms(termsOf(filter));

function Words({ label, known, chosen, put }: {
  label: string; known: string[]; chosen: string | undefined; put: (text?: string) => void;
}) {
  return (
    <fieldset class="field choices"><legend>{label}</legend>
      {[...new Set([...known, ...words(chosen)])].map((word) => (
        <label key={word} class="check"><input type="checkbox" checked={words(chosen).includes(
          word)}
          onChange={() => put(toggled(chosen, word))} /><span>{word}</span></label>
      ))}
    </fieldset>
  );
}

function Filters({ given, kinds }: { given: Filter; kinds: string[] }) {
  const filter = useSignal(given);
  const put = (name: Name) => (text?: string) => {
    const { [name]: _, ...others } = filter.value;
    filter.value = text ? { ...others, [name]: text } : others;
  };
  const templates = useTemplateNames();
  const field = (name: Name, label: string, hint: string) => (
    <label class="field">{label}
      <input value={filter.value[name] ?? ''} placeholder={hint} autocomplete="off"
        spellcheck={false} list={name === 'template' ? 'feed-templates' : undefined}
        onInput={(e) => put(name)(e.currentTarget.value.trim())} /></label>
  );
  const time = (name: 'since' | 'until', label: string) => (
    <label class="field">{label}
      <input type="datetime-local" value={localOf(filter.value[name])}
        onChange={(e) => put(name)(momentOf(e.currentTarget.value))} /></label>
  );
  return (
    <form class="filters" onSubmit={(e) => {
      e.preventDefault();
      closeDialog();
      choose(filter.value);
    }}>
      <h2 id="dialog-title">Filter events</h2>
      <Words label="Verdict" known={VERDICTS} chosen={filter.value.verdict} put={put('verdict')} />
      <Words label="Event" known={kinds} chosen={filter.value.event} put={put('event')} />
      <Words label="Where it came from" known={SOURCES} chosen={filter.value.source}
        put={put('source')} />
      <div class="times">
        {field('actor', 'By', 'A person, or key:NAME')}
        {field('template', 'Template', 'deliver-pizza')}
        {field('key', 'Key', 'ORDER-001')}
      </div>
      <datalist id="feed-templates">
        {templates.map((name) => <option key={name} value={name} />)}</datalist>
      <div class="times">{time('since', 'Since')}{time('until', 'Until')}</div>
      <div class="buttons">
        <button type="button" onClick={closeDialog}>Leave it</button>
        <button type="button" onClick={() => { filter.value = {}; }}>Reset</button>
        <button type="submit" class="primary">Show</button>
      </div>
    </form>
  );
}

export function FeedBar({ filter, kinds, quick, children }: {
  filter: Filter; kinds: string[];
  /** Words of one term that can be switched in the bar itself. */
  quick?: { name: Name; label: string; words: [word: string, text: string][] };
  children?: ComponentChildren;
}) {
  const chosen = NAMES.filter((n) => filter[n] !== undefined);
  const without = (name: Name): Filter =>
    Object.fromEntries(Object.entries(filter).filter(([n]) => n !== name));
  return (
    <>
      <div class="filter-bar">
        {quick && (
          <div class="statuses" role="group" aria-label={quick.label}>
            {quick.words.map(([word, text]) => (
              <button key={word} type="button" class="toggle v-toggle"
                aria-pressed={words(filter[quick.name]).includes(word)}
                onClick={() => choose({ ...filter,
                  [quick.name]: toggled(filter[quick.name], word) })}>{text}</button>
            ))}
          </div>
        )}
        <button type="button"
          onClick={() => openDialog(() => <Filters given={filter} kinds={kinds} />)}>
          <Icon name="filter" />Filter{chosen.length > 0 ? ` (${chosen.length})` : ''}</button>
        {children}
      </div>
      {chosen.length > 0 && (
        <ul class="chips" aria-label="Filters">
          {chosen.map((name) => (
            <li key={name} class="chip"><span dir="auto">{told(name, filter[name] ?? '')}</span>
              <button type="button" class="icon-button"
                aria-label={`Without: ${told(name, filter[name] ?? '')}`}
                onClick={() => choose(without(name))}><Icon name="close" /></button></li>
          ))}
          <li><button type="button" class="link-button" onClick={() => choose(
            {})}>Show all</button></li>
        </ul>
      )}
    </>
  );
}
