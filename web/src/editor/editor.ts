// The code editor: CodeMirror in a shadow root. There its styles are style sheets made by script,
// which a policy without inline styles allows; in the page itself it would add style elements.
import {
  autocompletion,
  closeBrackets,
  closeBracketsKeymap,
  type Completion,
  type CompletionContext,
  completionKeymap,
  type CompletionResult,
  pickedCompletion,
  startCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { yaml } from '@codemirror/lang-yaml';
import {
  bracketMatching,
  codeFolding,
  foldGutter,
  foldKeymap,
  indentOnInput,
  indentUnit,
  syntaxHighlighting,
} from '@codemirror/language';
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint';
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search';
import {
  Compartment,
  EditorState,
  type Extension,
  type Text,
  Transaction,
} from '@codemirror/state';
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  hoverTooltip,
  keymap,
  lineNumbers,
} from '@codemirror/view';
import { explain, explainSuggestion } from './explain';
import { colours, look } from './look';
import type { Schema } from './schema';
import { helpAt, meant, suggestAt, type Suggestion } from './suggest';

/** As the server names it: line and column from 1, columns count characters; 0: the whole. */
export type Problem = { line: number; column: number; message: string; isWarning?: boolean };

export type EditorOptions = {
  parent: HTMLElement;
  text: string;
  label: string;
  schema: () => Schema | null;
  isReadOnly?: boolean;
  onChange?: (text: string) => void;
  onSave?: () => void;
};

export type Editor = {
  text: () => string;
  /** Another text; it can be undone. */
  put: (text: string) => void;
  show: (problems: Problem[]) => void;
  goTo: (problem: Problem) => void;
  focus: () => void;
  end: () => void;
};

/* --- where a problem is --- */

const WORD = /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,:{}[\]]+)/;

function placeOf(doc: Text, { line, column }: Problem): { from: number; to: number } {
  if (line < 1 || line > doc.lines) return { from: 0, to: 0 };
  const at = doc.line(line);
  const before = [...at.text].slice(0, Math.max(0, column - 1)).join('').length;
  const from = at.from + before;
  const length =
    WORD.exec(at.text.slice(before))?.[0].length ?? Math.min(1, at.text.length - before);
  return { from, to: Math.max(from, from + length) };
}

function fixOf(problem: Problem, doc: Text): Diagnostic['actions'] {
  const word = meant(problem.message);
  const { from, to } = placeOf(doc, problem);
  if (word === null || from === to) return [];
  const quote = /^["']/.exec(doc.sliceString(from, from + 1))?.[0] ?? '';
  return [
    {
      name: `Change to ${word}`,
      apply: (view, a, b) =>
        view.dispatch({ changes: { from: a, to: b, insert: `${quote}${word}${quote}` } }),
    },
  ];
}

function diagnosticOf(problem: Problem, doc: Text): Diagnostic {
  return {
    ...placeOf(doc, problem),
    severity: problem.isWarning ? 'warning' : 'error',
    message: problem.message,
    actions: fixOf(problem, doc) ?? [],
  };
}

/* --- completion and hover --- */

function put(one: Suggestion) {
  return (view: EditorView, completion: Completion, from: number, to: number): void => {
    view.dispatch({
      changes: { from, to, insert: one.insert },
      userEvent: 'input.complete',
      annotations: pickedCompletion.of(completion),
      selection: { anchor: from + one.insert.length - (one.back ?? 0) },
    });
    if (one.kind === 'key' || one.kind === 'name') setTimeout(() => startCompletion(view));
  };
}

const KINDS: Record<Suggestion['kind'], string> = {
  key: 'property',
  value: 'enum',
  name: 'variable',
};

function complete(schema: () => Schema | null) {
  return (context: CompletionContext): CompletionResult | null => {
    const root = schema();
    const text = context.state.doc.toString();
    const found = root === null ? null : suggestAt(root, text, context.pos);
    if (found === null) return null;
    const isBlank = found.from === context.pos && !/[.{[:,]\s?$/.test(text.slice(0, context.pos));
    if (isBlank && !context.explicit) return null;
    const options = found.options.map((one, k): Completion => ({
      label: one.label,
      detail: one.detail,
      type: KINDS[one.kind],
      boost: -k,
      ...(one.info ? { info: () => explainSuggestion(one) } : {}),
      apply: put(one),
    }));
    return { from: found.from, options, validFor: /^[\w.-]*$/ };
  };
}

function hover(schema: () => Schema | null): Extension {
  return hoverTooltip((view, pos) => {
    const root = schema();
    const help = root === null ? null : helpAt(root, view.state.doc.toString(), pos);
    if (help === null) return null;
    return { pos: help.from, end: help.to, above: true, create: () => ({ dom: explain(help) }) };
  });
}

/* --- the editor --- */

const languageOf = (text: string): 'json' | 'yaml' =>
  text.trimStart().startsWith('{') ? 'json' : 'yaml';

function writing({ schema, onSave }: EditorOptions): Extension[] {
  return [
    history(),
    indentOnInput(),
    closeBrackets(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    autocompletion({ override: [complete(schema)], icons: false, maxRenderedOptions: 60 }),
    lintGutter(),
    keymap.of([{ key: 'Mod-s', preventDefault: true, run: () => (onSave?.(), true) }]),
    keymap.of([
      ...closeBracketsKeymap,
      ...historyKeymap,
      ...completionKeymap,
      ...lintKeymap,
      indentWithTab,
    ]),
  ];
}

export function makeEditor(options: EditorOptions): Editor {
  const { parent, label, isReadOnly, onChange, schema } = options;
  const root = parent.shadowRoot ?? parent.attachShadow({ mode: 'open' });
  const language = new Compartment();
  let kind = languageOf(options.text);
  const state = EditorState.create({
    doc: options.text,
    extensions: [
      lineNumbers(),
      codeFolding(),
      foldGutter({ openText: '▾', closedText: '▸' }),
      drawSelection(),
      bracketMatching(),
      highlightSelectionMatches(),
      search({ top: true }),
      indentUnit.of('  '),
      EditorState.tabSize.of(2),
      EditorView.lineWrapping,
      syntaxHighlighting(colours),
      look,
      hover(schema),
      language.of(kind === 'json' ? json() : yaml()),
      EditorView.contentAttributes.of({ 'aria-label': label, tabindex: '0' }),
      ...(isReadOnly
        ? [EditorState.readOnly.of(true), EditorView.editable.of(true)]
        : writing(options)),
      keymap.of([...defaultKeymap, ...searchKeymap, ...foldKeymap]),
      EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        const text = update.state.doc.toString();
        onChange?.(text);
        const next = languageOf(text);
        if (next === kind) return;
        kind = next;
        view.dispatch({ effects: language.reconfigure(kind === 'json' ? json() : yaml()) });
      }),
    ],
  });
  const view: EditorView = new EditorView({
    state,
    parent: root as unknown as HTMLElement,
    root,
  });
  return handleOf(view);
}

function handleOf(view: EditorView): Editor {
  return {
    text: () => view.state.doc.toString(),
    put: (text) =>
      view.dispatch({
        changes: { from: 0, to: view.state.doc.length, insert: text },
        annotations: Transaction.userEvent.of('input.replace'),
      }),
    show: (problems) =>
      view.dispatch(
        setDiagnostics(
          view.state,
          problems.map((problem) => diagnosticOf(problem, view.state.doc)),
        ),
      ),
    goTo: (problem) => {
      const { from } = placeOf(view.state.doc, problem);
      view.dispatch({
        selection: { anchor: from },
        effects: EditorView.scrollIntoView(from, { y: 'center' }),
      });
      view.focus();
    },
    focus: () => view.focus(),
    end: () => view.destroy(),
  };
}
