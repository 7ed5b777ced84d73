// The access key, where the server asks for one. This tab keeps it until it is closed or logged
// out; it goes into the header of each request and nowhere else.
import { h } from './lib.js';

const PLACE = 'swm-key';
let question = null; // the one that is open, however many requests wait for it

export const current = () => sessionStorage.getItem(PLACE);

function ask(text) {
  return new Promise((resolve) => {
    const input = h('input', { type: 'password', name: 'key', required: true, autofocus: true,
      autocomplete: 'off', spellcheck: 'false', pattern: '[!-~]+', maxlength: 256 });
    const dialog = h('dialog', { id: 'login', 'aria-labelledby': 'login-title' },
      h('form', { method: 'dialog' }, h('h2', { id: 'login-title' }, 'Log in'), h('p', {}, text),
        h('label', { class: 'field' }, 'Access key', input),
        h('div', { class: 'buttons' }, h('button', { class: 'primary', type: 'submit' }, 'Log in'))));
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(input.value);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

// Resolves when there is another key than `refused`.
export async function another(refused) {
  if (current() !== refused) return;
  question ??= ask(refused === null
    ? 'This server asks for a key. An administrator makes one with "swm key create".'
    : 'The server does not take this key: it is wrong, revoked or has expired.')
    .then((key) => {
      sessionStorage.setItem(PLACE, key);
      question = null;
    });
  await question;
}

export function forget() {
  sessionStorage.removeItem(PLACE);
  location.reload();
}
