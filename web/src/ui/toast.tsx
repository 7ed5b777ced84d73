// One short word about what has just happened.
import { useEffect } from 'preact/hooks';
import { store } from '../store';

const SHOWN_MS = 5000;
let count = 0;

export function say(text: string, isBad = false): void {
  store.toast.value = { text, isBad, id: ++count };
}

export function ToastHost() {
  const toast = store.toast.value;
  useEffect(() => {
    if (toast === null) return undefined;
    const timer = setTimeout(() => {
      if (store.toast.peek() === toast) store.toast.value = null;
    }, SHOWN_MS);
    return () => clearTimeout(timer);
  }, [toast]);
  return (
    <div class="toasts" role="status">
      {toast && (
        <p key={toast.id} class={`toast ${toast.isBad ? 'toast-bad' : ''}`}>{toast.text}</p>
      )}
    </div>
  );
}
