// A form made from a schema. `useForm` keeps what is filled in, `SchemaForm` draws it, `filledIn`
// gives the value: as fields, or as JSON where the reader prefers that.
import { useMemo } from 'preact/hooks';
import { type Signal, useSignal } from '@preact/signals';
import { type Draft, draftOf, emptyDraft, type Faults, type Filled, filled } from './draft';
import { FieldOf } from './fields';
import { type Field, formOf, inOrder } from './model';
import { NotJson, read, valueOf, write } from './value';

export type Form = {
  field: Field;
  draft: Signal<Draft>;
  /** What is typed as JSON; null: the fields are shown. */
  json: Signal<string | null>;
  /** Faults are shown: the reader wanted to send it, or has touched the field. */
  isChecked: Signal<boolean>;
};

export type FormOptions = {
  /** What it begins with instead of what the schema presets. */
  value?: unknown;
  /** The names of an object's properties in the order they were written, by its path. */
  order?: (path: string) => string[];
  /** What is filled in stays when the schema changes: it is another version of the same. */
  isCarried?: boolean;
};

/** A new form whenever `schema` is another one (undefined, null: anything is taken). */
export function useForm(schema: unknown, options: FormOptions = {}): Form {
  const { value, order, isCarried } = options;
  const text = schema === undefined || schema === null ? '' : JSON.stringify(schema);
  const field = useMemo(() => {
    const plain = formOf(text === '' ? undefined : read(text));
    return order === undefined ? plain : inOrder(plain, order);
  }, [text]);
  const begin = (): Draft =>
    value === undefined ? emptyDraft(field) : draftOf(field, valueOf(value));
  const draft = useSignal<Draft>(begin());
  const json = useSignal<string | null>(null);
  const isChecked = useSignal(false);
  const made = useSignal(field);
  if (made.peek() !== field) {
    const before = isCarried ? filled(made.peek(), draft.peek()).value : undefined;
    made.value = field;
    draft.value = before === undefined ? begin() : draftOf(field, before);
    if (!isCarried) json.value = null;
    isChecked.value = false;
  }
  return { field, draft, json, isChecked };
}

/** The value, and what is missing or wrong in it, by path; the server has the last word. */
export function filledIn({ field, draft, json }: Form): Filled {
  if (json.value === null) return filled(field, draft.value);
  if (json.value.trim() === '') return { value: undefined, faults: new Map() };
  try {
    const value = read(json.value);
    return { value, faults: new Map() };
  } catch (e) {
    if (!(e instanceof NotJson)) throw e;
    return { value: undefined, faults: new Map([['', `${e.message}.`]]) };
  }
}

function toJson(form: Form): void {
  const { value } = filledIn(form);
  form.json.value = value === undefined ? '' : write(value, 2);
}

/** Back to the fields; what is typed must be JSON for that. */
function toFields(form: Form): void {
  const { value, faults } = filledIn(form);
  form.isChecked.value = faults.size > 0;
  if (faults.size > 0) return;
  form.draft.value = draftOf(form.field, value);
  form.json.value = null;
}

function JsonText({ form, faults, id }: { form: Form; faults: Faults; id: string }) {
  const fault = faults.get('');
  return (
    <div class="field">
      <label class="hidden" for={id}>
        As JSON
      </label>
      <textarea
        id={id}
        rows={10}
        spellcheck={false}
        autocomplete="off"
        value={form.json.value ?? ''}
        placeholder="{ }"
        aria-invalid={fault !== undefined || undefined}
        aria-describedby={fault !== undefined ? `${id}-fault` : undefined}
        onInput={(event) => {
          form.json.value = event.currentTarget.value;
        }}
      />
      {fault !== undefined && (
        <span id={`${id}-fault`} class="field-fault">
          {fault}
        </span>
      )}
    </div>
  );
}

/** `id` sets the form apart from others on the page. */
export function SchemaForm({ form, id }: { form: Form; id: string }) {
  const { field, draft, json, isChecked } = form;
  const { faults } = filledIn(form);
  const isPlain = field.kind === 'json' && draft.value.kind === 'json';
  return (
    <div class="form">
      {json.value !== null ? (
        <JsonText form={form} faults={faults} id={`${id}-json`} />
      ) : (
        <FieldOf
          field={field}
          draft={draft.value}
          path=""
          id={id}
          isOutermost
          faults={isChecked.value ? faults : new Map()}
          onChange={(next) => {
            draft.value = next;
          }}
        />
      )}
      {!isPlain && (
        <button
          type="button"
          class="link-button form-switch"
          onClick={() => (json.value === null ? toJson(form) : toFields(form))}>
          {json.value === null ? 'Write it as JSON' : 'Fill in the fields'}
        </button>
      )}
    </div>
  );
}
