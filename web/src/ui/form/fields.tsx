// One field of a form, and the fields within it. Each says its own faults.
import type { ComponentChildren } from 'preact';
import { Icon } from '../icon';
import { below, type Draft, emptyDraft, type Faults, newItem } from './draft';
import type { Field } from './model';
import { type Value, write } from './value';

export type FieldProps = {
  field: Field;
  draft: Draft;
  /** As the server names it: items[0].name. */
  path: string;
  id: string;
  faults: Faults;
  onChange: (draft: Draft) => void;
  /** The whole: it has no name of its own. */
  isOutermost?: boolean;
};

const CHOICES_SHOWN = 4; // more go into a list that opens

const labelOf = (value: Value): string =>
  typeof value === 'string' ? value : write(value);
const titleOf = (field: Field, fallback: string): string => field.title || field.name || fallback;

/** "2 to 20 characters", "at least 1". */
function limitsOf({ kind, least, most, isWhole }: Field): string {
  const unit = kind === 'text' ? ' characters' : kind === 'list' ? ' items' : '';
  const range =
    least !== null && most !== null
      ? `${least} to ${most}${unit}`
      : least !== null
        ? `at least ${least}${unit}`
        : most !== null
          ? `at most ${most}${unit}`
          : '';
  return kind === 'number' && isWhole
    ? ['a whole number', range].filter(Boolean).join(', ')
    : range;
}

function hintOf(field: Field): string {
  return [field.description, limitsOf(field)].filter(Boolean).join(' · ');
}

function Title({ field, fallback }: { field: Field; fallback: string }) {
  const title = titleOf(field, fallback);
  return (
    <span class="form-title" dir="auto">
      {title}
      {field.title !== '' && field.name !== '' && field.title !== field.name && (
        <code class="form-name">{field.name}</code>
      )}
      {field.isRequired ? (
        <span class="hidden"> (needed)</span>
      ) : (
        <span class="form-optional"> optional</span>
      )}
    </span>
  );
}

/** The title, the control, the hint and the fault; `label` says whether a label can hold it. */
function Frame({
  props,
  children,
  isGroup,
}: {
  props: FieldProps;
  children: ComponentChildren;
  isGroup?: boolean;
}) {
  const { field, id, path, faults, isOutermost, draft, onChange } = props;
  const fault = faults.get(path);
  const hint = hintOf(field);
  const title = isOutermost ? (
    <span class="hidden">Value</span>
  ) : (
    <Title field={field} fallback="Value" />
  );
  return (
    <div
      class={`field ${fault !== undefined ? 'is-faulty' : ''}`}
      role={isGroup ? 'group' : undefined}
      aria-labelledby={isGroup ? `${id}-title` : undefined}>
      <span class="form-head">
        {isGroup ? <span id={`${id}-title`}>{title}</span> : <label for={id}>{title}</label>}
        {field.isNullable && draft.kind === 'leaf' && (
          <label class="form-null">
            <input
              type="checkbox"
              checked={draft.text === null}
              aria-label={`${titleOf(field, 'Value')} is null`}
              onChange={(event) =>
                onChange({ kind: 'leaf', text: event.currentTarget.checked ? null : undefined })
              }
            />{' '}
            null
          </label>
        )}
      </span>
      {children}
      {hint !== '' && (
        <span id={`${id}-hint`} class="field-hint" dir="auto">
          {hint}
        </span>
      )}
      {fault !== undefined && (
        <span id={`${id}-fault`} class="field-fault">
          {fault}
        </span>
      )}
    </div>
  );
}

function described({ field, id, path, faults }: FieldProps) {
  const ids = [hintOf(field) !== '' && `${id}-hint`, faults.has(path) && `${id}-fault`].filter(
    Boolean,
  );
  return {
    'aria-describedby': ids.length > 0 ? ids.join(' ') : undefined,
    'aria-invalid': faults.has(path) || undefined,
    'aria-required': field.isRequired || undefined,
  };
}

const placeholderOf = (field: Field): string => {
  const [example] = field.examples;
  return example === undefined ? '' : labelOf(example);
};

function Text(props: FieldProps) {
  const { field, draft, id, onChange } = props;
  const text = draft.kind === 'leaf' ? (draft.text ?? '') : '';
  const isNull = draft.kind === 'leaf' && draft.text === null;
  const isLong = field.kind === 'text' && (Number(field.most ?? 0) > 200 || /\n/.test(text));
  const common = {
    id,
    value: text,
    disabled: isNull,
    placeholder: isNull ? 'null' : placeholderOf(field),
    dir: 'auto' as const,
    autocomplete: 'off',
    ...described(props),
  };
  const put = (value: string): void =>
    onChange({ kind: 'leaf', text: value === '' ? undefined : value });
  return (
    <Frame props={props}>
      {isLong ? (
        <textarea
          {...common}
          class="form-long"
          rows={4}
          onInput={(e) => put(e.currentTarget.value)}
        />
      ) : (
        <input
          {...common}
          type="text"
          spellcheck={false}
          onInput={(e) => put(e.currentTarget.value)}
          inputMode={field.kind === 'number' ? 'decimal' : 'text'}
        />
      )}
    </Frame>
  );
}

type Option = [text: string | undefined, label: string];

function optionsOf(field: Field): Option[] {
  const all: Option[] =
    field.kind === 'boolean'
      ? [
          ['true', 'Yes'],
          ['false', 'No'],
        ]
      : field.choices.map((value, k): Option => [String(k), labelOf(value)]);
  return field.isRequired ? all : [...all, [undefined, 'Leave out']];
}

function Choice(props: FieldProps) {
  const { field, draft, id, onChange } = props;
  const options = optionsOf(field);
  const chosen = draft.kind === 'leaf' ? draft.text : undefined;
  const put = (text: string | undefined): void => onChange({ kind: 'leaf', text });
  const isShort =
    options.length <= CHOICES_SHOWN && options.every(([, label]) => label.length <= 24);
  if (!isShort)
    return (
      <Frame props={props}>
        <select
          id={id}
          value={chosen ?? ''}
          {...described(props)}
          disabled={chosen === null}
          onChange={(event) =>
            put(event.currentTarget.value === '' ? undefined : event.currentTarget.value)
          }>
          <option value="">{field.isRequired ? 'Choose one' : 'Leave out'}</option>
          {options
            .filter(([text]) => text !== undefined)
            .map(([text, label]) => (
              <option key={text} value={text}>
                {label}
              </option>
            ))}
        </select>
      </Frame>
    );
  return (
    <Frame props={props} isGroup>
      <div
        class="form-choices"
        role="radiogroup"
        aria-labelledby={`${id}-title`}
        {...described(props)}>
        {options.map(([text, label]) => (
          <label key={text ?? ''} class="form-choice">
            <input
              type="radio"
              name={id}
              checked={chosen === text}
              disabled={chosen === null}
              onChange={() => put(text)}
            />{' '}
            <span dir="auto">{label}</span>
          </label>
        ))}
      </div>
    </Frame>
  );
}

function Constant(props: FieldProps) {
  const { field, draft, id, onChange } = props;
  const isThere = draft.kind === 'leaf' && draft.text !== undefined;
  return (
    <Frame props={props}>
      <label class="check">
        <input
          id={id}
          type="checkbox"
          checked={isThere}
          {...described(props)}
          onChange={(event) =>
            onChange({ kind: 'leaf', text: event.currentTarget.checked ? 'true' : undefined })
          }
        />
        <code>{labelOf(field.constant)}</code>
      </label>
    </Frame>
  );
}

function JsonField(props: FieldProps) {
  const { field, draft, id, onChange, isOutermost } = props;
  return (
    <Frame props={props}>
      <textarea
        id={id}
        rows={isOutermost ? 10 : 3}
        spellcheck={false}
        autocomplete="off"
        value={draft.kind === 'json' ? draft.text : ''}
        {...described(props)}
        placeholder={field.examples[0] === undefined ? 'JSON' : write(field.examples[0])}
        onInput={(event) => onChange({ kind: 'json', text: event.currentTarget.value })}
      />
    </Frame>
  );
}

function List(props: FieldProps) {
  const { field, draft, path, id, faults, onChange } = props;
  const { item } = field;
  if (item === null || draft.kind !== 'list') return null;
  const put = (items: typeof draft.items): void => onChange({ ...draft, items });
  const isFull = field.most !== null && draft.items.length >= Number(field.most);
  return (
    <Frame props={props} isGroup>
      <div class="form-list">
        {draft.items.map((one, k) => (
          <div key={one.id} class="form-item">
            <FieldOf
              field={{ ...item, title: item.title || `${titleOf(field, 'Item')} ${k + 1}` }}
              draft={one.draft}
              path={`${path}[${k}]`}
              id={`${id}-${one.id}`}
              faults={faults}
              onChange={(next) =>
                put(
                  draft.items.map((have) =>
                    have.id === one.id ? { ...have, draft: next } : have,
                  ),
                )
              }
            />
            <button
              type="button"
              class="icon-button"
              aria-label={`Remove ${titleOf(field, 'item')} ${k + 1}`}
              onClick={() => put(draft.items.filter((have) => have.id !== one.id))}>
              <Icon name="close" />
            </button>
          </div>
        ))}
        <button
          type="button"
          class="form-add"
          disabled={isFull}
          onClick={() => put([...draft.items, newItem(emptyDraft(item))])}>
          <Icon name="plus" />
          Add
        </button>
      </div>
    </Frame>
  );
}

/** What has no field of its own stays with the value, and can be seen. */
function Others({ draft, id }: { draft: Draft & { kind: 'object' }; id: string }) {
  if (draft.others.size === 0) return null;
  return (
    <p id={`${id}-others`} class="field-hint">
      It also has:{' '}
      {[...draft.others.keys()].map((name, k) => (
        <span key={name}>
          {k > 0 && ', '}
          <code>{name}</code>
        </span>
      ))}
      . Write it as JSON to change that.
    </p>
  );
}

function Group(props: FieldProps) {
  const { field, draft, path, id, faults, onChange, isOutermost } = props;
  if (draft.kind !== 'object') return null;
  const inner = (
    <>
      {field.fields.map((one) => (
        <FieldOf
          key={one.name}
          field={one}
          draft={draft.fields[one.name] ?? emptyDraft(one)}
          path={below(path, one.name)}
          id={`${id}.${one.name}`}
          faults={faults}
          onChange={(next) =>
            onChange({ ...draft, fields: { ...draft.fields, [one.name]: next } })
          }
        />
      ))}
      <Others draft={draft} id={id} />
    </>
  );
  if (isOutermost) return <div class="form-fields">{inner}</div>;
  return (
    <fieldset class="form-group">
      <legend>
        <Title field={field} fallback="Values" />
      </legend>
      {field.description !== '' && (
        <p class="field-hint" dir="auto">
          {field.description}
        </p>
      )}
      <div class="form-fields">{inner}</div>
    </fieldset>
  );
}

export function FieldOf(props: FieldProps) {
  const { field, draft } = props;
  if (draft.kind === 'json') return <JsonField {...props} />;
  switch (field.kind) {
    case 'object':
      return <Group {...props} />;
    case 'list':
      return <List {...props} />;
    case 'choice':
    case 'boolean':
      return <Choice {...props} />;
    case 'constant':
      return <Constant {...props} />;
    default:
      return <Text {...props} />;
  }
}
