// How the code editor looks, in the page's own colours: custom properties reach into its shadow.
import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--accent)' },
  { tag: [tags.string, tags.special(tags.string), tags.attributeValue], color: 'var(--green)' },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.atom], color: 'var(--indigo)' },
  { tag: [tags.comment, tags.lineComment], color: 'var(--quiet)', fontStyle: 'italic' },
  {
    tag: [tags.punctuation, tags.separator, tags.bracket, tags.squareBracket, tags.brace],
    color: 'var(--quiet)',
  },
  { tag: [tags.labelName, tags.typeName, tags.meta], color: 'var(--violet)' },
  { tag: tags.invalid, color: 'var(--red)' },
]);

const box = {
  border: '1px solid var(--line-strong)',
  borderRadius: '8px',
  background: 'var(--raised)',
  color: 'var(--ink)',
  boxShadow: 'var(--shadow-high)',
  font: '13px/1.45 var(--sans)',
};
const button = {
  font: '12px/1.4 var(--sans)',
  border: '1px solid var(--line-strong)',
  color: 'var(--ink)',
  borderRadius: '6px',
  background: 'var(--raised)',
  padding: '3px 8px',
  cursor: 'pointer',
};

const frame = {
  '&': { height: '100%', background: 'var(--card)', color: 'var(--ink)', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' }, // the card around it has one
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6', overflow: 'auto' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeft: '2px solid var(--accent)' },
  '.cm-gutters': {
    background: 'var(--card)',
    color: 'var(--quiet)',
    border: 'none',
    borderRight: '1px solid var(--line)',
  },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '28px', padding: '0 4px 0 6px' },
  '.cm-foldGutter .cm-gutterElement': { cursor: 'pointer', width: '14px' },
  '.cm-activeLine, .cm-activeLineGutter': { background: 'var(--hover)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground': {
    background: 'var(--blue-bg)',
  },
  '.cm-selectionBackground':
    { background: 'var(--blue-bg)' },
  '&.cm-focused .cm-matchingBracket': { background: 'var(--green-bg)', outline: 'none' },
  '&.cm-focused .cm-nonmatchingBracket': { background: 'var(--red-bg)' },
  '.cm-selectionMatch, .cm-searchMatch': { background: 'var(--amber-bg)' },
  '.cm-searchMatch-selected': {
    background: 'var(--amber-bg)',
    outline: '1px solid var(--amber)',
  },
  '.cm-foldPlaceholder': {
    background: 'var(--grey-bg)',
    border: 'none',
    color: 'var(--grey)',
    padding: '0 6px',
  },
};

const boxes = {
  '.cm-tooltip': { ...box, zIndex: '50' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': {
    fontFamily: 'var(--mono)',
    fontSize: '12.5px',
    maxHeight: '17em',
  },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 10px', lineHeight: '1.5' },
  '.cm-tooltip-autocomplete ul li[aria-selected]': {
    background: 'var(--accent-soft)',
    color: 'var(--accent)',
  },
  '.cm-completionDetail': {
    color: 'var(--quiet)',
    fontStyle: 'normal',
    fontFamily: 'var(--sans)',
    marginLeft: '14px',
  },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '700' },
  '.cm-tooltip.cm-completionInfo': { ...box, maxWidth: '340px', padding: '0' },
  '.help': { padding: '8px 12px', maxWidth: '420px', whiteSpace: 'normal' },
  '.help p': { margin: '2px 0' },
  '.help code': { fontFamily: 'var(--mono)', fontSize: '12px', overflowWrap: 'anywhere' },
  '.help-head': { display: 'flex', gap: '10px', alignItems: 'baseline' },
  '.help-kind, .help-fact': { color: 'var(--quiet)', fontSize: '12px' },
};

const problems = {
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--danger) 1px',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-warning': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--amber) 1px',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-active': { background: 'var(--red-bg)' },
  '.cm-lintPoint::after': { borderBottomColor: 'var(--danger)' },
  '.cm-gutter-lint': { width: '16px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-lint-marker': {
    width: '10px',
    height: '10px',
    margin: '5px 3px',
    borderRadius: '50%',
    content: '""',
  },
  '.cm-lint-marker-error': { content: '""', background: 'var(--danger)' },
  '.cm-lint-marker-warning': { content: '""', background: 'var(--amber)', borderRadius: '2px' },
  '.cm-diagnostic': {
    padding: '8px 12px',
    borderLeft: '3px solid var(--danger)',
    maxWidth: '480px',
    whiteSpace: 'pre-wrap',
  },
  '.cm-diagnostic-warning': { borderLeftColor: 'var(--amber)' },
  '.cm-diagnosticAction': { ...button, marginLeft: '0', display: 'block', marginTop: '6px' },
};

const panels = {
  '.cm-panels': { background: 'var(--side)', color: 'var(--ink)', font: '13px var(--sans)' },
  '.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panel.cm-search': { padding: '8px 34px 8px 10px' },
  '.cm-panel.cm-search label': { fontSize: '12px' },
  '.cm-textfield': { ...button, cursor: 'text' },
  '.cm-button': { ...button, backgroundImage: 'none' },
  '.cm-panel.cm-search [name=close]': {
    color: 'var(--quiet)',
    fontSize: '18px',
    cursor: 'pointer',
  },
};

export const look = EditorView.theme({ ...frame, ...boxes, ...problems, ...panels });
